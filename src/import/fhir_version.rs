//! The store's version of FHIR at an import: given by somebody, or told by the content.
//!
//! A store holds one version. Resources of another one are taken and exported all the same, and the
//! import says that there are some.

use super::apply::ImportRun;
use crate::error::{Error, Kind, Result};
use crate::fhir::version::FhirVersion;

impl ImportRun<'_> {
    /// Checks that the store can have the version that somebody gives it.
    ///
    /// # Errors
    /// `Usage` where somebody gave the store another one.
    pub(super) fn check_version(&self, given: Option<FhirVersion>) -> Result<()> {
        match (given, self.writer.given_fhir_version()?) {
            (Some(given), Some(held)) if given != held => Err(Error::new(
                Kind::Usage,
                format!(
                    "the store is of FHIR {held}, not {given}, and a store has one version; import into another store"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The version that the store gets at the end of the import, if it is another one than before, or
    /// if somebody now gives it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn new_version(&self, given: Option<FhirVersion>) -> Result<Option<FhirVersion>> {
        match given {
            Some(_) => {
                Ok(given.filter(|_| self.writer.given_fhir_version().ok().flatten() != given))
            }
            None if self.writer.known_fhir_version()?.is_some() => Ok(None),
            None => Ok(self.evidence.told()),
        }
    }

    /// Sets the version in the open transaction.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub(super) fn set_version(&mut self, version: FhirVersion, is_given: bool) -> Result<()> {
        self.writer.set_fhir_version(version, !is_given)?;
        if !is_given && version != FhirVersion::R4 {
            self.remark_on_store(format!(
                "the content is of FHIR {version}, so the store is of {version} from now on; \
                 --fhir-version gives it another one"
            ));
        }
        Ok(())
    }

    /// Reports resources that are of another version than the store.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn remark_mixture(&mut self) -> Result<()> {
        let known = self.writer.known_fhir_version()?;
        let version = known.unwrap_or_default();
        if let Some((count, first)) = self.evidence.against(version) {
            let what = if count == 1 { "resource is" } else { "resources are" };
            let counts = if known.is_some() { "is" } else { "counts as" };
            self.remark_on_store(format!(
                "{count} {what} not of FHIR {version}, which the store {counts}, first {first}; all are kept, \
                 and exported by the links that their version defines"
            ));
        }
        Ok(())
    }

    fn remark_on_store(&mut self, what: String) {
        self.file = self.store_name.clone();
        self.remark(0, what);
    }
}
