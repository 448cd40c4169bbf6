//! A Bundle taken apart: its type, and for each entry what it carries and asks for.
//!
//! <https://hl7.org/fhir/R4/bundle.html>. A Bundle is a container here: its entries are imported,
//! it is not kept itself. What an entry does to the store is decided in `import/`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::name::{request_target, short};
use super::resource::present;

/// How a Bundle's entries are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleType {
    /// Entries are requests, all of them or none meant; each is taken for itself here.
    Transaction,
    /// Entries are requests.
    Batch,
    /// Entries are versions, the newest first.
    History,
    /// A document or a message: entries are resources, and the Bundle means something itself.
    Whole,
    /// Entries are resources.
    Other,
}

/// What an entry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// No request, or one that has no say in this type of Bundle.
    None,
    /// Create, unless `ifNoneExist` finds one.
    Post { if_none_exist: Option<Cow<'a, str>> },
    /// Create or update the resource at this `Type/id`.
    Put { resource_type: String, id: String },
    /// Create or update the one resource that this search finds.
    PutWhere { query: Cow<'a, str> },
    /// Delete the resource at this `Type/id`.
    Delete { resource_type: String, id: String },
    /// Delete the one resource that this search finds.
    DeleteWhere { query: Cow<'a, str> },
    /// A read or an operation: nothing to import.
    Nothing { what: String },
}

/// One entry.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// `fullUrl`, where given.
    pub full_url: Option<Cow<'a, str>>,
    /// The resource's text.
    pub resource: Option<&'a str>,
    /// What is asked for.
    pub request: Request<'a>,
    /// Where the entry starts in the Bundle's text.
    pub offset: usize,
}

/// A Bundle taken apart.
pub struct Bundle<'a> {
    /// How its entries are meant.
    pub bundle_type: BundleType,
    /// Its entries in order; a bad one is its offset and the reason.
    pub entries: Vec<Result<Entry<'a>, (usize, String)>>,
}

#[derive(Deserialize)]
struct Head<'a> {
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
}

#[derive(Deserialize)]
struct RequestHead<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(rename = "ifNoneExist", borrow, default)]
    if_none_exist: Option<Cow<'a, str>>,
}

impl<'a> Bundle<'a> {
    /// Takes the text of a Bundle apart. Only a Bundle that is broken as a whole is an error.
    pub fn parse(text: &'a str) -> Result<Bundle<'a>, String> {
        let head: Head =
            serde_json::from_str(text).map_err(|error| format!("not a Bundle: {error}"))?;
        let bundle_type = match head.bundle_type.as_deref() {
            Some("transaction") => BundleType::Transaction,
            Some("history") => BundleType::History,
            Some("document" | "message") => BundleType::Whole,
            Some("searchset" | "collection" | "transaction-response" | "batch-response") => {
                BundleType::Other
            }
            // Without a type we know, an entry's request is the best word there is on it.
            _ => BundleType::Batch,
        };
        let entries = head
            .entry
            .into_iter()
            .map(|raw| {
                let offset = raw.get().as_ptr() as usize - text.as_ptr() as usize;
                entry(raw.get(), offset, bundle_type).map_err(|reason| (offset, reason))
            })
            .collect();
        Ok(Bundle { bundle_type, entries })
    }
}

fn entry(text: &str, offset: usize, bundle_type: BundleType) -> Result<Entry<'_>, String> {
    if !text.starts_with('{') {
        return Err("not a Bundle entry: not a JSON object".to_owned());
    }
    let head: EntryHead =
        serde_json::from_str(text).map_err(|error| format!("not a Bundle entry: {error}"))?;
    let asks =
        matches!(bundle_type, BundleType::Transaction | BundleType::Batch | BundleType::History);
    let request = match head.request {
        Some(raw) if asks && raw.get().starts_with('{') => {
            let request = serde_json::from_str(raw.get())
                .map_err(|error| format!("entry.request: {error}"))?;
            read_request(request)?
        }
        Some(_) if asks => return Err("entry.request is not an object".to_owned()),
        _ => Request::None,
    };
    Ok(Entry {
        full_url: head.full_url,
        resource: head.resource.map(RawValue::get),
        request,
        offset,
    })
}

fn read_request(head: RequestHead<'_>) -> Result<Request<'_>, String> {
    let RequestHead { method, url, if_none_exist } = head;
    let target = || {
        request_target(&url).map(|(resource_type, id)| (resource_type.to_owned(), id.to_owned()))
    };
    let wrong = || format!("request.url {} is neither Type/id nor Type?query", short(&url));
    let path = url.split('?').next().unwrap_or_default();
    if method == "POST" && path.contains('$') {
        let what = format!("POST {} is an operation", short(&url));
        return Ok(Request::Nothing { what });
    }
    match method.as_ref() {
        "POST" => Ok(Request::Post { if_none_exist }),
        "PUT" if url.contains('?') => Ok(Request::PutWhere { query: url }),
        "DELETE" if url.contains('?') => Ok(Request::DeleteWhere { query: url }),
        "PUT" => {
            let (resource_type, id) = target().ok_or_else(wrong)?;
            Ok(Request::Put { resource_type, id })
        }
        "DELETE" => {
            let (resource_type, id) = target().ok_or_else(wrong)?;
            Ok(Request::Delete { resource_type, id })
        }
        "GET" | "HEAD" => {
            let what = format!("{method} {} only reads", short(&url));
            Ok(Request::Nothing { what })
        }
        _ => Err(format!(
            "request.method {} is not supported; PUT, POST and DELETE are",
            short(&method)
        )),
    }
}
