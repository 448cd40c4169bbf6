//! `patient`, `group` and `_since`: which resources rows are made of.
//!
//! <https://sql-on-fhir.org/ig/operations-common.html#filtering>. They make a request for an export, so a view has rows of
//! what the caller could export, and of nothing else.

use std::collections::BTreeSet;

use super::input::SqlInput;
use super::refusal::{SqlIssue, SqlOutcome, SqlRefusal};
use crate::access::Interaction;
use crate::error::Result;
use crate::export::{ExportRequest, Level};
use crate::fhir::compartment::{self, PATIENT};
use crate::fhir::name::{local_reference, short};
use crate::http::authenticated::AuthenticatedRequest;
use crate::store::Snapshot;
use crate::time::{Instant, InstantForm, span};

/// The type of groups.
const GROUP: &str = "Group";

/// The filters of a request.
#[derive(Clone, Debug, Default)]
pub struct RowFilters {
    since: Option<Instant>,
    patients: Option<BTreeSet<String>>,
    group: Option<String>,
}

impl RowFilters {
    /// Reads the filters; the patients and the group must be in `snapshot`.
    ///
    /// # Errors
    /// A refusal with all that is wrong. Where the store cannot be read.
    pub fn read(
        input: &SqlInput<'_>,
        snapshot: &Snapshot,
        is_lenient: bool,
    ) -> SqlOutcome<RowFilters> {
        let mut faults = Vec::new();
        let mut filters = RowFilters::default();
        if let Some(text) = input.text("_since") {
            // A `+` in the zone arrives as a blank if a client did not encode it.
            let text = text.replace(' ', "+");
            let partial = || Some((span(&text)?.0, InstantForm::Partial));
            filters.since = match Instant::parse(&text).or_else(partial) {
                Some((time, InstantForm::Instant)) => Some(time),
                Some((time, InstantForm::Partial)) if is_lenient => Some(time),
                _ => {
                    let what = format!(
                        "_since {:?} should be an instant such as 2021-01-01T12:30:00Z",
                        short(&text)
                    );
                    faults.push(SqlIssue::new("invalid", "_since", what));
                    None
                }
            };
        }
        let lookup = snapshot.lookup()?;
        let mut named = |name: &str, resource_type: &str, text: &str| -> Result<Option<String>> {
            let id = local_reference(text).filter(|(found, _)| *found == resource_type);
            let (code, what) = match id {
                Some((_, id)) if lookup.find(resource_type, id)?.is_some() => {
                    return Ok(Some(id.to_owned()));
                }
                Some((_, id)) => {
                    ("not-found", format!("{resource_type}/{} is not here", short(id)))
                }
                None => {
                    let what = format!(
                        "{name} {:?} should be a reference such as {resource_type}/123",
                        short(text)
                    );
                    ("invalid", what)
                }
            };
            faults.push(SqlIssue::new(code, name, what));
            Ok(None)
        };
        for text in input.texts("patient") {
            let patients = filters.patients.get_or_insert_default();
            patients.extend(named("patient", PATIENT, text)?);
        }
        if let Some(text) = input.text("group") {
            filters.group = named("group", GROUP, text)?;
        }
        match faults.is_empty() {
            true => Ok(filters),
            false => Err(SqlRefusal::Told { status: 400, issues: faults }),
        }
    }

    /// True where nothing is filtered.
    pub fn are_none(&self) -> bool {
        self.since.is_none() && self.patients.is_none() && self.group.is_none()
    }

    /// The export that has the resources of these types that rows are made of, checked against the snapshot and against
    /// what the caller may export.
    ///
    /// # Errors
    /// `Forbidden` where the scope is too narrow, `Invalid` for a patient who is no member of the group. Where the store
    /// cannot be read.
    pub fn export_of(
        &self,
        request: &AuthenticatedRequest<'_>,
        snapshot: &Snapshot,
        types: BTreeSet<String>,
    ) -> SqlOutcome<ExportRequest> {
        let level = match (&self.group, &self.patients) {
            (Some(id), _) => Level::Group(id.clone()),
            (None, Some(_)) => Level::Patient,
            (None, None) => Level::System,
        };
        let is_of_patients = level != Level::System;
        let mut export = ExportRequest::at(level);
        export.filter.types = Some(types.clone());
        export.filter.since = self.since;
        export.patients = self.patients.clone();
        export.limit(&request.permission)?;
        export.hides_members = request.check(GROUP, Interaction::Read).is_err();
        // Of types outside of the Patient compartment, an export of patients has what their resources refer to. So these
        // tell something about patients.
        if is_of_patients && types.iter().any(|name| !compartment::has(name)) {
            request.check(PATIENT, Interaction::Export)?;
        }
        export.filter.types.get_or_insert_default().insert(PATIENT.to_owned());
        export.check_while(snapshot, false, &|| request.check_is_there())?;
        export.filter.types = Some(types);
        Ok(export)
    }
}
