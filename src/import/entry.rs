//! Reading the entries of a Bundle: what each one asks for, as far as that is known without a store.
//!
//! <https://hl7.org/fhir/R4/http.html#trules>. The reading thread does this work.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::derive::derive_ids;
use super::lines::LineCounter;
use super::make::{MadeAhead, are_made_ahead, make_resources};
use super::step::{BundleSteps, EntryAction, EntryPut, EntrySearch, EntryStep, PutRule};
use crate::fhir::ResourceIdentity;
use crate::fhir::bundle::{Bundle, BundleEntry, BundleType, EntryRequest};
use crate::fhir::full_url::FullUrls;
use crate::fhir::json::{one_line, place};
use crate::fhir::name::short;
use crate::fhir::no_data::NoData;
use crate::fhir::reference::may_search;
use crate::fhir::resource::BUNDLE;

/// Bundles in Bundles are read to this depth.
const MAX_NESTING: usize = 100;

/// What an entry is: something to do, or no data.
enum EntryContent {
    Action(EntryAction),
    LeftOut(NoData),
}

/// A text that holds a Bundle.
pub(super) struct BundleText<'a> {
    /// The whole text, the Bundle being a part of it.
    pub(super) text: &'a str,
    /// True where resources keep their `meta.lastUpdated`, which then must be a time.
    pub(super) keeps_times: bool,
    /// The owner given to new resources.
    pub(super) owner: i64,
    /// What is made of each resource ahead.
    pub(super) ahead: &'a MadeAhead,
}

impl BundleText<'_> {
    /// Reads the Bundle at `range`, which starts on line `first_line`.
    ///
    /// # Errors
    /// The reason, where the Bundle as a whole cannot be read.
    pub(super) fn read(
        &self,
        range: Range<usize>,
        first_line: u64,
    ) -> Result<Box<BundleSteps>, String> {
        self.read_nested(range, first_line, 0)
    }

    fn read_nested(
        &self,
        range: Range<usize>,
        first_line: u64,
        depth: usize,
    ) -> Result<Box<BundleSteps>, String> {
        let text = &self.text[range];
        let bundle = Bundle::parse(text)?;
        if depth > MAX_NESTING {
            return Err("too many Bundles in Bundles".to_owned());
        }
        let may_search = may_search(text) || text.contains("ifNoneExist");
        let mut lines = LineCounter::new(text, first_line);
        let mut entries: Vec<_> = bundle
            .entries
            .into_iter()
            .enumerate()
            .map(|(number, entry)| {
                let offset =
                    entry.as_ref().map_or_else(|(offset, _)| *offset, |entry| entry.offset);
                (number, lines.at(offset), entry)
            })
            .collect();
        match bundle.bundle_type {
            // https://hl7.org/fhir/R4/http.html#trules: deletions come first.
            BundleType::Transaction => {
                entries.sort_by_key(|(_, _, entry)| !entry.as_ref().is_ok_and(asks_to_delete));
            }
            // https://hl7.org/fhir/R4/http.html#history: the newest come first.
            BundleType::History => entries.reverse(),
            _ => {}
        }
        let are_made = are_made_ahead(self.text);
        let mut left_out = BTreeMap::new();
        let mut steps = Vec::with_capacity(entries.len());
        for (number, line, entry) in entries {
            let read = entry.map_err(|(_, reason)| reason);
            let content = match &read {
                Ok(entry) => self.entry(entry, line, may_search, depth, bundle.is_response),
                Err(reason) => Err(reason.clone()),
            };
            let action = match content {
                Ok(EntryContent::LeftOut(kind)) => {
                    *left_out.entry(kind).or_default() += 1;
                    continue;
                }
                Ok(EntryContent::Action(action)) => action,
                Err(reason) => EntryAction::Reject(reason),
            };
            if let EntryAction::Nested(Ok(nested)) = &action {
                for (kind, count) in &nested.left_out {
                    *left_out.entry(*kind).or_default() += count;
                }
            }
            let entry = read.ok();
            let resource = entry.as_ref().and_then(|entry| entry.resource);
            steps.push(EntryStep {
                line,
                number,
                text: resource.map_or(0..0, |resource| place(self.text, resource)),
                minified: match (&action, resource) {
                    (EntryAction::Put(_), Some(resource)) if are_made => minified_lines(resource),
                    _ => None,
                },
                full_url: entry.as_ref().and_then(|entry| entry.full_url.clone().map(Into::into)),
                condition: entry.and_then(|entry| entry.condition).map(Box::new),
                action,
                made: None,
            });
        }
        let mut remarks = Vec::new();
        let full_urls = full_urls(&steps, bundle.bundle_type, &mut remarks);
        let is_history = bundle.bundle_type == BundleType::History;
        let kinship = derive_ids(self.text, &mut steps, &full_urls, self.owner, is_history);
        let mut bundle = Box::new(BundleSteps {
            bundle_type: bundle.bundle_type,
            may_search,
            steps,
            full_urls,
            made_for: Vec::new(),
            kinship,
            remarks,
            left_out,
        });
        make_resources(self.text, &mut bundle, self.ahead);
        Ok(bundle)
    }

    /// Decides what an entry is. `answers` says that the Bundle is a response.
    fn entry(
        &self,
        entry: &BundleEntry<'_>,
        line: u64,
        may_search: bool,
        depth: usize,
        answers: bool,
    ) -> Result<EntryContent, String> {
        if entry.is_outcome {
            return Ok(EntryContent::LeftOut(NoData::OutcomeEntry));
        }
        // An OperationOutcome that is put at an id is meant to be stored. An operation is a remark.
        let is_put = matches!(entry.request, EntryRequest::Put { .. });
        if let Some(text) = entry.resource
            && !matches!(entry.request, EntryRequest::Other { .. })
            && (text.contains("\"Parameters\"") || text.contains("\"OperationOutcome\""))
            && let Some(kind) = NoData::of_resource(&ResourceIdentity::read(text, false)?, answers)
            && !(is_put && kind == NoData::Outcome)
        {
            return Ok(EntryContent::LeftOut(kind));
        }
        self.action(entry, line, may_search, depth).map(EntryContent::Action)
    }

    /// Decides what an entry asks for; the error is the reason why it cannot be taken.
    fn action(
        &self,
        entry: &BundleEntry<'_>,
        line: u64,
        may_search: bool,
        depth: usize,
    ) -> Result<EntryAction, String> {
        match &entry.request {
            EntryRequest::Other { description } => {
                return Ok(EntryAction::Remark(format!(
                    "{description}; there is nothing to import"
                )));
            }
            EntryRequest::Delete { resource_type, id } => {
                let (resource_type, id) = (resource_type.clone(), id.clone());
                return Ok(EntryAction::Delete { resource_type, id });
            }
            EntryRequest::DeleteWhere { query } => {
                return EntrySearch::parse(query, None).map(EntryAction::DeleteWhere);
            }
            EntryRequest::None
            | EntryRequest::Post { .. }
            | EntryRequest::Put { .. }
            | EntryRequest::PutWhere { .. } => {}
        }
        let Some(text) = entry.resource else {
            return match entry.request {
                EntryRequest::None => Ok(EntryAction::Nothing),
                _ => Err("the entry has a request but no resource".to_owned()),
            };
        };
        let identity = ResourceIdentity::read(text, self.keeps_times)?;
        if identity.resource_type == BUNDLE {
            let range = place(self.text, text);
            return Ok(EntryAction::Nested(self.read_nested(range, line, depth + 1)));
        }
        let rule = put_rule(&entry.request, &identity)?;
        let ResourceIdentity { resource_type, id, identifiers } = identity;
        let id = match &entry.request {
            EntryRequest::Put { id, .. } => Some(id.clone()),
            _ => id,
        };
        let is_derived = id.is_none();
        Ok(EntryAction::Put(EntryPut {
            resource_type,
            id: id.unwrap_or_default(),
            is_derived,
            former_id: None,
            identifiers: if may_search || is_derived { identifiers } else { Vec::new() },
            rule,
        }))
    }
}

/// A text without white space, where it has line breaks.
fn minified_lines(text: &str) -> Option<String> {
    match one_line(text) {
        Cow::Owned(minified) => Some(minified),
        Cow::Borrowed(_) => None,
    }
}

/// Notes which entry each `fullUrl` and each `Type/id` stands for. Where a `fullUrl` comes twice, links
/// lead to the last entry that has it, and `remarks` says so unless both are the same resource.
fn full_urls(
    steps: &[EntryStep],
    bundle_type: BundleType,
    remarks: &mut Vec<(u64, String)>,
) -> FullUrls {
    let mut full_urls = FullUrls::default();
    for (place, step) in steps.iter().enumerate() {
        let name = match &step.action {
            EntryAction::Put(put) if put.is_derived => None,
            EntryAction::Put(put) => Some(format!("{}/{}", put.resource_type, put.id)),
            // Links to what cannot be taken lead nowhere, but not to something else.
            EntryAction::Reject(_) if !step.text.is_empty() => None,
            _ => continue,
        };
        if let Some(full_url) = &step.full_url
            && let Some(other) = full_urls.add(full_url, place)
            && !(name.is_some() && name == given_name(&steps[other]))
            && bundle_type != BundleType::History
        {
            let (url, number, other) = (short(full_url), step.number, steps[other].number);
            let remark = format!(
                "entry[{number}] has the fullUrl {url} of entry[{other}]; links to it lead to entry[{number}]"
            );
            remarks.push((step.line, remark));
        }
        // A resource that goes elsewhere than its id says takes the links by that id with it.
        let may_move = |put: &EntryPut| !matches!(put.rule, PutRule::Always);
        if let (Some(name), EntryAction::Put(put)) = (name, &step.action)
            && may_move(put)
        {
            full_urls.add_name(name, place);
        }
    }
    full_urls
}

/// The `Type/id` of an entry whose resource has an id.
fn given_name(step: &EntryStep) -> Option<String> {
    match &step.action {
        EntryAction::Put(put) if !put.is_derived => {
            Some(format!("{}/{}", put.resource_type, put.id))
        }
        _ => None,
    }
}

/// Decides when a resource is put in; the error is the reason why its request cannot be carried out.
fn put_rule(request: &EntryRequest<'_>, identity: &ResourceIdentity) -> Result<PutRule, String> {
    let ResourceIdentity { resource_type, id: own, .. } = identity;
    match request {
        EntryRequest::Put { resource_type: asked, id } if asked != resource_type => {
            Err(format!("PUT {asked}/{id} carries a {resource_type}"))
        }
        EntryRequest::Put { resource_type: asked, id } => match own {
            Some(own) if own != id => Err(format!("PUT {asked}/{id} carries the id {own}")),
            _ => Ok(PutRule::Always),
        },
        EntryRequest::Post { if_none_exist: Some(query) } => {
            let search = EntrySearch::parse(query, Some(resource_type))
                .map_err(|reason| format!("ifNoneExist {}: {reason}", short(query)))?;
            Ok(PutRule::IfNoneExist(Box::new(search)))
        }
        EntryRequest::PutWhere { query } => {
            let search = EntrySearch::parse(query, Some(resource_type))
                .map_err(|reason| format!("PUT {}: {reason}", short(query)))?;
            Ok(PutRule::Where { search: Box::new(search), has_id: own.is_some() })
        }
        _ => Ok(PutRule::Always),
    }
}

/// True for an entry that asks to delete something.
fn asks_to_delete(entry: &BundleEntry<'_>) -> bool {
    matches!(entry.request, EntryRequest::Delete { .. } | EntryRequest::DeleteWhere { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletions_of_a_transaction_come_first_and_versions_of_a_history_in_reverse() {
        let numbers = |bundle_type: &str| {
            let text = format!(
                r#"{{"resourceType":"Bundle","type":"{bundle_type}","entry":[
                    {{"resource":{{"resourceType":"Patient","id":"1"}},"request":{{"method":"PUT","url":"Patient/1"}}}},
                    {{"request":{{"method":"DELETE","url":"?identifier=1"}}}},
                    {{"request":{{"method":"DELETE","url":"Patient/2"}}}}]}}"#
            );
            let ahead = MadeAhead::default();
            let whole = BundleText { text: &text, keeps_times: true, owner: 0, ahead: &ahead };
            let steps = whole.read(0..text.len(), 5).unwrap().steps;
            steps.iter().map(|step| (step.number, step.line)).collect::<Vec<_>>()
        };
        assert_eq!(numbers("batch"), [(0, 6), (1, 7), (2, 8)]);
        assert_eq!(numbers("transaction"), [(1, 7), (2, 8), (0, 6)]);
        assert_eq!(numbers("history"), [(2, 8), (1, 7), (0, 6)]);
    }
}
