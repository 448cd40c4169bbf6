//! The first look at a resource: its type, id, meta and identifiers, all else as text.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Error as _, IgnoredAny};
use serde_json::error::{Category, Error};
use serde_json::value::RawValue;

use super::definitions::spelling;
use super::identifier::Identifier;
use super::json::{self, JsonPart, JsonTraits, present, string_of};
use super::link_strings::LinkStrings;
use super::meta::Meta;
use super::name::{is_id, is_type, short};

/// The `resourceType` of containers.
pub const BUNDLE: &str = "Bundle";
/// The longest name of a type: it stands in URLs and file names, and no FHIR type comes near.
const TYPE_LENGTH: usize = 64;

const NO_OBJECT: &str = "not a JSON object; a resource or a Bundle was expected";

/// The members of a resource that are read, each as written; all else stays text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ResourceHead<'a> {
    pub(super) resource_type: Option<&'a str>,
    pub(super) id: Option<&'a str>,
    pub(super) meta: Option<&'a str>,
    identifier: Option<&'a str>,
}

/// A resource's text, read in one pass where that is enough.
pub(super) struct ResourceReading<'a> {
    pub(super) text: &'a str,
    pub(super) head: ResourceHead<'a>,
    /// What the pass found; `None` for rare texts, which need a pass for each question.
    scanned: Option<(JsonTraits, LinkStrings<'a>)>,
}

impl<'a> ResourceReading<'a> {
    /// Reads a text.
    ///
    /// # Errors
    /// The reason, where the text is no JSON object.
    pub(super) fn of(text: &'a str) -> Result<ResourceReading<'a>, String> {
        match ResourceReading::scanned(text) {
            Some(reading) => Ok(reading),
            None => Ok(ResourceReading { text, head: ResourceHead::read(text)?, scanned: None }),
        }
    }

    /// Reads a text in one pass; `None` where that is not enough.
    fn scanned(text: &'a str) -> Option<ResourceReading<'a>> {
        let mut head = ResourceHead::default();
        let mut links = LinkStrings::new(text);
        let mut is_twice = false;
        let traits = json::scan(text, |part| match part {
            JsonPart::String(string) => {
                // A Bundle may have very many, and nobody asks for them.
                let may_have = LinkStrings::may_have(string.key);
                if may_have && head.resource_type != Some("\"Bundle\"") {
                    links.add(&string);
                }
            }
            JsonPart::Member(name, value) => {
                if let Some(member) = head.member(name) {
                    is_twice |= member.replace(value).is_some();
                }
            }
        })?;
        (!is_twice).then_some(ResourceReading { text, head, scanned: Some((traits, links)) })
    }

    /// The strings that can lead to other resources, where the pass found them.
    pub(super) fn links(&self) -> Option<&LinkStrings<'a>> {
        self.scanned.as_ref().map(|(_, links)| links)
    }

    /// Refuses a text that nests deeper than [`json::MAX_DEPTH`].
    ///
    /// # Errors
    /// The reason.
    pub(super) fn check_depth(&self) -> Result<(), String> {
        if self.scanned.is_none() && json::too_deep(self.text) {
            return Err(format!("nested deeper than {} levels", json::MAX_DEPTH));
        }
        Ok(())
    }

    /// The text on one line.
    pub(super) fn one_line(&self) -> Cow<'a, str> {
        match self.scanned {
            Some((JsonTraits { has_line_breaks: false, .. }, _)) => Cow::Borrowed(self.text),
            _ => json::one_line(self.text),
        }
    }

    /// The first half of a surrogate pair, as [`json::lone_surrogate`].
    pub(super) fn lone_surrogate(&self) -> Option<&'a str> {
        match self.scanned {
            Some((JsonTraits { has_escapes: false, .. }, _)) => None,
            _ => json::lone_surrogate(self.text),
        }
    }
}

impl<'a> ResourceHead<'a> {
    /// Reads the head of a JSON text.
    ///
    /// # Errors
    /// The reason, where the text is no JSON object.
    pub(super) fn read(text: &'a str) -> Result<ResourceHead<'a>, String> {
        #[derive(Deserialize)]
        struct Members<'a> {
            #[serde(rename = "resourceType", borrow, default, deserialize_with = "present")]
            resource_type: Option<&'a RawValue>,
            #[serde(borrow, default, deserialize_with = "present")]
            id: Option<&'a RawValue>,
            #[serde(borrow, default, deserialize_with = "present")]
            meta: Option<&'a RawValue>,
            #[serde(borrow, default, deserialize_with = "present")]
            identifier: Option<&'a RawValue>,
        }
        // serde would take a list for the members in their order.
        let read = if text.starts_with('{') {
            serde_json::from_str::<Members<'_>>(text)
        } else {
            serde_json::from_str::<IgnoredAny>(text).and_then(|_| Err(Error::custom(NO_OBJECT)))
        };
        let members = read.map_err(|error| match error.classify() {
            Category::Data if !text.starts_with('{') => NO_OBJECT.to_owned(),
            Category::Data => format!("not a resource: {error}"),
            _ => syntax(text, &error),
        })?;
        Ok(ResourceHead {
            resource_type: members.resource_type.map(RawValue::get),
            id: members.id.map(RawValue::get),
            meta: members.meta.map(RawValue::get),
            identifier: members.identifier.map(RawValue::get),
        })
    }

    /// The member of this name, where it is read.
    fn member(&mut self, name: &str) -> Option<&mut Option<&'a str>> {
        match name {
            "resourceType" => Some(&mut self.resource_type),
            "id" => Some(&mut self.id),
            "meta" => Some(&mut self.meta),
            "identifier" => Some(&mut self.identifier),
            _ => None,
        }
    }

    /// The `resourceType`.
    ///
    /// # Errors
    /// The reason, where there is none or it is not made of letters.
    pub(super) fn resource_type(&self) -> Result<String, String> {
        let Some(raw) = self.resource_type else {
            return Err("no resourceType: not a FHIR resource".to_owned());
        };
        match string_of(raw) {
            Some(name) if name.len() <= TYPE_LENGTH && is_type(&name) => Ok(name),
            _ => Err(format!("resourceType {} is not a name of letters", short(raw))),
        }
    }

    /// The logical id, where given.
    ///
    /// # Errors
    /// The reason, where it is no string or has other characters than an id.
    pub(super) fn id(&self) -> Result<Option<String>, String> {
        let Some(raw) = self.id else { return Ok(None) };
        match string_of(raw) {
            Some(id) if is_id(&id) => Ok(Some(id)),
            Some(_) => Err(format!("id {} is not made of A-Z a-z 0-9 - and . alone", short(raw))),
            None => Err(format!("id {} is not a string", short(raw))),
        }
    }

    /// The business identifiers at the root.
    pub(super) fn identifiers(&self) -> Vec<Identifier> {
        self.identifier.map(Identifier::all_of).unwrap_or_default()
    }
}

/// Says why a text is not JSON, with the line and column inside it where that helps.
fn syntax(text: &str, error: &Error) -> String {
    let fault = json::fault(error);
    if text.contains('\n') {
        format!("{fault} (line {} of it, column {})", error.line(), error.column())
    } else {
        format!("{fault} (column {})", error.column())
    }
}

/// Refuses the name of a known type in other capitals: FHIR's names are case-sensitive. Names that are
/// not known are taken, because later versions have more types.
///
/// # Errors
/// The reason, with the right spelling.
pub fn check_spelling(resource_type: &str) -> Result<(), String> {
    match spelling(resource_type) {
        Some(right) => Err(format!("resourceType \"{resource_type}\": did you mean {right}?")),
        None => Ok(()),
    }
}

/// The type, id and identifiers of a resource: enough to know its name before it is read whole.
pub struct ResourceIdentity {
    /// `resourceType`.
    pub resource_type: String,
    /// `id`, where given.
    pub id: Option<String>,
    /// The identifiers at the root.
    pub identifiers: Vec<Identifier>,
}

impl ResourceIdentity {
    /// Reads the identity from a JSON text. With `keep` the resource keeps its `meta.lastUpdated`.
    ///
    /// # Errors
    /// The reason why the resource cannot be imported; with `keep` also a `meta.lastUpdated` that is
    /// no time.
    pub fn read(text: &str, keep: bool) -> Result<ResourceIdentity, String> {
        let reading = ResourceReading::of(text)?;
        let head = &reading.head;
        let resource_type = head.resource_type()?;
        check_spelling(&resource_type)?;
        if resource_type != BUNDLE {
            reading.check_depth()?;
            if let Some(raw) = head.meta {
                let meta = Meta::read(text, raw, &mut Vec::new())?;
                if keep {
                    meta.last_updated(text)?;
                }
            }
        }
        Ok(ResourceIdentity { resource_type, id: head.id()?, identifiers: head.identifiers() })
    }
}
