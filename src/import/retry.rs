//! Conditional references that found no single resource when they came in: another try once everything
//! is in the store, so that the order of files does not matter.

use super::apply::ImportRun;
use super::conditional::{MissedReference, Resolved, resolve};
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::fhir::resource::Parsed;
use crate::fhir::search::Condition;
use crate::store::{Match, Writer};

/// Resolves the store's open conditional references as far as possible, and reports the others.
pub(super) fn retry(run: &mut ImportRun<'_>) -> Result<()> {
    let mut link = String::new();
    while let Some(next) = run.writer.next_unresolved(&link)? {
        link = next;
        run.check_stopped()?;
        for (owner, holders) in run.writer.versions_holding(&link)? {
            // References of an owner lead to resources that the owner may see.
            run.writer.set_owner(owner);
            match obstacle(&mut run.writer, &link)? {
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

/// Says why a conditional reference cannot be resolved; `None` where it can.
fn obstacle(writer: &mut Writer<'_>, link: &str) -> Result<Option<String>> {
    let condition = match Condition::parse(link) {
        Some(Ok(condition)) => condition,
        Some(Err(reason)) => return Ok(Some(format!("cannot be resolved: {reason}"))),
        None => return Ok(Some("cannot be resolved".to_owned())),
    };
    Ok(match Match::of(writer.find(&condition)?) {
        Match::One(_) => None,
        Match::None => Some("finds nothing".to_owned()),
        Match::Several(ids) => Some(format!("finds several: {}", short(&ids.join(", ")))),
    })
}

/// Resolves every reference of one version that can be resolved now.
fn revise(writer: &mut Writer<'_>, seq: i64) -> Result<()> {
    let pending = writer.unresolved_version(seq)?;
    let Resolved { text, open } = resolve(writer, &pending.body, None)?;
    let text = text.as_deref().unwrap_or(&pending.body);
    match Parsed::parse(text, None) {
        Ok(Parsed::Resource(resource)) => writer.revise(&pending, &resource, &open),
        Ok(Parsed::Bundle) => Err(Error::new(Kind::Damaged, "a Bundle is in the store")),
        Err(reason) => Err(Error::new(Kind::Damaged, reason)),
    }
}

/// Reports a reference that stays open, at the place where this import met it first.
fn report(run: &mut ImportRun<'_>, link: &str, reason: &str) {
    if let Some(MissedReference { file, line, times }) = run.missed.remove(link) {
        run.file = file;
        let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
        let link = short(link);
        run.remark(
            line,
            format!("conditional reference {link} {reason}{times}; it is left as it is"),
        );
    }
}
