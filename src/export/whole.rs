//! What a snapshot holds, by whether it is about any patient: found type by type, from an index.
//!
//! `all_patients.rs` makes the scope of an export of all patients of it.

use std::collections::HashSet;

use super::cohort::Cohort;
use super::versions::VersionsByType;
use crate::error::Result;
use crate::fhir::compartment::{self, PATIENT};
use crate::fhir::provenance::PROVENANCE;
use crate::store::{Selection, Snapshot};

/// What a snapshot holds, by whether it is about a patient.
pub struct Whole {
    /// The roots, by type.
    pub roots: VersionsByType,
    /// Provenance resources that are no roots.
    pub provenances: Vec<i64>,
    /// The types with resources that are about no patient although they could be.
    pub strays: HashSet<String>,
}

impl Whole {
    /// Finds it in the snapshot of a cohort of all patients.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn read(snapshot: &Snapshot, cohort: &Cohort<'_>) -> Result<Whole> {
        let in_compartment = cohort.in_any_compartment()?;
        let mut whole =
            Whole { roots: VersionsByType::new(), provenances: Vec::new(), strays: HashSet::new() };
        for resource_type in snapshot.types()? {
            // Resources of other types are in no compartment.
            if !compartment::has(&resource_type) {
                continue;
            }
            let mut rows = snapshot.sizes(&Selection::all(&resource_type, snapshot))?;
            if resource_type != PATIENT {
                let all = rows.len();
                if resource_type == PROVENANCE {
                    let outside = rows.iter().filter(|row| !in_compartment.contains(row.seq));
                    whole.provenances.extend(outside.map(|row| row.seq));
                }
                rows.retain(|row| in_compartment.contains(row.seq));
                if rows.len() < all {
                    whole.strays.insert(resource_type.clone());
                }
            }
            whole.roots.insert(resource_type, rows);
        }
        Ok(whole)
    }
}
