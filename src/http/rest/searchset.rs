//! A page of a search's results: a Bundle of type `searchset`.
//!
//! <https://hl7.org/fhir/R4/bundle.html#searchset>

use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::{Error, Kind, Result};
use crate::fhir::outcome::{Issue, OperationOutcome};
use crate::http::context::FHIR;
use crate::search::FoundResource;

/// A page of resources of one type.
pub struct SearchPage<'a> {
    /// The server's base URL.
    pub base: &'a str,
    /// The type of the resources.
    pub resource_type: &'a str,
    /// The resources in the order of the search.
    pub found: &'a [FoundResource],
    /// The number of all resources that match; `None` where counting would read more pages.
    pub total: Option<usize>,
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
        let matches = self.found.iter().map(|resource| {
            let url = format!("{}{FHIR}/{}/{}", self.base, self.resource_type, resource.id);
            entry(Some(url), resource.body.as_bytes(), "match")
        });
        let bundle = SearchSet {
            resource_type: "Bundle",
            bundle_type: "searchset",
            total: self.total,
            link,
            entry: matches.chain(outcome).collect::<Result<_>>()?,
        };
        serde_json::to_vec(&bundle)
            .map_err(|error| Error::caused(Kind::Internal, "a searchset", error))
    }
}

/// An entry with a resource; an outcome has no URL.
fn entry<'b>(url: Option<String>, body: &'b [u8], mode: &'static str) -> Result<SearchEntry<'b>> {
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
    total: Option<usize>,
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
    full_url: Option<String>,
    resource: &'a RawValue,
    search: SearchMode,
}

/// `Bundle.entry.search`
#[derive(Serialize)]
struct SearchMode {
    mode: &'static str,
}
