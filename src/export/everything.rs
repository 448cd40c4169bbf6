//! `$everything` of a patient: the versions that an export of this patient has, as one list.
//!
//! <https://hl7.org/fhir/R4/patient-operation-everything.html>. What belongs to a patient is decided as for every export.
//! Deletions are not listed: the operation has no place for them.

use super::filtered::{FilterWatch, FilteredTypes};
use super::plan::{mended, notice_of_unlinked};
use super::progress::JobProgress;
use super::request::{ExportRequest, Level};
use super::scope::ExportScope;
use super::type_filter::TypeSearches;
use crate::error::Result;
use crate::fhir::compartment::PATIENT;
use crate::fhir::outcome::Issue;
use crate::search::Finder;
use crate::store::Snapshot;

/// All versions that belong to a patient.
pub struct PatientRecord {
    /// The numbers of the versions, in order, but the Patient comes first.
    pub versions: Vec<i64>,
    /// What is said beside them.
    pub notices: Vec<Issue>,
}

impl PatientRecord {
    /// Finds what `request`, an export of one patient, has in `snapshot`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn find(snapshot: &Snapshot, request: &ExportRequest) -> Result<PatientRecord> {
        let request = &mended(snapshot, request)?;
        let (progress, no_searches) = (JobProgress::default(), TypeSearches::default());
        let watch = FilterWatch::new(&progress);
        let finder = Finder::new(snapshot, snapshot.fhir_version()?, &|_| Ok(()));
        let unfiltered = FilteredTypes::new(snapshot, &no_searches, finder, &watch)?;
        let mut scope = ExportScope::new(snapshot, request, &unfiltered, &progress)?;
        let found = scope.versions()?;
        let mut versions: Vec<i64> = found.values().flatten().map(|row| row.seq).collect();
        let first = match &request.level {
            Level::OnePatient(id) => scope.cohort.view.find(PATIENT, id)?,
            _ => None,
        };
        versions.sort_unstable_by_key(|seq| (Some(*seq) != first, *seq));
        let mut notices = request.notices.clone();
        notices.extend(notice_of_unlinked(snapshot, request)?);
        notices.extend(scope.cohort.notices());
        Ok(PatientRecord { versions, notices })
    }
}
