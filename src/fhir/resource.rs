//! A resource: its type, id, meta, identifiers and compartments beside its original text.
//!
//! <https://hl7.org/fhir/R4/resource.html>. Resources of any FHIR version and of any type are taken,
//! unknown types too; [`Parsed::parse`] says what a resource must have. The elements of a type have
//! no meaning here.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::attachment::{self, AttachmentUrls};
use super::head::ResourceReading;
use super::identifier::Identifier;
use super::json::{self, Edits, place};
use super::mentions::Mentions;
use super::meta::{self, Meta};
use super::name::short;
use super::search::{IndexedParameters, MadeEntries};
use super::text_part::TextPart;
use super::version::FhirVersion;
use super::{binary, compartment, reference};
use crate::shown::hex;
use crate::time::Instant;

pub use super::head::BUNDLE;
pub use super::meta::{Assigned, Stamp, Stamped};

/// FHIR's own limit for an id. A longer one is taken with a remark.
const ID_LENGTH: usize = 64;
/// The largest resource in bytes: SQLite keeps no value of 1,000,000,000 bytes or more, and `meta`
/// needs room.
const MAX_SIZE: usize = 999_000_000;

/// A resource with the text it came in.
#[derive(Clone, Debug)]
pub struct Resource {
    /// `resourceType`.
    pub resource_type: String,
    /// The logical id, derived where the text has none.
    pub id: String,
    /// True where the id is derived from the content alone.
    pub is_id_derived: bool,
    /// The text on one line, with its id; `meta` is as it came.
    pub text: TextPart,
    /// SHA-256 of `text` as it came: the same content makes no new version.
    pub hash: [u8; 32],
    /// The business identifiers at the root.
    pub identifiers: Vec<Identifier>,
    /// The ids of the patients whose compartments it is in, by R4's definition.
    pub patients: Vec<String>,
    /// The URLs of its attachments that are relative or name a Binary.
    pub attachments: Vec<AttachmentUrls>,
    /// Type and id of what the `securityContext` of a Binary names.
    pub security_context: Option<(String, String)>,
    /// What it mentions.
    pub mentions: Mentions,
    /// The keys for the indexed search parameters, where they were made of this text.
    pub entries: Option<MadeEntries>,
    /// True where it holds references that have to be looked up, as [`reference::has_open`] says.
    pub has_open_references: bool,
    /// Oddities of a resource that was taken all the same.
    pub remarks: Vec<String>,
    /// The place behind the id.
    id_end: usize,
    meta: Option<Meta>,
}

/// A JSON text that was read: a container or a resource.
pub enum Parsed {
    /// A container of resources; see [`super::bundle`].
    Bundle,
    /// A resource of any other type.
    Resource(Box<Resource>),
}

impl Parsed {
    /// Reads a JSON object with a `resourceType` of letters and an `id` of `[A-Za-z0-9\-.]+`.
    ///
    /// A resource without an id gets `fallback_id`, or else one derived from its content. A text
    /// with line breaks is minified.
    ///
    /// # Errors
    /// The reason why the text cannot be imported, for a person.
    pub fn parse(text: &str, fallback_id: Option<&str>) -> Result<Parsed, String> {
        Parsed::read(text, fallback_id, || TextPart::from(trimmed(text).to_owned()))
    }

    /// [`Parsed::parse`] for a part of a text, which the resource shares where it can.
    ///
    /// # Errors
    /// The reason why the text cannot be imported, for a person.
    pub fn parse_part(whole: &Arc<String>, range: Range<usize>) -> Result<Parsed, String> {
        let text = &whole[range];
        let part = || TextPart::new(whole.clone(), json::place(whole, trimmed(text)));
        Parsed::read(text, None, part)
    }

    /// Reads `text`. `keep` makes it, without the white space around it, a text to keep.
    fn read(
        text: &str,
        fallback_id: Option<&str>,
        keep: impl FnOnce() -> TextPart,
    ) -> Result<Parsed, String> {
        let text = trimmed(text);
        let reading = ResourceReading::of(text)?;
        let resource_type = reading.head.resource_type()?;
        if resource_type == BUNDLE {
            return Ok(Parsed::Bundle);
        }
        reading.check_depth()?;
        if text.len() > MAX_SIZE {
            return Err(format!("{} bytes; a resource may have {MAX_SIZE}", text.len()));
        }
        let id = reading.head.id()?;
        let resource = match (id, reading.one_line()) {
            (Some(id), Cow::Borrowed(_)) => Resource::of(&reading, resource_type, id, keep),
            (Some(id), Cow::Owned(one_line)) => Resource::from_text(one_line, resource_type, id),
            (None, Cow::Borrowed(_)) => Resource::with_new_id(&reading, resource_type, fallback_id),
            (None, Cow::Owned(one_line)) => {
                let reading = ResourceReading::of(&one_line)?;
                Resource::with_new_id(&reading, resource_type, fallback_id)
            }
        };
        resource.map(|resource| Parsed::Resource(Box::new(resource)))
    }
}

/// A JSON text without white space around it.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// Derives an id from content: the same text and `full_url` always give the same id. `full_url` is
/// that of a Bundle's entry, or empty. The text is minified: white space between tokens does not count.
pub fn derived_id(minified: &str, full_url: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(full_url.as_bytes());
    hash.update([0]);
    hash.update(minified.as_bytes());
    hex(&hash.finalize()[..16])
}

impl Resource {
    fn from_text(text: String, resource_type: String, id: String) -> Result<Resource, String> {
        let text = TextPart::from(text);
        let reading = ResourceReading::of(&text)?;
        Resource::of(&reading, resource_type, id, || text.clone())
    }

    /// Makes a resource of a text on one line that has no id: the text gets one behind its type, `fallback_id`
    /// or one derived from the content.
    fn with_new_id(
        reading: &ResourceReading<'_>,
        resource_type: String,
        fallback_id: Option<&str>,
    ) -> Result<Resource, String> {
        let text = reading.text;
        let derived = || derived_id(&json::minified(text), "");
        let id = fallback_id.map_or_else(derived, str::to_owned);
        let at = reading.head.resource_type.map_or(0, |raw| place(text, raw).end);
        let member = format!(r#","id":"{id}""#);
        let with_id = || TextPart::from([&text[..at], &member, &text[at..]].concat());
        let mut resource = Resource::of(reading, resource_type, id, with_id)?;
        resource.id_end = at + member.len();
        if let Some(meta) = &mut resource.meta {
            meta.shift(at, member.len());
        }
        resource.is_id_derived = fallback_id.is_none();
        Ok(resource)
    }

    /// Makes a resource of a text that was read. `keep` makes it a text to keep, in which nothing but an id is new.
    fn of(
        reading: &ResourceReading<'_>,
        resource_type: String,
        id: String,
        keep: impl FnOnce() -> TextPart,
    ) -> Result<Resource, String> {
        let ResourceReading { text, head, .. } = reading;
        let kept = keep();
        let mut remarks = Vec::new();
        if id.len() > ID_LENGTH {
            let (id, length) = (short(&id), id.len());
            remarks.push(format!("id {id} has {length} characters; FHIR allows {ID_LENGTH}"));
        }
        if let Some(half) = reading.lone_surrogate() {
            remarks.push(format!(
                "{half} is half of a surrogate pair and no character, which FHIR forbids; it is kept as it came"
            ));
        }
        let meta = match head.meta {
            Some(raw) => Some(Meta::read(text, raw, &mut remarks)?),
            None => None,
        };
        let (mentions, patients, attachments, security_context, has_open_references) =
            match reading.links() {
                Some(links) => (
                    Mentions::among(&resource_type, text, links),
                    compartment::patients_among(FhirVersion::R4, &resource_type, links),
                    attachment::urls_among(links),
                    binary::security_context_among(&resource_type, links),
                    reference::has_open_among(text, links),
                ),
                None => (
                    Mentions::read(&resource_type, text),
                    compartment::patients(FhirVersion::R4, &resource_type, text),
                    attachment::urls(text),
                    binary::security_context(&resource_type, text),
                    reference::has_open(text),
                ),
            };
        Ok(Resource {
            id_end: head.id.map_or(0, |raw| place(text, raw).end),
            identifiers: head.identifiers(),
            hash: Sha256::digest(kept.as_bytes()).into(),
            patients,
            mentions,
            attachments,
            security_context,
            entries: None,
            has_open_references,
            resource_type,
            id,
            is_id_derived: false,
            remarks,
            meta,
            text: kept,
        })
    }

    /// Makes the keys for indexed search parameters.
    pub fn index(&mut self, parameters: &Arc<IndexedParameters>) {
        self.entries = MadeEntries::of(parameters, &self.resource_type, &self.text);
    }

    /// Replaces the text by one with resolved references. The hash stays that of the original text,
    /// so that a repeated import finds the resource unchanged.
    ///
    /// # Errors
    /// The reason why the text is no resource.
    pub fn with_text(&self, text: String) -> Result<Resource, String> {
        let mut resolved = Resource::from_text(text, self.resource_type.clone(), self.id.clone())?;
        resolved.hash = self.hash;
        Ok(resolved)
    }

    /// Replaces a derived id by another one.
    ///
    /// # Errors
    /// The reason why the text is no resource.
    pub fn with_derived_id(&self, id: String) -> Result<Resource, String> {
        let at = self.id_end - 1 - self.id.len()..self.id_end - 1;
        let mut text = self.text.to_string();
        text.replace_range(at, &id);
        Resource::from_text(text, self.resource_type.clone(), id)
    }

    /// `meta.lastUpdated` as it came, where given.
    ///
    /// # Errors
    /// The reason, where the value is no time.
    pub fn last_updated(&self) -> Result<Option<Instant>, String> {
        self.meta.as_ref().map_or(Ok(None), |meta| meta.last_updated(&self.text))
    }

    /// `meta.versionId` as it came, where given.
    pub fn version_id(&self) -> Option<&str> {
        self.meta.as_ref()?.version_id()
    }

    /// Sets `meta.versionId` and `meta.lastUpdated` where they are missing or to be replaced. Every
    /// other byte of the text stays.
    ///
    /// # Errors
    /// The reason, where `meta.lastUpdated` is kept and no time.
    pub fn stamped<'a>(&'a self, stamp: &Stamp<'a>) -> Result<Stamped<'a>, String> {
        let kept_time = if stamp.replace.last_updated { None } else { self.last_updated()? };
        let kept_version = if stamp.replace.version_id { None } else { self.version_id() };
        let assigned =
            Assigned { last_updated: kept_time.is_none(), version_id: kept_version.is_none() };
        let mut edits = Edits::default();
        match &self.meta {
            None => edits.replace(self.id_end..self.id_end, meta::new_member(stamp)),
            Some(meta) => meta.set(
                assigned.version_id.then(|| json::quoted(stamp.version_id)),
                assigned.last_updated.then(|| json::quoted(stamp.last_updated_text)),
                &mut edits,
            ),
        }
        Ok(Stamped {
            body: if edits.is_empty() {
                Cow::Borrowed(&self.text)
            } else {
                Cow::Owned(edits.apply(&self.text))
            },
            version_id: kept_version.unwrap_or(stamp.version_id),
            last_updated: kept_time.unwrap_or(stamp.last_updated),
            assigned,
        })
    }
}
