//! The entries of a Bundle: what each one asks for, as far as that is known without a store.
//!
//! <https://hl7.org/fhir/R4/http.html#trules>. The reading thread does this work. Places are those in
//! the whole text that the Bundle came in, and the resources stay there until they are applied: a
//! Bundle of a gigabyte is not copied.

use std::ops::Range;

use super::lines::LineCounter;
use crate::fhir::bundle::{Bundle, BundleEntry, BundleType, EntryRequest};
use crate::fhir::json::place;
use crate::fhir::name::short;
use crate::fhir::reference::may_search;
use crate::fhir::resource::{BUNDLE, derived_id};
use crate::fhir::search::Condition;
use crate::fhir::{Identifier, ResourceIdentity};

/// Bundles in Bundles are read to this depth.
const MAX_NESTING: usize = 100;

/// A Bundle whose entries were read.
pub(super) struct BundleSteps {
    /// Its type.
    pub(super) bundle_type: BundleType,
    /// True where it may hold searches. Few Bundles do; in the others nothing needs the identifiers
    /// of entries.
    pub(super) may_search: bool,
    /// Its entries, in the order in which they are carried out.
    pub(super) steps: Vec<EntryStep>,
}

/// One entry of a Bundle.
pub(super) struct EntryStep {
    /// Its line in the file.
    pub(super) line: u64,
    /// Its number in the Bundle, from 0.
    pub(super) number: usize,
    /// `fullUrl`, where given.
    pub(super) full_url: Option<String>,
    /// What it asks for.
    pub(super) action: EntryAction,
}

/// What an entry asks for.
pub(super) enum EntryAction {
    /// Put a resource in.
    Put(EntryPut),
    /// Delete this resource.
    Delete { resource_type: String, id: String },
    /// Delete the one resource that a search finds.
    DeleteWhere(EntrySearch),
    /// Carry out the entries of the Bundle that it holds, or report why that cannot be read.
    Nested(Result<BundleSteps, String>),
    /// Nothing.
    Nothing,
    /// Nothing to import, and why.
    Remark(String),
    /// An entry that cannot be taken, and why.
    Reject(String),
}

/// A resource to be put in.
pub(super) struct EntryPut {
    /// The place of its text.
    pub(super) text: Range<usize>,
    pub(super) resource_type: String,
    /// The id of its request, its own or one derived from its content.
    pub(super) id: String,
    /// Its identifiers, in a Bundle that may search.
    pub(super) identifiers: Vec<Identifier>,
    pub(super) rule: PutRule,
}

/// Whether a resource is put in, and under which id. Searches are rare, and boxed: a Bundle may have
/// millions of entries.
pub(super) enum PutRule {
    /// Always, under its id.
    Always,
    /// Unless the search finds a resource.
    IfNoneExist(Box<EntrySearch>),
    /// Under the id of the resource that the search finds. `has_id` says that it has an id of its
    /// own, which must be the same.
    Where { search: Box<EntrySearch>, has_id: bool },
}

/// A search in a request.
pub(super) struct EntrySearch {
    /// The query as written, cut short for messages.
    pub(super) query: String,
    pub(super) condition: Condition,
}

impl EntrySearch {
    /// Reads a query. `resource_type` is the type to search where the query does not name one.
    fn parse(query: &str, resource_type: Option<&str>) -> Result<EntrySearch, String> {
        let condition = match (resource_type, Condition::parse(query)) {
            (_, Some(condition)) => condition?,
            (Some(resource_type), None) => Condition::of(resource_type, query)?,
            (None, None) => return Err("it names no type".to_owned()),
        };
        Ok(EntrySearch { query: short(query), condition })
    }
}

/// A text that holds a Bundle.
pub(super) struct BundleText<'a> {
    /// The whole text, the Bundle being a part of it.
    pub(super) text: &'a str,
    /// True where resources keep their `meta.lastUpdated`, which then must be a time.
    pub(super) keeps_times: bool,
}

impl BundleText<'_> {
    /// Reads the Bundle at `range`, which starts on line `first_line`.
    ///
    /// # Errors
    /// The reason, where the Bundle as a whole cannot be read.
    pub(super) fn read(&self, range: Range<usize>, first_line: u64) -> Result<BundleSteps, String> {
        self.read_nested(range, first_line, 0)
    }

    fn read_nested(
        &self,
        range: Range<usize>,
        first_line: u64,
        depth: usize,
    ) -> Result<BundleSteps, String> {
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
        let step =
            |(number, line, entry): (usize, u64, Result<BundleEntry<'_>, (usize, String)>)| {
                let read = entry.map_err(|(_, reason)| reason);
                let action = read
                    .as_ref()
                    .map_err(String::clone)
                    .and_then(|entry| self.action(entry, line, may_search, depth));
                let full_url = read.ok().and_then(|entry| entry.full_url);
                EntryStep {
                    line,
                    number,
                    full_url: full_url.map(|url| url.into_owned()),
                    action: action.unwrap_or_else(EntryAction::Reject),
                }
            };
        let steps = entries.into_iter().map(step).collect();
        Ok(BundleSteps { bundle_type: bundle.bundle_type, may_search, steps })
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
        let range = place(self.text, text);
        if identity.resource_type == BUNDLE {
            return Ok(EntryAction::Nested(self.read_nested(range, line, depth + 1)));
        }
        let rule = put_rule(&entry.request, &identity)?;
        let ResourceIdentity { resource_type, id, identifiers } = identity;
        let id = match &entry.request {
            EntryRequest::Put { id, .. } => id.clone(),
            _ => id
                .unwrap_or_else(|| derived_id(text, entry.full_url.as_deref().unwrap_or_default())),
        };
        let identifiers = if may_search { identifiers } else { Vec::new() };
        Ok(EntryAction::Put(EntryPut { text: range, resource_type, id, identifiers, rule }))
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
            let whole = BundleText { text: &text, keeps_times: true };
            let steps = whole.read(0..text.len(), 5).unwrap().steps;
            steps.iter().map(|step| (step.number, step.line)).collect::<Vec<_>>()
        };
        assert_eq!(numbers("batch"), [(0, 6), (1, 7), (2, 8)]);
        assert_eq!(numbers("transaction"), [(1, 7), (2, 8), (0, 6)]);
        assert_eq!(numbers("history"), [(2, 8), (1, 7), (0, 6)]);
    }
}
