//! The common frame of all resources: ids, `meta`, and the ways in which one
//! resource refers to another.

use crate::json::{Json, Object, ToJson, obj};
use crate::random::{Rng, Uuid};
use crate::time::{AS_OF, DAY, Stamp, Time};

/// How the data is to be written. All styles of one patient have the same
/// content: a style must never change what is drawn from the random numbers.
#[derive(Clone, Copy)]
pub enum Style {
    /// As a server exports it: ids, `meta.lastUpdated`, references `Type/id`.
    Plain,
    /// As other tools write it for import: references by `urn:uuid:` within
    /// the Bundle and by identifier to what is in another file.
    Bundle { ids: bool },
}

impl Style {
    /// A reference to a resource of the same patient.
    pub fn local(self, kind: &str, id: Uuid) -> Json {
        match self {
            Style::Plain => obj! { "reference": format_args!("{kind}/{id}") },
            Style::Bundle { .. } => obj! { "reference": format_args!("urn:uuid:{id}") },
        }
    }

    /// A reference to a resource that is in another file.
    pub fn shared(self, target: &Shared) -> Json {
        let Shared { kind, id, .. } = target;
        let (system, value) = (target.system, &target.value);
        match self {
            Style::Plain => obj! { "reference": format_args!("{kind}/{id}") },
            Style::Bundle { .. } => obj! {
                "reference": format_args!("{kind}?identifier={system}|{value}"),
            },
        }
    }

    /// The same with the name of what it refers to, for people to read.
    pub fn named(self, target: &Shared) -> Json {
        let mut object = Object::new();
        object.extend(&self.shared(target));
        object.field("display", &target.name);
        object.close()
    }

    fn has_ids(self) -> bool {
        matches!(self, Style::Plain | Style::Bundle { ids: true })
    }

    fn has_stamps(self) -> bool {
        matches!(self, Style::Plain)
    }
}

/// What must be known of a resource in order to refer to it from other files.
pub struct Shared {
    pub kind: &'static str,
    pub id: Uuid,
    pub system: &'static str,
    pub value: String,
    pub name: String,
}

impl Shared {
    pub fn identifier(&self) -> Json {
        obj! { "use": "official", "system": self.system, "value": self.value }
    }

    /// The condition under which a server has this resource already.
    pub fn if_none_exist(&self) -> String {
        format!("identifier={}|{}", self.system, self.value)
    }
}

/// A resource ready to be written.
pub struct Resource {
    pub kind: &'static str,
    pub profile: Option<&'static str>,
    pub id: Uuid,
    pub json: Json,
    pub if_none_exist: Option<String>,
}

/// Type and profile of a resource to be made.
#[derive(Clone, Copy)]
pub struct Frame {
    pub kind: &'static str,
    /// Last part of the URL of a US Core profile.
    pub profile: Option<&'static str>,
}

pub const fn us_core(kind: &'static str, profile: &'static str) -> Frame {
    Frame { kind, profile: Some(profile) }
}

pub const fn base(kind: &'static str) -> Frame {
    Frame { kind, profile: None }
}

impl Frame {
    /// Puts type, id and meta in front of `body`. `event` is when what the
    /// resource tells of was over.
    pub fn build(
        self,
        style: Style,
        id: Uuid,
        event: Time,
        rng: &mut Rng,
        body: &Json,
    ) -> Resource {
        let stored = stored(event, rng);
        let meta = Meta { stored: style.has_stamps().then_some(stored), profile: self.profile };
        let mut object = Object::new();
        object.reserve(body.as_str().len() + 240);
        object.field("resourceType", self.kind);
        object.field("id", &style.has_ids().then_some(id));
        object.field("meta", &meta);
        object.extend(body);
        let (kind, profile) = (self.kind, self.profile);
        Resource { kind, profile, id, json: object.close(), if_none_exist: None }
    }
}

struct Meta {
    stored: Option<Stamp>,
    profile: Option<&'static str>,
}

impl ToJson for Meta {
    fn write(&self, out: &mut String) {
        let url = "http://hl7.org/fhir/us/core/StructureDefinition";
        obj! {
            "lastUpdated": self.stored,
            "profile": [self.profile.map(|name| format!("{url}/{name}"))],
        }
        .write(out);
    }

    fn absent(&self) -> bool {
        self.stored.is_none() && self.profile.is_none()
    }
}

/// Most resources are stored within two days of the event; some are corrected
/// later, so that the order of `lastUpdated` is not that of the events.
fn stored(event: Time, rng: &mut Rng) -> Stamp {
    let delay = rng.range(1_000, 2 * DAY * 1_000);
    let corrected = rng.chance(8);
    let last = AS_OF.plus(-2).at(0);
    let latest = rng.range(event.0, last.0.max(event.0)) * 1_000;
    Stamp(if corrected { latest } else { event.0 * 1_000 } + delay)
}

/// A generated narrative. `text` must not contain markup.
pub fn narrative(text: std::fmt::Arguments<'_>) -> Json {
    obj! {
        "status": "generated",
        "div": format_args!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>{text}</p></div>"),
    }
}

/// A phone number that cannot be anyone's: the exchange 555 is for fiction.
pub fn phone(area_code: &str, usage: Option<&str>, rng: &mut Rng) -> Json {
    let line = rng.range(100, 199);
    obj! {
        "system": "phone",
        "value": format_args!("({area_code}) 555-0{line}"),
        "use": usage,
    }
}
