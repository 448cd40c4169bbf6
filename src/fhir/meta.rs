//! `meta.versionId` and `meta.lastUpdated`: reading them, and setting them in the text.
//!
//! <https://hl7.org/fhir/R4/resource.html#Meta>

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{self, Edits, place, present, string_of};
use super::name::short;
use crate::time::{Instant, InstantForm};

/// Which of `meta.versionId` and `meta.lastUpdated` the import sets or has set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    /// `meta.lastUpdated` is the import's.
    pub last_updated: bool,
    /// `meta.versionId` is the import's.
    pub version_id: bool,
}

/// The values that the import sets in `meta`.
pub struct Stamp<'a> {
    /// `meta.versionId` of a resource that has none.
    pub version_id: &'a str,
    /// `meta.lastUpdated` of a resource that has none.
    pub last_updated: Instant,
    /// `last_updated` as it is written.
    pub last_updated_text: &'a str,
    /// The values to set even where the resource has its own.
    pub replace: Assigned,
}

/// A resource with `meta.versionId` and `meta.lastUpdated`, ready for the store.
pub struct Stamped<'a> {
    /// The JSON text, on one line.
    pub body: Cow<'a, str>,
    /// Its `meta.versionId`.
    pub version_id: &'a str,
    /// Its `meta.lastUpdated`.
    pub last_updated: Instant,
    /// Which of the two the import set.
    pub assigned: Assigned,
}

/// The places of `meta` and its members in a resource's text.
#[derive(Clone, Debug)]
pub(super) struct Meta {
    /// The place behind the opening brace.
    inside: usize,
    is_empty: bool,
    last_updated: Option<(Range<usize>, Option<Instant>)>,
    version_id: Option<(Range<usize>, String)>,
}

#[derive(Deserialize)]
struct MetaHead<'a> {
    #[serde(rename = "lastUpdated", borrow, default, deserialize_with = "present")]
    last_updated: Option<&'a RawValue>,
    #[serde(rename = "versionId", borrow, default, deserialize_with = "present")]
    version_id: Option<&'a RawValue>,
}

impl Meta {
    /// Reads the `meta` of the resource `text`. Adds a remark where the time has no zone.
    ///
    /// # Errors
    /// The reason, where `meta` is no object or the version no string. A wrong time is an error of
    /// [`Meta::last_updated`], since an import may replace it.
    pub(super) fn read(text: &str, raw: &str, remarks: &mut Vec<String>) -> Result<Meta, String> {
        let head: MetaHead = match serde_json::from_str(raw) {
            Ok(head) if raw.starts_with('{') => head,
            _ => return Err(format!("meta {} is not an object", short(raw))),
        };
        let last_updated = head.last_updated.map(|raw| {
            let time = string_of(raw.get()).and_then(|lexeme| Instant::parse(&lexeme));
            if let Some((_, InstantForm::Partial)) = time {
                remarks.push(format!(
                    "meta.lastUpdated {} has no time zone; it is taken as UTC",
                    short(raw.get())
                ));
            }
            (place(text, raw.get()), time.map(|(instant, _)| instant))
        });
        let version_id = match head.version_id {
            None => None,
            Some(raw) => match string_of(raw.get()) {
                Some(version) => Some((place(text, raw.get()), version)),
                None => {
                    return Err(format!("meta.versionId {} is not a string", short(raw.get())));
                }
            },
        };
        Ok(Meta {
            inside: place(text, raw).start + 1,
            is_empty: raw[1..].trim_start().starts_with('}'),
            last_updated,
            version_id,
        })
    }

    /// Moves the places behind `at`, where `length` bytes were inserted.
    pub(super) fn shift(&mut self, at: usize, length: usize) {
        let moved = |place: usize| if place >= at { place + length } else { place };
        let move_range = |range: &mut Range<usize>| *range = moved(range.start)..moved(range.end);
        self.inside = moved(self.inside);
        if let Some((range, _)) = &mut self.last_updated {
            move_range(range);
        }
        if let Some((range, _)) = &mut self.version_id {
            move_range(range);
        }
    }

    /// `lastUpdated`, where given. `text` is the resource.
    ///
    /// # Errors
    /// The reason, where the value is no time.
    pub(super) fn last_updated(&self, text: &str) -> Result<Option<Instant>, String> {
        match &self.last_updated {
            None => Ok(None),
            Some((_, Some(instant))) => Ok(Some(*instant)),
            Some((at, None)) => Err(format!(
                "meta.lastUpdated {} is not an instant like \"2021-05-12T16:51:13.561Z\"; --stamp sets a new one",
                short(&text[at.clone()])
            )),
        }
    }

    /// `versionId`, where given.
    pub(super) fn version_id(&self) -> Option<&str> {
        self.version_id.as_ref().map(|(_, version)| version.as_str())
    }

    /// Sets what is given, each value as JSON: replaces a member that exists, adds one that does not.
    pub(super) fn set(
        &self,
        version_id: Option<String>,
        last_updated: Option<String>,
        edits: &mut Edits,
    ) {
        let mut added = Vec::with_capacity(2);
        let mut replaced = Vec::with_capacity(2);
        if let Some(value) = version_id {
            match &self.version_id {
                Some((at, _)) => replaced.push((at.clone(), value)),
                None => added.push(format!(r#""versionId":{value}"#)),
            }
        }
        if let Some(value) = last_updated {
            match &self.last_updated {
                Some((at, _)) => replaced.push((at.clone(), value)),
                None => added.push(format!(r#""lastUpdated":{value}"#)),
            }
        }
        if !added.is_empty() {
            let comma = if self.is_empty { "" } else { "," };
            edits.replace(self.inside..self.inside, added.join(",") + comma);
        }
        replaced.sort_by_key(|(at, _)| at.start);
        for (at, value) in replaced {
            edits.replace(at, value);
        }
    }
}

/// A `meta` member for a resource without one.
pub(super) fn new_member(stamp: &Stamp<'_>) -> String {
    format!(
        r#","meta":{{"versionId":{},"lastUpdated":{}}}"#,
        json::quoted(stamp.version_id),
        json::quoted(stamp.last_updated_text)
    )
}
