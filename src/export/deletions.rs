//! Which deletions belong to an export of patients.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#response---output-manifest>, `deleted`

use super::cohort::Cohort;
use crate::error::Result;
use crate::fhir::compartment::PATIENT;
use crate::fhir::provenance::Provenance;
use crate::store::{Lookup, Tombstone};
use crate::time::Instant;

/// True if a deleted resource was one of the patients or about one of them.
///
/// # Errors
/// Where the store cannot be read.
pub fn was_about(cohort: &Cohort<'_>, tombstone: &Tombstone) -> Result<bool> {
    if tombstone.resource_type == PATIENT {
        return Ok(cohort.includes(&tombstone.id));
    }
    let patients = cohort.view.patients_of(tombstone.seq)?;
    let is_included = |patient: &String| cohort.includes(patient);
    match tombstone.resource_type.as_str() {
        // A Group is exported only with all of its patients.
        "Group" => Ok(!patients.is_empty() && patients.iter().all(is_included)),
        "Provenance" => Ok(patients.iter().any(is_included) || targeted(cohort, tombstone)?),
        _ => Ok(patients.iter().any(is_included)),
    }
}

/// True if a target of a deleted Provenance is or was about one of the patients.
fn targeted(cohort: &Cohort<'_>, tombstone: &Tombstone) -> Result<bool> {
    let view = &cohort.view;
    let Some(body) = view.last_body(tombstone.seq)? else { return Ok(false) };
    for (resource_type, id) in Provenance::read(&body).targets {
        if let Some(seq) = last_version(view, &resource_type, &id)?
            && view.patients_of(seq)?.iter().any(|patient| cohort.includes(patient))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The last version of a resource, be the resource deleted or not.
fn last_version(view: &Lookup<'_>, resource_type: &str, id: &str) -> Result<Option<i64>> {
    if let Some(seq) = view.find(resource_type, id)? {
        return Ok(Some(seq));
    }
    let ever = Instant::from_micros(i64::MIN);
    let deletion = view.tombstone(resource_type, id, ever, None)?;
    Ok(deletion.map(|deletion| deletion.seq))
}
