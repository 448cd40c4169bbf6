//! A page of a search's results: a Bundle of type `searchset`.
//!
//! <https://hl7.org/fhir/R4/bundle.html#searchset>

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::{Error, Kind, Result};
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
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut link = vec![PageLink { relation: "self", url: &self.own_url }];
        if let Some(url) = &self.next_url {
            link.push(PageLink { relation: "next", url });
        }
        let outcome = OperationOutcome::of(self.issues).to_line();
        let outcome =
            (!self.issues.is_empty()).then(|| entry(None, outcome.trim_ascii_end(), "outcome"));
        let matches = self.found.iter().map(|one| (one, "match"));
        let entries = matches.chain(self.included.iter().map(|one| (one, "include")));
        let entries = entries.map(|(PageEntry { url, body }, mode)| {
            entry(Some(url.as_str()), body.as_bytes(), mode)
        });
        let bundle = SearchSet {
            resource_type: "Bundle",
            bundle_type: "searchset",
            total: self.total,
            link,
            entry: entries.chain(outcome).collect::<Result<_>>()?,
        };
        serde_json::to_vec(&bundle)
            .map_err(|error| Error::caused(Kind::Internal, "a searchset", error))
    }
}

/// An entry with a resource; an outcome has no URL.
fn entry<'b>(url: Option<&'b str>, body: &'b [u8], mode: &'static str) -> Result<SearchEntry<'b>> {
    Ok(SearchEntry {
        full_url: url,
        resource: serde_json::from_slice(body)
            .map_err(|error| Error::caused(Kind::Damaged, "a body is not JSON", error))?,
        search: SearchMode { mode },
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SearchSet<'a> {
    resource_type: &'static str,
    #[serde(rename = "type")]
    bundle_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    link: Vec<PageLink<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entry: Vec<SearchEntry<'a>>,
}

/// `Bundle.link`
#[derive(Serialize)]
struct PageLink<'a> {
    relation: &'static str,
    url: &'a str,
}

/// `Bundle.entry`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SearchEntry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    full_url: Option<&'a str>,
    resource: &'a RawValue,
    search: SearchMode,
}

/// `Bundle.entry.search`
#[derive(Serialize)]
struct SearchMode {
    mode: &'static str,
}
