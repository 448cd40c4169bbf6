//! Ids that fhirlite derived before it heeded links: a store keeps those that it has.
//!
//! Until format 4 the id of an entry without one followed from its `fullUrl` and its text alone. An
//! entry keeps such an id where the store's resource of that id is what this entry was then: where it
//! has the same content, links included, and everything that the entry depends on kept its id too.
//! Anything less could be the resource of another Bundle.

use super::apply::ImportRun;
use super::links::BundleLinks;
use super::settle::{SettledAction, Settler};
use super::step::{BundleSteps, EntryAction, EntryStep};
use crate::error::Result;
use crate::fhir::full_url::{FullUrls, is_urn};
use crate::fhir::json::{self, Edits};
use crate::fhir::resource::Parsed;

/// Gives the entries of a Bundle the ids of before, where the store has them.
pub(super) fn keep_ids(
    run: &mut ImportRun<'_>,
    text: &str,
    bundle: &mut BundleSteps,
) -> Result<()> {
    let mut hashes: Vec<Option<Vec<u8>>> = vec![None; bundle.steps.len()];
    for place in bundle.kinship.groups.iter().flatten() {
        if let EntryAction::Put(put) = &bundle.steps[*place].action
            && let Some(id) = &put.former_id
        {
            hashes[*place] = run.writer.last_hash(&put.resource_type, id)?;
        }
    }
    if hashes.iter().all(Option::is_none) {
        return Ok(());
    }
    exchange(&mut bundle.steps, |_| true);
    let (settled, _) = Settler::new(run, bundle.may_search).settle_all(&bundle.steps)?;
    let names = settled.iter().map(SettledAction::name).collect();
    let links = BundleLinks { text, full_urls: &bundle.full_urls, names };
    let is_kept = |place: &usize| match &bundle.steps[*place] {
        EntryStep { action: EntryAction::Put(put), .. } if put.former_id.is_none() => true,
        step => hashes[*place].as_ref().is_some_and(|hash| was_made_of(step, &links, hash)),
    };
    let mut kept: Vec<bool> = Vec::with_capacity(bundle.kinship.groups.len());
    for (group, on) in bundle.kinship.groups.iter().zip(&bundle.kinship.on) {
        kept.push(on.iter().all(|target| kept[*target]) && group.iter().all(is_kept));
    }
    let mut goes_back = vec![false; bundle.steps.len()];
    for (group, kept) in bundle.kinship.groups.iter().zip(kept) {
        group.iter().for_each(|place| goes_back[*place] = !kept);
    }
    exchange(&mut bundle.steps, |place| goes_back[place]);
    Ok(())
}

/// Exchanges the id and the former id of entries.
fn exchange(steps: &mut [EntryStep], is_wanted: impl Fn(usize) -> bool) {
    for (place, step) in steps.iter_mut().enumerate() {
        if let EntryAction::Put(put) = &mut step.action
            && is_wanted(place)
            && let Some(former) = put.former_id.take()
        {
            put.former_id = Some(std::mem::replace(&mut put.id, former.into()).into());
        }
    }
}

/// True where an entry with the id of before gives the content `hash`: with its links rewritten as
/// they were then, or as they are now that it was imported again.
fn was_made_of(step: &EntryStep, links: &BundleLinks<'_>, hash: &[u8]) -> bool {
    let EntryAction::Put(put) = &step.action else { return false };
    let is_same = |text: &str| match Parsed::parse(text, Some(&put.id)) {
        Ok(Parsed::Resource(resource)) => resource.hash[..] == *hash,
        _ => false,
    };
    let text = &links.text[step.text.clone()];
    is_same(&rewritten_before(text, links.full_urls, &links.names))
        || is_same(&links.rewritten(step).text)
}

/// Rewrites links as fhirlite did before: `urn:` links in some elements, and absolute references to
/// entries that kept the id of their `fullUrl`.
fn rewritten_before(text: &str, full_urls: &FullUrls, names: &[Option<String>]) -> String {
    let mut edits = Edits::default();
    json::each_string(text, |string| {
        let key = json::unescaped(string.key);
        let is_reference = key == "reference";
        let may_link = match key.as_ref() {
            "url" => !matches!(string.parent, "" | "contained" | "extension" | "modifierExtension"),
            "reference" | "uri" | "endpoint" | "address" => true,
            key => key.ends_with("Url") || key.ends_with("Uri"),
        };
        if !may_link {
            return;
        }
        let link = json::unescaped(string.raw);
        let Some(name) = full_urls.exactly(&link).and_then(|entry| names[entry].as_ref()) else {
            return;
        };
        let is_same = is_reference
            && link.strip_suffix(name.as_str()).is_some_and(|base| base.ends_with('/'));
        if is_urn(&link) || is_same {
            edits.replace(string.at, json::quoted(name));
        }
    });
    edits.apply(text)
}
