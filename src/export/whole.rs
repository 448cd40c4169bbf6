//! What a snapshot holds, by whether it is about any patient: found type by type, from an index.
//!
//! `all_patients.rs` makes the scope of an export of all patients of it.

use std::collections::{BTreeSet, HashSet};

use super::cohort::Cohort;
use super::seq_set::SeqSet;
use crate::error::Result;
use crate::fhir::compartment::{self, PATIENT};
use crate::fhir::provenance::PROVENANCE;
use crate::store::{Selection, Snapshot};

/// What a snapshot holds, by whether it is about a patient.
#[derive(Default)]
pub struct Whole {
    /// The roots: all Patients, and all versions in any compartment.
    pub roots: SeqSet,
    /// How many roots there are.
    pub count: u64,
    /// The types of the roots.
    pub types: BTreeSet<String>,
    /// Provenance resources that are no roots.
    pub provenances: SeqSet,
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
        let mut whole = Whole::default();
        for resource_type in snapshot.types()? {
            // Resources of other types are in no compartment.
            if !compartment::has(&resource_type) {
                continue;
            }
            let (mut roots, mut strays) = (0, 0);
            snapshot.for_each_seq(&Selection::all(&resource_type, snapshot), |seq| {
                if resource_type == PATIENT || in_compartment.contains(seq) {
                    whole.roots.insert(seq);
                    roots += 1;
                    return;
                }
                strays += 1;
                if resource_type == PROVENANCE {
                    whole.provenances.insert(seq);
                }
            })?;
            whole.count += roots;
            if strays > 0 {
                whole.strays.insert(resource_type.clone());
            }
            if roots > 0 {
                whole.types.insert(resource_type);
            }
        }
        Ok(whole)
    }
}
