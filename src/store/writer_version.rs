//! What a writer does with the store's version of FHIR.

use super::fhir_version::{derive_compartment, fhir_version, given_fhir_version, set_fhir_version};
use super::writer::Writer;
use crate::error::Result;
use crate::fhir::compartment;
use crate::fhir::version::FhirVersion;

impl Writer<'_> {
    /// The store's version of FHIR; `None` where it is not known yet.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn known_fhir_version(&self) -> Result<Option<FhirVersion>> {
        fhir_version(&self.conn)
    }

    /// The version of FHIR that somebody gave the store; `None` where nobody did.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn given_fhir_version(&self) -> Result<Option<FhirVersion>> {
        given_fhir_version(&self.conn)
    }

    /// Sets the store's version of FHIR in the open transaction, and derives anew what depends on it.
    /// `is_told` says that nobody gave the version: the content told it.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn set_fhir_version(&mut self, version: FhirVersion, is_told: bool) -> Result<()> {
        self.restore_dropped(None)?;
        let before = self.fhir_version;
        let is_affected = |name: &str| compartment::differs(name, before, version);
        derive_compartment(&self.conn, version, &is_affected)?;
        self.fhir_version = version;
        set_fhir_version(&self.conn, version, is_told)
    }
}
