//! A resource as an envelope: its type, id, meta and identifiers around its original text.
//!
//! <https://hl7.org/fhir/R4/resource.html>. Any FHIR version's resource is taken, and types
//! nobody has heard of: what is asked of it is in [`Resource::parse`]. This file does not know
//! what the elements of a type mean.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::error::{Category, Error};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::json::{self, Edits};
use super::name::{is_id, is_type, short};
use super::{attachment, compartment};
use crate::time::{Form, Instant};

/// FHIR's own limit for an id; longer ones are taken with a remark.
const ID_LENGTH: usize = 64;
/// No FHIR type comes near; a type stands in URLs and file names.
const TYPE_LENGTH: usize = 64;
/// SQLite keeps no value of 1,000,000,000 bytes or more; this leaves room for what is set in it.
const MAX_SIZE: usize = 999_000_000;

/// One business identifier: what conditional references and `ifNoneExist` search by.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Identifier {
    /// The namespace, absent or empty where none is given.
    #[serde(default)]
    pub system: Option<String>,
    /// The identifier in it.
    #[serde(default)]
    pub value: Option<String>,
}

/// Which of `meta.versionId` and `meta.lastUpdated` were set by the import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    /// `meta.lastUpdated` is the import's.
    pub last_updated: bool,
    /// `meta.versionId` is the import's.
    pub version_id: bool,
}

/// What the import wants to stand in `meta`.
pub struct Stamp<'a> {
    /// `meta.versionId` where there is none.
    pub version_id: &'a str,
    /// `meta.lastUpdated` where there is none.
    pub last_updated: Instant,
    /// The same as it is written.
    pub last_updated_text: &'a str,
    /// Set also what is there already.
    pub replace: Assigned,
}

/// A resource ready to be kept.
pub struct Stamped<'a> {
    /// The JSON text, on one line.
    pub body: Cow<'a, str>,
    /// Its `meta.versionId`.
    pub version_id: &'a str,
    /// Its `meta.lastUpdated`.
    pub last_updated: Instant,
    /// Which of the two are ours.
    pub assigned: Assigned,
}

/// A resource with the text it came in.
#[derive(Clone, Debug)]
pub struct Resource {
    /// `resourceType`.
    pub resource_type: String,
    /// The logical id, derived where the text has none.
    pub id: String,
    /// The text on one line, its id included, `meta` as it came.
    pub text: String,
    /// SHA-256 of `text` as it came: the same content makes no new version.
    pub hash: [u8; 32],
    /// What `identifier` at the root holds.
    pub identifiers: Vec<Identifier>,
    /// The ids of the patients in whose compartment it is.
    pub patients: Vec<String>,
    /// How many attachments it has whose URL is relative.
    pub relative_urls: u64,
    /// What a careful reader would want to know though the resource was taken.
    pub remarks: Vec<String>,
    id_end: usize,
    meta: Option<Meta>,
}

#[derive(Clone, Debug)]
struct Meta {
    /// Just behind the opening brace.
    inside: usize,
    empty: bool,
    last_updated: Option<(Range<usize>, Option<Instant>)>,
    version_id: Option<(Range<usize>, String)>,
}

/// What is read of a resource; all else stays text.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "resourceType", borrow, default, deserialize_with = "present")]
    resource_type: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    meta: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    identifier: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct MetaHead<'a> {
    #[serde(rename = "lastUpdated", borrow, default, deserialize_with = "present")]
    last_updated: Option<&'a RawValue>,
    #[serde(rename = "versionId", borrow, default, deserialize_with = "present")]
    version_id: Option<&'a RawValue>,
}

/// A member that is there counts as there even when it is `null`.
pub(super) fn present<'de, D>(from: D) -> Result<Option<&'de RawValue>, D::Error>
where
    D: Deserializer<'de>,
{
    <&RawValue>::deserialize(from).map(Some)
}

/// Where a piece borrowed from `text` stands in it.
fn place(text: &str, piece: &RawValue) -> Range<usize> {
    let start = piece.get().as_ptr() as usize - text.as_ptr() as usize;
    start..start + piece.get().len()
}

fn string_of(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// Why a text is not JSON, with the line and column inside it where that helps.
fn syntax(text: &str, error: &serde_json::Error) -> String {
    let what = json::fault(error);
    if text.contains('\n') {
        format!("{what} (line {} of it, column {})", error.line(), error.column())
    } else {
        format!("{what} (column {})", error.column())
    }
}

/// Enough of a resource to know what it will be called.
pub struct Identity {
    /// `resourceType`.
    pub resource_type: String,
    /// `id`, where there is one.
    pub id: Option<String>,
    /// What `identifier` at the root holds.
    pub identifiers: Vec<Identifier>,
}

impl Identity {
    /// Reads it of a JSON text; the reason where that cannot be taken. `keep` says that its
    /// `meta.lastUpdated` is to be kept, and so must be one.
    pub fn read(text: &str, keep: bool) -> Result<Identity, String> {
        let head = head(text)?;
        let resource_type = type_of(&head)?;
        if resource_type != BUNDLE {
            check_depth(text)?;
            if let Some(raw) = head.meta {
                let meta = read_meta(text, raw, &mut Vec::new())?;
                if keep {
                    meta.time(text)?;
                }
            }
        }
        Ok(Identity {
            resource_type,
            id: id_of(&head)?,
            identifiers: head.identifier.map(identifiers).unwrap_or_default(),
        })
    }
}

fn head(text: &str) -> Result<Head<'_>, String> {
    // serde would take a list for the members in their order.
    let read = match text.starts_with('{') {
        true => serde_json::from_str(text),
        false => {
            serde_json::from_str::<IgnoredAny>(text).and_then(|_| Err(Error::custom(NO_OBJECT)))
        }
    };
    read.map_err(|error| match error.classify() {
        Category::Data if !text.starts_with('{') => NO_OBJECT.to_owned(),
        Category::Data => format!("not a resource: {error}"),
        _ => syntax(text, &error),
    })
}

const NO_OBJECT: &str = "not a JSON object; a resource or a Bundle was expected";

fn type_of(head: &Head) -> Result<String, String> {
    let Some(raw) = head.resource_type else {
        return Err("no resourceType: not a FHIR resource".to_owned());
    };
    match string_of(raw) {
        Some(name) if name.len() <= TYPE_LENGTH && is_type(&name) => Ok(name),
        _ => Err(format!("resourceType {} is not a name of letters", short(raw.get()))),
    }
}

fn id_of(head: &Head) -> Result<Option<String>, String> {
    let Some(raw) = head.id else { return Ok(None) };
    match string_of(raw) {
        Some(id) if is_id(&id) => Ok(Some(id)),
        Some(_) => Err(format!("id {} is not made of A-Z a-z 0-9 - and . alone", short(raw.get()))),
        None => Err(format!("id {} is not a string", short(raw.get()))),
    }
}

/// An id from content: the same text (and `fullUrl`, for a Bundle's entry) always gives the same.
/// White space between tokens does not count.
pub fn derived_id(text: &str, full_url: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(full_url.as_bytes());
    hash.update([0]);
    hash.update(json::minified(text).as_bytes());
    hash.finalize()[..16].iter().map(|b| format!("{b:02x}")).collect()
}

/// What a JSON text turned out to be.
pub enum Parsed {
    /// A container of others; see [`super::bundle`].
    Bundle,
    /// Anything else.
    Resource(Box<Resource>),
}

impl Parsed {
    /// Takes a JSON object with a `resourceType` of letters and an `id` of `[A-Za-z0-9\-.]+`.
    ///
    /// Where there is no id, `fallback_id` or else one derived from the content is set. A text
    /// with line breaks is minified. The error is the reason, for a person.
    pub fn parse(text: &str, fallback_id: Option<&str>) -> Result<Parsed, String> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        let read = head(text)?;
        let resource_type = type_of(&read)?;
        if resource_type == BUNDLE {
            return Ok(Parsed::Bundle);
        }
        check_depth(text)?;
        if text.len() > MAX_SIZE {
            return Err(format!("{} bytes; a resource may have {MAX_SIZE}", text.len()));
        }
        let id = id_of(&read)?;
        let mut one_line = match (&id, json::one_line(text)) {
            (Some(id), Cow::Borrowed(text)) => {
                let mut resource = Resource::of(text, &read, resource_type, id.clone())?;
                resource.text = text.to_owned();
                return Ok(Parsed::Resource(Box::new(resource)));
            }
            (_, one_line) => one_line.into_owned(),
        };
        let id = match id {
            Some(id) => id,
            None => {
                let id = fallback_id.map_or_else(|| derived_id(text, ""), str::to_owned);
                let behind_type =
                    head(&one_line)?.resource_type.map_or(0, |raw| place(&one_line, raw).end);
                one_line.insert_str(behind_type, &format!(r#","id":"{id}""#));
                id
            }
        };
        Resource::read(one_line, resource_type, id)
            .map(|resource| Parsed::Resource(Box::new(resource)))
    }
}

fn check_depth(text: &str) -> Result<(), String> {
    match json::too_deep(text) {
        true => Err(format!("nested deeper than {} levels", json::MAX_DEPTH)),
        false => Ok(()),
    }
}

/// The `resourceType` of containers.
pub const BUNDLE: &str = "Bundle";

impl Resource {
    fn read(text: String, resource_type: String, id: String) -> Result<Resource, String> {
        let mut resource = Resource::of(&text, &head(&text)?, resource_type, id)?;
        resource.text = text;
        Ok(resource)
    }

    /// From a text and its head; the caller moves the text in.
    fn of(text: &str, head: &Head, resource_type: String, id: String) -> Result<Resource, String> {
        let mut remarks = Vec::new();
        if id.len() > ID_LENGTH {
            remarks.push(format!(
                "id {} has {} characters; FHIR allows {ID_LENGTH}",
                short(&id),
                id.len()
            ));
        }
        let meta = match head.meta {
            Some(raw) => Some(read_meta(text, raw, &mut remarks)?),
            None => None,
        };
        Ok(Resource {
            id_end: head.id.map_or(0, |raw| place(text, raw).end),
            identifiers: head.identifier.map(identifiers).unwrap_or_default(),
            hash: Sha256::digest(text.as_bytes()).into(),
            patients: compartment::patients(&resource_type, text),
            relative_urls: attachment::relative_urls(text),
            resource_type,
            id,
            remarks,
            meta,
            text: String::new(),
        })
    }

    /// The same resource with a text whose references were resolved; its hash stays that of what
    /// came in, so that a repeated import still finds it unchanged.
    pub fn with_text(&self, text: String) -> Result<Resource, String> {
        let mut resolved = Resource::read(text, self.resource_type.clone(), self.id.clone())?;
        resolved.hash = self.hash;
        Ok(resolved)
    }

    /// `meta.lastUpdated` as it came; the error says what is wrong with it.
    pub fn last_updated(&self) -> Result<Option<Instant>, String> {
        self.meta.as_ref().map_or(Ok(None), |meta| meta.time(&self.text))
    }

    /// `meta.versionId` as it came.
    pub fn version_id(&self) -> Option<&str> {
        let (_, version) = self.meta.as_ref()?.version_id.as_ref()?;
        Some(version)
    }

    /// The text with `meta.versionId` and `meta.lastUpdated` set where they are missing or to be
    /// replaced; every other byte as it was.
    pub fn stamped<'a>(&'a self, stamp: &Stamp<'a>) -> Result<Stamped<'a>, String> {
        let kept_time = match stamp.replace.last_updated {
            true => None,
            false => self.last_updated()?,
        };
        let kept_version = match stamp.replace.version_id {
            true => None,
            false => self.version_id(),
        };
        let assigned =
            Assigned { last_updated: kept_time.is_none(), version_id: kept_version.is_none() };
        let version = json::quoted(stamp.version_id);
        let time = json::quoted(stamp.last_updated_text);
        let mut members = Vec::with_capacity(2);
        let mut edits = Edits::default();
        match &self.meta {
            None => edits.replace(
                self.id_end..self.id_end,
                format!(r#","meta":{{"versionId":{version},"lastUpdated":{time}}}"#),
            ),
            Some(meta) => {
                let mut replaced = Vec::with_capacity(2);
                if assigned.version_id {
                    match &meta.version_id {
                        Some((at, _)) => replaced.push((at.clone(), version)),
                        None => members.push(format!(r#""versionId":{version}"#)),
                    }
                }
                if assigned.last_updated {
                    match &meta.last_updated {
                        Some((at, _)) => replaced.push((at.clone(), time)),
                        None => members.push(format!(r#""lastUpdated":{time}"#)),
                    }
                }
                if !members.is_empty() {
                    let comma = if meta.empty { "" } else { "," };
                    edits.replace(meta.inside..meta.inside, members.join(",") + comma);
                }
                replaced.sort_by_key(|(at, _)| at.start);
                for (at, with) in replaced {
                    edits.replace(at, with);
                }
            }
        }
        Ok(Stamped {
            body: match edits.is_empty() {
                true => Cow::Borrowed(&self.text),
                false => Cow::Owned(edits.apply(&self.text)),
            },
            version_id: kept_version.unwrap_or(stamp.version_id),
            last_updated: kept_time.unwrap_or(stamp.last_updated),
            assigned,
        })
    }
}

impl Meta {
    fn time(&self, text: &str) -> Result<Option<Instant>, String> {
        match &self.last_updated {
            None => Ok(None),
            Some((_, Some(instant))) => Ok(Some(*instant)),
            Some((at, None)) => Err(format!(
                "meta.lastUpdated {} is not an instant like \"2021-05-12T16:51:13.561Z\"; --stamp sets a new one",
                short(&text[at.clone()])
            )),
        }
    }
}

fn read_meta(text: &str, raw: &RawValue, remarks: &mut Vec<String>) -> Result<Meta, String> {
    let head: MetaHead = match serde_json::from_str(raw.get()) {
        Ok(head) if raw.get().starts_with('{') => head,
        _ => return Err(format!("meta {} is not an object", short(raw.get()))),
    };
    let at = place(text, raw);
    let last_updated = head.last_updated.map(|raw| {
        let read = string_of(raw).and_then(|lexeme| Instant::parse(&lexeme));
        if let Some((_, Form::Partial)) = read {
            remarks.push(format!(
                "meta.lastUpdated {} has no time zone; it is taken as UTC",
                short(raw.get())
            ));
        }
        (place(text, raw), read.map(|(instant, _)| instant))
    });
    let version_id = match head.version_id {
        None => None,
        Some(raw) => match string_of(raw) {
            Some(version) => Some((place(text, raw), version)),
            None => {
                return Err(format!("meta.versionId {} is not a string", short(raw.get())));
            }
        },
    };
    Ok(Meta {
        inside: at.start + 1,
        empty: raw.get()[1..].trim_start().starts_with('}'),
        last_updated,
        version_id,
    })
}

/// `identifier` is a list in most types and a single object in some; what is neither is not ours
/// to judge, and one that is odd does not hide the others.
fn identifiers(raw: &RawValue) -> Vec<Identifier> {
    let each = serde_json::from_str::<Vec<&RawValue>>(raw.get()).unwrap_or_else(|_| vec![raw]);
    each.into_iter()
        .filter(|one| one.get().starts_with('{'))
        .filter_map(|one| serde_json::from_str::<Identifier>(one.get()).ok())
        .filter(|identifier| identifier.value.is_some())
        .collect()
}
