//! Bundles as they go out: of searches, of `$everything`, of a history, and of the answers to a batch.
//!
//! <https://hl7.org/fhir/R4/bundle.html>. Resources stand in them with their own bytes.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::{Error, Kind, Result};

/// A Bundle on its way out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerBundle<'a> {
    resource_type: &'static str,
    #[serde(rename = "type")]
    bundle_type: &'static str,
    /// The number of all entries, on whatever page; `None` where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    link: Vec<BundleLink>,
    /// The entries of this page.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entry: Vec<AnswerEntry<'a>>,
}

/// `Bundle.link`
#[derive(Serialize)]
struct BundleLink {
    relation: &'static str,
    url: String,
}

/// `Bundle.entry`
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerEntry<'a> {
    /// The absolute URL of the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_url: Option<Cow<'a, str>>,
    /// The resource; none for a deletion and for a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<&'a RawValue>,
    /// Of a searchset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<EntrySearchMode>,
    /// Of a history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<PastRequest>,
    /// Of a history and of the answers to a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<EntryResponse<'a>>,
}

/// `Bundle.entry.search.mode` of what was asked for.
pub const MATCH: &str = "match";

/// `Bundle.entry.search`
#[derive(Serialize)]
pub struct EntrySearchMode {
    /// [`MATCH`], `include` or `outcome`.
    pub mode: &'static str,
}

/// `Bundle.entry.request` of a history
#[derive(Serialize)]
pub struct PastRequest {
    /// `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// The type, with the id unless this made the resource.
    pub url: String,
}

/// `Bundle.entry.response`
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryResponse<'a> {
    /// The status code, with its reason.
    pub status: String,
    /// The entity tag of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When the version was made or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// An OperationOutcome: why it was refused, or what is said beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'a RawValue>,
}

impl<'a> AnswerEntry<'a> {
    /// The entry of a searchset with this text of a resource.
    ///
    /// # Errors
    /// `Damaged` where the text is not JSON.
    pub fn found(url: Option<Cow<'a, str>>, body: &'a [u8], mode: &'static str) -> Result<Self> {
        Ok(AnswerEntry {
            full_url: url,
            resource: Some(raw(body)?),
            search: Some(EntrySearchMode { mode }),
            ..AnswerEntry::default()
        })
    }

    /// The entry of a searchset with this line of an OperationOutcome, which has no URL and is no match.
    ///
    /// # Errors
    /// `Damaged` where the line is not JSON.
    pub fn outcome(line: &'a [u8]) -> Result<Self> {
        AnswerEntry::found(None, line.trim_ascii_end(), "outcome")
    }
}

impl<'a> AnswerBundle<'a> {
    /// A Bundle of this type without entries.
    pub fn new(bundle_type: &'static str) -> AnswerBundle<'a> {
        AnswerBundle {
            resource_type: "Bundle",
            bundle_type,
            total: None,
            link: Vec::new(),
            entry: Vec::new(),
        }
    }

    /// Adds a link, if there is a URL.
    pub fn link(&mut self, relation: &'static str, url: Option<String>) {
        self.link.extend(url.map(|url| BundleLink { relation, url }));
    }

    /// Writes the Bundle.
    ///
    /// # Errors
    /// `Internal` where it cannot be written.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| Error::caused(Kind::Internal, "a Bundle", error))
    }
}

/// A resource's text, for an entry.
///
/// # Errors
/// `Damaged` where it is not JSON.
pub fn raw(body: &[u8]) -> Result<&RawValue> {
    serde_json::from_slice(body)
        .map_err(|error| Error::caused(Kind::Damaged, "a body is not JSON", error))
}
