//! Resources that an export includes because others reference them: practitioners, organizations,
//! medications and other resources that are about no patient.
//!
//! A resource that names a patient outside of the export does not come along, in whichever element it
//! does so. A Device comes along with its own patient only.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::cohort::Cohort;
use super::filter::ExportFilter;
use crate::error::Result;
use crate::fhir::compartment::{self, PATIENT};
use crate::fhir::reference;
use crate::store::{Tombstone, VersionHeader};

/// Types that a reference never includes. A Patient would come with a compartment of its own, a
/// Provenance is found by its target, a Binary is fetched by its URL.
const NEVER_INCLUDED: [&str; 3] = [PATIENT, "Provenance", "Binary"];

/// Follows references, and remembers where each of them led.
pub struct References<'a> {
    filter: &'a ExportFilter,
    /// True if a type that references may include is exported.
    are_followed: bool,
    /// By a hash of type and id: the version to include, or `None` for no version.
    known: HashMap<u128, Option<i64>>,
    hashers: (RandomState, RandomState),
    /// Deletions of resources that references led to.
    deletions: Vec<Tombstone>,
}

impl<'a> References<'a> {
    /// No reference followed yet.
    pub fn new(filter: &'a ExportFilter) -> References<'a> {
        References {
            filter,
            are_followed: filter.accepts_types_beside(&NEVER_INCLUDED),
            known: HashMap::new(),
            hashers: Default::default(),
            deletions: Vec::new(),
        }
    }

    /// Reads a version, and adds to `open` the versions that its references include. `None` if the
    /// snapshot has no such version.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn follow(
        &mut self,
        cohort: &Cohort<'_>,
        seq: i64,
        open: &mut Vec<i64>,
    ) -> Result<Option<VersionHeader>> {
        let view = &cohort.view;
        if !self.are_followed {
            return view.version(seq);
        }
        let mut unknown: Vec<(u128, String, String)> = Vec::new();
        let version = view.read(seq, |version, body| {
            reference::each_local(body, |resource_type, id| {
                if NEVER_INCLUDED.contains(&resource_type) {
                    return;
                }
                let key = self.key(resource_type, id);
                match self.known.get(&key) {
                    Some(found) => open.extend(found),
                    None => unknown.push((key, resource_type.to_owned(), id.to_owned())),
                }
            });
            version
        })?;
        for (key, resource_type, id) in unknown {
            open.extend(self.include(cohort, key, &resource_type, &id)?);
        }
        Ok(version)
    }

    /// The version that a reference includes: of a resource that is about no patient, and names none
    /// outside of the export.
    fn include(
        &mut self,
        cohort: &Cohort<'_>,
        key: u128,
        resource_type: &str,
        id: &str,
    ) -> Result<Option<i64>> {
        // A body may reference an unknown resource twice.
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        if compartment::is_by_patient_alone(resource_type) {
            self.known.insert(key, None);
            return Ok(None);
        }
        let view = &cohort.view;
        let mut found = view.find(resource_type, id)?;
        if let Some(seq) = found {
            let is_about_others = view.is_in_any_compartment(seq)?
                || view.read(seq, |_, body| names_outsider(cohort, body))?.unwrap_or(false);
            if is_about_others {
                found = None;
            }
        } else if let Some(deletion) = self.filter.deletion(view, resource_type, id)?
            && !view.is_in_any_compartment(deletion.seq)?
            && !view.last_body(deletion.seq)?.is_some_and(|body| names_outsider(cohort, &body))
        {
            self.deletions.push(deletion);
        }
        self.known.insert(key, found);
        Ok(found)
    }

    /// The key that a resource is remembered by. It has two hashes, since one hash of 64 bits may
    /// collide.
    fn key(&self, resource_type: &str, id: &str) -> u128 {
        let (one, other) = &self.hashers;
        let name = (resource_type, id);
        u128::from(one.hash_one(name)) << 64 | u128::from(other.hash_one(name))
    }

    /// Takes the deletions of resources that references led to.
    pub fn deletions(&mut self) -> Vec<Tombstone> {
        std::mem::take(&mut self.deletions)
    }
}

/// True for a text that refers to a patient who is not exported.
fn names_outsider(cohort: &Cohort<'_>, body: &str) -> bool {
    let mut found = false;
    if cohort.is_limited() {
        reference::each_local(body, |resource_type, id| {
            found |= resource_type == PATIENT && !cohort.includes(id);
        });
    }
    found
}
