//! A Bundle: its type, and the resource and request of each entry.
//!
//! <https://hl7.org/fhir/R4/bundle.html>. A Bundle is a container here: its entries are imported, the
//! Bundle itself is not stored. `import/` decides what an entry does to the store.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{cause, place, present};
use super::name::{request_target, short};
use super::version_condition::VersionCondition;

/// What the type of a Bundle says about its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleType {
    /// Entries are requests, to be carried out together. Here each one counts on its own.
    Transaction,
    /// Entries are requests.
    Batch,
    /// Entries are versions, the newest first.
    History,
    /// Entries are resources, and the Bundle has a meaning of its own: a document or a message.
    Document,
    /// Entries are resources.
    Other,
}

/// The request of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryRequest<'a> {
    /// No request, or one without meaning in this type of Bundle.
    None,
    /// Create the resource, unless `ifNoneExist` finds one.
    Post { if_none_exist: Option<Cow<'a, str>> },
    /// Create or update the resource at this `Type/id`.
    Put { resource_type: String, id: String },
    /// Create or update the one resource that this search finds.
    PutWhere { query: Cow<'a, str> },
    /// Delete the resource at this `Type/id`.
    Delete { resource_type: String, id: String },
    /// Delete the one resource that this search finds.
    DeleteWhere { query: Cow<'a, str> },
    /// A read or an operation, described in words: nothing to import.
    Other { description: String },
}

/// One entry of a Bundle.
#[derive(Clone, Debug)]
pub struct BundleEntry<'a> {
    /// `fullUrl`, where given.
    pub full_url: Option<Cow<'a, str>>,
    /// The resource's text.
    pub resource: Option<&'a str>,
    /// Its request.
    pub request: EntryRequest<'a>,
    /// The version that a PUT or DELETE is meant for, where given.
    pub condition: Option<VersionCondition>,
    /// True for `search.mode` `outcome`: the resource tells how the search went, and is no match.
    pub is_outcome: bool,
    /// The place of the entry in the Bundle's text, in bytes.
    pub offset: usize,
}

/// A Bundle and its entries.
pub struct Bundle<'a> {
    /// Its type.
    pub bundle_type: BundleType,
    /// True for `transaction-response` and `batch-response`: its entries are answers.
    pub is_response: bool,
    /// Its entries in order. A wrong one is its offset and the reason.
    pub entries: Vec<Result<BundleEntry<'a>, (usize, String)>>,
}

#[derive(Deserialize)]
struct BundleHead<'a> {
    #[serde(rename = "type", borrow, default)]
    bundle_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    entry: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct EntryHead<'a> {
    #[serde(rename = "fullUrl", borrow, default)]
    full_url: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    request: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    search: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct SearchHead<'a> {
    #[serde(borrow)]
    mode: Cow<'a, str>,
}

#[derive(Deserialize)]
struct RequestHead<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(rename = "ifNoneExist", borrow, default)]
    if_none_exist: Option<Cow<'a, str>>,
    #[serde(rename = "ifMatch", borrow, default)]
    if_match: Option<Cow<'a, str>>,
    #[serde(rename = "ifNoneMatch", borrow, default)]
    if_none_match: Option<Cow<'a, str>>,
}

impl<'a> Bundle<'a> {
    /// Reads the text of a Bundle.
    ///
    /// # Errors
    /// The reason, where the Bundle as a whole cannot be read. A wrong entry is an item of `entries`.
    pub fn parse(text: &'a str) -> Result<Bundle<'a>, String> {
        let head: BundleHead =
            serde_json::from_str(text).map_err(|error| format!("not a Bundle: {error}"))?;
        let bundle_type = match head.bundle_type.as_deref() {
            Some("transaction") => BundleType::Transaction,
            Some("history") => BundleType::History,
            Some("document" | "message") => BundleType::Document,
            Some("searchset" | "collection" | "transaction-response" | "batch-response") => {
                BundleType::Other
            }
            // The type is missing or unknown. The requests say best what the entries are for.
            _ => BundleType::Batch,
        };
        let entries = head
            .entry
            .into_iter()
            .map(|raw| {
                let offset = place(text, raw.get()).start;
                entry(raw.get(), offset, bundle_type).map_err(|reason| (offset, reason))
            })
            .collect();
        let is_response =
            matches!(head.bundle_type.as_deref(), Some("transaction-response" | "batch-response"));
        Ok(Bundle { bundle_type, is_response, entries })
    }
}

fn entry(text: &str, offset: usize, bundle_type: BundleType) -> Result<BundleEntry<'_>, String> {
    if !text.starts_with('{') {
        return Err("not a Bundle entry: not a JSON object".to_owned());
    }
    let head: EntryHead = serde_json::from_str(text)
        .map_err(|error| format!("not a Bundle entry: {}", cause(&error)))?;
    let has_requests =
        matches!(bundle_type, BundleType::Transaction | BundleType::Batch | BundleType::History);
    let (request, condition) = match head.request {
        Some(raw) if has_requests && raw.get().starts_with('{') => {
            let request: RequestHead = serde_json::from_str(raw.get())
                .map_err(|error| format!("entry.request: {}", cause(&error)))?;
            // A history says what was done, whatever the condition was.
            let condition = match bundle_type {
                BundleType::History => None,
                _ => version_condition(&request)?,
            };
            (read_request(request)?, condition)
        }
        Some(_) if has_requests => return Err("entry.request is not an object".to_owned()),
        _ => (EntryRequest::None, None),
    };
    Ok(BundleEntry {
        full_url: head.full_url,
        resource: head.resource.map(RawValue::get),
        request,
        condition,
        is_outcome: head
            .search
            .and_then(|raw| serde_json::from_str::<SearchHead>(raw.get()).ok())
            .is_some_and(|search| search.mode == "outcome"),
        offset,
    })
}

/// Reads the version that a change is meant for. `ifModifiedSince` has no meaning for a change
/// (<https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3>); reads are not carried out.
fn version_condition(head: &RequestHead<'_>) -> Result<Option<VersionCondition>, String> {
    let (if_match, if_none_match) = (head.if_match.as_deref(), head.if_none_match.as_deref());
    match (head.method.as_ref(), if_match, if_none_match) {
        ("GET" | "HEAD", ..) | (_, None, None) => Ok(None),
        ("PUT", Some(_), Some(_)) => Err("ifMatch and ifNoneMatch exclude each other".to_owned()),
        ("PUT" | "DELETE", Some(tags), None) => VersionCondition::if_match(tags).map(Some),
        ("PUT", None, Some(tags)) => VersionCondition::if_none_match(tags).map(Some),
        (method, _, Some(_)) => Err(format!("ifNoneMatch has no meaning with {}", short(method))),
        (method, Some(_), None) => Err(format!("ifMatch has no meaning with {}", short(method))),
    }
}

fn read_request(head: RequestHead<'_>) -> Result<EntryRequest<'_>, String> {
    let RequestHead { method, url, if_none_exist, .. } = head;
    let target = || {
        request_target(&url).map(|(resource_type, id)| (resource_type.to_owned(), id.to_owned()))
    };
    let wrong = || format!("request.url {} is neither Type/id nor Type?query", short(&url));
    let path = url.split('?').next().unwrap_or_default();
    if method == "POST" && path.contains('$') {
        let description = format!("POST {} is an operation", short(&url));
        return Ok(EntryRequest::Other { description });
    }
    match method.as_ref() {
        "POST" => Ok(EntryRequest::Post { if_none_exist }),
        "PUT" if url.contains('?') => Ok(EntryRequest::PutWhere { query: url }),
        "DELETE" if url.contains('?') => Ok(EntryRequest::DeleteWhere { query: url }),
        "PUT" => {
            let (resource_type, id) = target().ok_or_else(wrong)?;
            Ok(EntryRequest::Put { resource_type, id })
        }
        "DELETE" => {
            let (resource_type, id) = target().ok_or_else(wrong)?;
            Ok(EntryRequest::Delete { resource_type, id })
        }
        "GET" | "HEAD" => {
            let description = format!("{method} {} only reads", short(&url));
            Ok(EntryRequest::Other { description })
        }
        _ => Err(format!(
            "request.method {} is not supported; PUT, POST and DELETE are",
            short(&method)
        )),
    }
}
