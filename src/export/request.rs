//! What is asked for: an export, checked.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>. Each dialect reads its own
//! parameters into it (`parameters.rs`, `oneup.rs`), the command line its arguments.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::fhir::compartment;
use crate::fhir::elements::Elements;
use crate::fhir::name::short;
use crate::fhir::outcome::Issue;
use crate::time::Instant;

/// Whose data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// Everything.
    #[default]
    System,
    /// What is about patients.
    Patient,
    /// What is about the patient with this id.
    OnePatient(String),
    /// What is about the members of the Group with this id.
    Group(String),
}

/// Which Provenance resources come along, where that is asked for (`includeAssociatedData`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Associated {
    /// Of each resource the most recent one.
    LatestProvenance,
    /// All.
    RelevantProvenance,
}

/// An export request; the default is everything. Begin with [`ExportRequest::at`], set what is to be
/// narrower, and hold it against what there is:
///
/// ```
/// # fn main() -> fhirlite::Result<()> {
/// use fhirlite::{Level, Plan, ExportRequest, Store};
///
/// # let store = Store::in_memory()?;
/// # let data = r#"{"resourceType":"Patient","id":"a","birthDate":"2001-02-03"}"#;
/// # fhirlite::Import::new().text(&store, "a", data)?;
/// let mut request = ExportRequest::at(Level::Patient);
/// request.add_types("Patient,Observation");
/// request.add_element("Patient.birthDate")?;
/// let snapshot = store.snapshot()?;
/// request.check(&snapshot, false)?;
/// assert_eq!(Plan::new(snapshot, &request)?.files.len(), 1);
/// # Ok(())
/// # }
/// ```
///
/// As JSON it is kept with a job, so what is added to it later needs a default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportRequest {
    /// Whose data.
    pub level: Level,
    /// Only these types; `None` is all. A type that nobody knows yields nothing.
    pub types: Option<BTreeSet<String>>,
    /// Of these only those that who asks may have; `None` is all.
    pub(crate) allowed: Option<BTreeSet<String>>,
    /// Only what has `meta.lastUpdated` strictly after this.
    pub since: Option<Instant>,
    /// Only what has `meta.lastUpdated` strictly before this.
    pub until: Option<Instant>,
    /// Only these root elements, and those that resources cannot do without.
    pub(crate) elements: Elements,
    /// Only what is about these patients.
    pub patients: Option<BTreeSet<String>>,
    /// Which Provenance resources, instead of those that belong to what is in scope.
    pub associated: Option<Associated>,
    /// Whether files hold one patient after the other, instead of one type each.
    pub organize_by_patient: bool,
    /// Whether the manifest may come in pages.
    pub partial_manifests: bool,
    /// At least so many bytes in a file where there are so many. As files are as large as they may
    /// be, nothing has to be done for it.
    pub minimum_file_size: Option<NonZeroU64>,
    /// At most so many bytes in a file, unless a single resource has more.
    pub maximum_file_size: Option<NonZeroU64>,
    /// At most so many resources in a file.
    pub resources_per_file: Option<NonZeroU64>,
    /// Whether `inactive` and `period` of a Group's members say nothing.
    pub whole_roster: bool,
    /// Whether members of a Group that cannot be exported are told of without their names: to who may
    /// not read the Group.
    pub(crate) hides_members: bool,
    /// What relative URLs of attachments become absolute on; ends in a slash.
    pub attachments_base: Option<String>,
    /// What is to be said in the `error` file.
    pub(crate) notices: Vec<Issue>,
}

impl ExportRequest {
    /// Everything at a level.
    pub fn at(level: Level) -> ExportRequest {
        ExportRequest { level, ..ExportRequest::default() }
    }

    /// Adds a comma-separated list of types.
    pub fn add_types(&mut self, list: &str) {
        let types = self.types.get_or_insert_default();
        types.extend(
            list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()),
        );
        // `_type=` names nothing, and so restricts nothing.
        if types.is_empty() {
            self.types = None;
        }
    }

    /// Adds `element` or `Type.element` to those that are wanted.
    ///
    /// # Errors
    /// `Invalid`, saying what it should look like.
    pub fn add_element(&mut self, entry: &str) -> Result<()> {
        let wrong =
            |what| Error::new(Kind::Invalid, format!("_elements {:?}: {what}", short(entry)));
        self.elements.add(entry).map_err(wrong)
    }

    /// True where the type is among those asked for.
    pub(super) fn wants(&self, resource_type: &str) -> bool {
        let hold = |types: &Option<BTreeSet<String>>| {
            types.as_ref().is_none_or(|types| types.contains(resource_type))
        };
        hold(&self.types) && hold(&self.allowed)
    }

    /// True where some type is asked for that is none of `these`.
    pub(super) fn wants_beside(&self, these: &[&str]) -> bool {
        let hold = |types: &Option<BTreeSet<String>>| {
            types
                .as_ref()
                .is_none_or(|types| types.iter().any(|name| !these.contains(&name.as_str())))
        };
        hold(&self.types) && hold(&self.allowed)
    }

    /// True where a resource last updated at this time is asked for.
    pub(super) fn covers(&self, last_updated: Instant) -> bool {
        self.since.is_none_or(|since| last_updated > since)
            && self.until.is_none_or(|until| last_updated < until)
    }

    /// True where all types asked for, if any, are outside of the Patient compartment.
    pub(super) fn is_outside_compartment(&self) -> bool {
        let types = self.types.as_ref().filter(|types| !types.is_empty());
        types.is_some_and(|types| !types.iter().any(|name| compartment::has(name)))
    }

    /// True where its files are ranges that are found by looking at an index alone.
    pub(super) fn is_immediate(&self) -> bool {
        self.level == Level::System
            && self.elements.is_empty()
            && self.associated.is_none()
            && !self.organize_by_patient
    }
}

/// Reads a time given for the parameter `name`.
///
/// # Errors
/// `Invalid`, saying what it should look like.
pub fn instant(name: &str, value: &str) -> Result<Instant> {
    match Instant::parse(value) {
        Some((instant, _)) => Ok(instant),
        None => Err(Error::new(
            Kind::Invalid,
            format!(
                "{name} {:?} is not a time; it should look like 2021-01-01 or 2021-01-01T12:30:00.000Z \
                 (or with an offset such as +02:00)",
                short(value)
            ),
        )),
    }
}
