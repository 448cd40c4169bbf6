//! Open references that found no single resource when they came in: another try once everything is in
//! the store, so that the order of files does not matter.

use std::collections::HashSet;

use super::apply::ImportRun;
use super::conditional::{MissedReference, Resolved, find_named, open_links, resolve};
use crate::error::{Error, Kind, Result};
use crate::fhir::full_url::is_urn;
use crate::fhir::name::short;
use crate::fhir::resource::Parsed;
use crate::fhir::search::Condition;
use crate::store::{Match, Writer};

/// Resolves the store's open references as far as possible, and reports the others.
pub(super) fn retry(run: &mut ImportRun<'_>) -> Result<()> {
    let mut link = String::new();
    while let Some(next) = run.writer.next_unresolved(&link)? {
        link = next;
        run.check_stopped()?;
        for ((owner, is_group), holders) in run.writer.versions_holding(&link)? {
            // References of an owner lead to resources that the owner may see.
            run.writer.set_owner(owner);
            match obstacle(&mut run.writer, &link, is_group)? {
                None => holders.into_iter().try_for_each(|seq| revise(&mut run.writer, seq))?,
                Some(reason) => {
                    run.report.unresolved += holders.len() as u64;
                    report(run, &link, &reason);
                }
            }
        }
    }
    run.writer.set_owner(run.owner);
    run.writer.delete_stale_unresolved()
}

/// Says why an open reference cannot be resolved; `None` where it can. `is_group` says that a Group
/// holds it.
fn obstacle(writer: &mut Writer<'_>, link: &str, is_group: bool) -> Result<Option<String>> {
    let found = match Condition::parse(link) {
        Some(Ok(condition)) => writer.find(&condition)?,
        Some(Err(reason)) => return Ok(Some(format!("cannot be resolved: {reason}"))),
        None => find_named(writer, link, is_group)?.all(),
    };
    Ok(match Match::of(found) {
        Match::One(_) => None,
        Match::None => Some("finds nothing".to_owned()),
        Match::Several(ids) => Some(format!("finds several: {}", short(&ids.join(", ")))),
    })
}

/// Resolves every reference of one version that can be resolved now.
fn revise(writer: &mut Writer<'_>, seq: i64) -> Result<()> {
    let pending = writer.unresolved_version(seq)?;
    let resource = match Parsed::parse(&pending.body, None) {
        Ok(Parsed::Resource(resource)) => resource,
        Ok(Parsed::Bundle) => return Err(Error::new(Kind::Damaged, "a Bundle is in the store")),
        Err(reason) => return Err(Error::new(Kind::Damaged, reason)),
    };
    let mut noted = HashSet::new();
    for link in open_links(&pending.body, false) {
        if writer.is_noted(&link, seq)? {
            noted.insert(link);
        }
    }
    let Resolved { text, open } = resolve(writer, &resource, None, |link| noted.contains(link))?;
    let revised = match text {
        Some(text) => {
            resource.with_text(text).map_err(|reason| Error::new(Kind::Damaged, reason))?
        }
        None => *resource,
    };
    writer.revise(&pending, &revised, &open)
}

/// Reports a reference that stays open, at the place where this import met it first.
fn report(run: &mut ImportRun<'_>, link: &str, reason: &str) {
    if let Some(MissedReference { file, line, times }) = run.missed.remove(link) {
        run.file = file;
        let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
        let kind = if is_urn(link) { "reference" } else { "conditional reference" };
        let link = short(link);
        run.remark(line, format!("{kind} {link} {reason}{times}; it is left as it is"));
    }
}
