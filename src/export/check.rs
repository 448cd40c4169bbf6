//! Checks a request against the snapshot: the Group and the patients must be there.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>, `patient` and `_type`

use std::collections::BTreeSet;

use super::filtered::{FilterWatch, FilteredTypes};
use super::members::GroupMembers;
use super::progress::JobProgress;
use super::request::{ExportRequest, Level};
use super::type_filter::TypeSearches;
use crate::error::{Error, Kind, Result};
use crate::fhir::compartment::PATIENT;
use crate::fhir::name::short;
use crate::fhir::outcome::Issue;
use crate::search::Finder;
use crate::store::{Lookup, Snapshot};

/// The number of patients that are looked up between two looks at whether this goes on.
const AT_ONCE: usize = 1000;
/// The number of faults that notices name one by one.
const MOST_NOTICES: usize = 1000;

impl ExportRequest {
    /// Checks the request against `snapshot`, and notes its version of FHIR. With `is_lenient`, a wrong patient or type becomes a
    /// notice, and the patient is left out.
    ///
    /// # Errors
    /// `NotFound` for a Group or patient that is not there; `Invalid` for a patient outside of the
    /// Group, and for types that all lie outside of the Patient compartment.
    pub fn check(&mut self, snapshot: &Snapshot, is_lenient: bool) -> Result<()> {
        self.check_while(snapshot, is_lenient, &|| Ok(()))
    }

    /// Checks the request as [`ExportRequest::check`] does, as long as `goes_on` now and then says so.
    ///
    /// # Errors
    /// The same, and those of `goes_on`.
    pub(crate) fn check_while(
        &mut self,
        snapshot: &Snapshot,
        is_lenient: bool,
        goes_on: &dyn Fn() -> Result<()>,
    ) -> Result<()> {
        self.shape.fhir_version = snapshot.fhir_version()?;
        let view = snapshot.lookup()?;
        let members = match &self.level {
            Level::System => return Ok(()),
            Level::Patient => None,
            Level::OnePatient(id) => {
                if view.find(PATIENT, id)?.is_none() {
                    let what = format!("Patient/{} is not here", short(id));
                    return Err(Error::new(Kind::NotFound, what));
                }
                None
            }
            Level::Group(id) => {
                let (searches, progress) = (TypeSearches::default(), JobProgress::default());
                let watch = FilterWatch::new(&progress);
                let looked_at = |_| goes_on();
                let finder = Finder::new(snapshot, snapshot.fhir_version()?, &looked_at);
                let filters = FilteredTypes::new(snapshot, &searches, finder, &watch)?;
                // Filters of members take time: a job works them out, unless the kick-off names patients.
                let filters = Some(&filters).filter(|_| self.patients.is_some());
                Some(GroupMembers::read(snapshot, &view, id, self, filters)?)
            }
        };
        let mut faults = self.check_patients(&view, members.as_ref(), goes_on)?;
        let has_others = members.is_some_and(|members| !members.others.is_empty());
        if self.filter.is_outside_compartment() && !has_others {
            let what = "_type names only types outside of the Patient compartment; name one inside, \
                        or export at the system level";
            faults.push((Kind::Invalid, what.to_owned()));
        }
        if let Some((kind, text)) = faults.first()
            && !is_lenient
        {
            return Err(Error::new(*kind, text.clone()));
        }
        let notices = faults.into_iter().map(|(_, text)| Issue::warning("invalid", text));
        let beyond = notices.len().saturating_sub(MOST_NOTICES);
        self.notices.extend(notices.take(MOST_NOTICES));
        if beyond > 0 {
            self.notices.push(Issue::warning("invalid", format!("and {beyond} more are wrong")));
        }
        Ok(())
    }

    /// Leaves out each patient that is not in the store or not in the Group; the faults.
    fn check_patients(
        &mut self,
        view: &Lookup<'_>,
        members: Option<&GroupMembers>,
        goes_on: &dyn Fn() -> Result<()>,
    ) -> Result<Vec<(Kind, String)>> {
        let mut faults = Vec::new();
        let Some(asked) = self.patients.take() else { return Ok(faults) };
        let mut right = BTreeSet::new();
        for (number, id) in asked.into_iter().enumerate() {
            if number % AT_ONCE == 0 {
                goes_on()?;
            }
            let name = short(&id);
            if view.find(PATIENT, &id)?.is_none() {
                let what = format!("patient \"Patient/{name}\" is not here; leave it out");
                faults.push((Kind::NotFound, what));
            } else if members.is_some_and(|members| !members.patients.contains(&id)) {
                let what = format!(
                    "patient \"Patient/{name}\" is not a member of the Group; leave it out"
                );
                faults.push((Kind::Invalid, what));
            } else {
                right.insert(id);
            }
        }
        // An empty set stays a set: no patient must not become all patients.
        self.patients = Some(right);
        Ok(faults)
    }
}
