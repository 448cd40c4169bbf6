//! A page of a search's results: a Bundle of type `searchset`.
//!
//! <https://hl7.org/fhir/R4/bundle.html#searchset>

use std::borrow::Cow;

use super::bundle::{AnswerBundle, AnswerEntry, MATCH};
use crate::error::Result;
use crate::fhir::outcome::{Issue, OperationOutcome};

/// A resource as it is sent.
pub struct PageEntry<'b> {
    /// Its URL.
    pub url: String,
    /// Its JSON text, with the elements that are wanted.
    pub body: Cow<'b, str>,
}

/// A page of what a search finds.
pub struct SearchPage<'a> {
    /// The resources in the order of the search.
    pub found: &'a [PageEntry<'a>],
    /// The resources that come along.
    pub included: &'a [PageEntry<'a>],
    /// The number of all resources that match; `None` where it is not known or not wanted.
    pub total: Option<u64>,
    /// The URL of this page.
    pub own_url: String,
    /// The URL of the next page.
    pub next_url: Option<String>,
    /// What was not done as asked. They are an entry of their own, which does not count as a match.
    pub issues: &'a [Issue],
}

impl SearchPage<'_> {
    /// Writes the Bundle.
    ///
    /// # Errors
    /// `Damaged` where a stored body is not JSON.
    pub fn into_json(self) -> Result<Vec<u8>> {
        let outcome = OperationOutcome::of(self.issues).to_line();
        let mut bundle = AnswerBundle::new("searchset");
        bundle.total = self.total;
        bundle.link("self", Some(self.own_url));
        bundle.link("next", self.next_url);
        let matches = self.found.iter().map(|one| (one, MATCH));
        let entries = matches.chain(self.included.iter().map(|one| (one, "include")));
        for (PageEntry { url, body }, mode) in entries {
            bundle.entry.push(AnswerEntry::found(Some(url.into()), body.as_bytes(), mode)?);
        }
        if !self.issues.is_empty() {
            bundle.entry.push(AnswerEntry::outcome(&outcome)?);
        }
        bundle.to_json()
    }
}
