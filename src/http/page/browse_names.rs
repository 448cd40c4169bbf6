//! The names of patients, where screens would have their ids: for callers who may read patients.

use std::collections::BTreeMap;

use super::browse_columns::ListColumns;
use crate::access::Interaction;
use crate::error::Result;
use crate::fhir::compartment::PATIENT;
use crate::http::authenticated::AuthenticatedRequest;
use crate::search::FoundResource;
use crate::store::{Lookup, Snapshot};

/// Finds names, each once.
pub struct PatientNames<'s> {
    /// None for a caller who may not read patients.
    lookup: Option<Lookup<'s>>,
    known: BTreeMap<String, Option<String>>,
    /// The bytes of the resources that were read.
    pub read: usize,
}

impl<'s> PatientNames<'s> {
    /// Of a snapshot.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn new(
        request: &AuthenticatedRequest<'_>,
        snapshot: &'s Snapshot,
    ) -> Result<PatientNames<'s>> {
        let may_read = request.check(PATIENT, Interaction::Read).is_ok();
        let lookup = if may_read { Some(snapshot.lookup()?) } else { None };
        Ok(PatientNames { lookup, known: BTreeMap::new(), read: 0 })
    }

    /// The name of a patient; `None` where it is not here, or not for the caller.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn of(&mut self, id: &str) -> Result<Option<String>> {
        if let Some(known) = self.known.get(id) {
            return Ok(known.clone());
        }
        let Some(lookup) = &self.lookup else { return Ok(None) };
        let columns = ListColumns::of(PATIENT);
        let mut name = None;
        if let Some(seq) = lookup.find(PATIENT, id)? {
            let found = lookup.read(seq, FoundResource::with_header)?;
            self.read += found.as_ref().map_or(0, |found| found.body.len());
            name = found.map(|found| columns.row("", &found).label);
        }
        self.known.insert(id.to_owned(), name.clone());
        Ok(name)
    }
}
