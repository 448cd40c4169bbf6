//! A request in few bytes, as the store keeps it with its job: a kick-off may name a hundred thousand patients.
//!
//! Patients of a job are in its snapshot, so the numbers of their versions name them. Numbers near each other take
//! a byte each.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::request::ExportRequest;
use super::rows::{Block, decode, encode};
use crate::error::{Error, Kind, Result};
use crate::fhir::compartment::PATIENT;
use crate::store::Snapshot;

/// Up to so many patients are kept by their ids.
const MOST_BY_ID: usize = 100;

impl ExportRequest {
    /// The request with its patients packed, if there are many.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn packed(&self, snapshot: &Snapshot) -> Result<ExportRequest> {
        let Some(patients) = self.patients.as_ref().filter(|all| all.len() > MOST_BY_ID) else {
            return Ok(self.clone());
        };
        let view = snapshot.lookup()?;
        let mut seqs = Vec::with_capacity(patients.len());
        for id in patients {
            // A patient who is not in the snapshot has nothing in it.
            seqs.extend(view.find(PATIENT, id)?);
        }
        seqs.sort_unstable();
        let packed = BASE64_STANDARD.encode(encode(&[Block { patient: None, seqs }]));
        Ok(ExportRequest { patients: None, packed_patients: Some(packed), ..self.clone() })
    }

    /// The request with its patients unpacked.
    ///
    /// # Errors
    /// `Damaged` where the list cannot be decoded; where the store cannot be read.
    pub(super) fn unpacked(&self, snapshot: &Snapshot) -> Result<ExportRequest> {
        let Some(packed) = &self.packed_patients else { return Ok(self.clone()) };
        let bytes = BASE64_STANDARD.decode(packed).map_err(|error| {
            Error::caused(Kind::Damaged, "the patients of a job cannot be read", error)
        })?;
        let view = snapshot.lookup()?;
        let mut patients = BTreeSet::new();
        for block in decode(&bytes) {
            for seq in block?.seqs {
                patients.extend(view.version(seq)?.map(|version| version.id));
            }
        }
        Ok(ExportRequest { patients: Some(patients), packed_patients: None, ..self.clone() })
    }
}
