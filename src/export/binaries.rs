//! Binaries about patients, which an export of everything leaves out.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-kick-off-request>: "Binary Resources whose
//! content is associated with an individual patient SHALL be serialized as DocumentReference Resources
//! with the `content.attachment` element populated". A Binary is about a patient if its
//! `securityContext` says so, or if an attachment of a Patient or of a resource about a patient names it.
//! Such an attachment leads to its content; a notice tells a Binary to which none leads.

use std::collections::{BTreeMap, HashSet};

use super::request::ExportRequest;
use crate::error::Result;
use crate::fhir::binary::BINARY;
use crate::fhir::outcome::Issue;
use crate::store::{Selection, Snapshot, VersionHeader, VersionSize};

/// The number of Binaries that notices name one by one.
const MOST_NOTICES: usize = 100;

/// The versions of Binaries in a snapshot that an export leaves out, by their numbers.
pub struct WithheldBinaries(BTreeMap<i64, VersionHeader>);

impl WithheldBinaries {
    /// Finds those of `request`: none if it asks for them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn find(snapshot: &Snapshot, request: &ExportRequest) -> Result<WithheldBinaries> {
        let mut found = BTreeMap::new();
        if request.withholds_binaries && request.filter.accepts_type(BINARY) {
            let view = snapshot.lookup()?;
            let versions = [view.binaries_in_patients_context()?, view.binaries_of_patients()?];
            found.extend(versions.into_iter().flatten().map(|version| (version.seq, version)));
        }
        Ok(WithheldBinaries(found))
    }

    /// True for a version that is left out.
    pub fn has(&self, seq: i64) -> bool {
        self.0.contains_key(&seq)
    }

    /// The versions of a selection that are exported; `None` for all of them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn rest(&self, snapshot: &Snapshot, of: &Selection) -> Result<Option<Vec<VersionSize>>> {
        if of.resource_type != BINARY || self.0.is_empty() {
            return Ok(None);
        }
        let mut rest = snapshot.sizes(of)?;
        rest.retain(|version| !self.0.contains_key(&version.seq));
        Ok(Some(rest))
    }

    /// The notices about those to which no attachment of the export leads. `accepts` says whether a version, given by
    /// its type and number, meets the filter of its type.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn notices(
        &self,
        snapshot: &Snapshot,
        request: &ExportRequest,
        accepts: &dyn Fn(&str, i64) -> bool,
    ) -> Result<Vec<Issue>> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let filter = &request.filter;
        let base = request.shape.attachments_base.as_deref().unwrap_or_default();
        let led_to = snapshot.lookup()?.binaries_led_to(base, filter.since, filter.until)?;
        let led_to: HashSet<String> = led_to
            .into_iter()
            .filter(|(_, holder, seq)| filter.accepts_type(holder) && accepts(holder, *seq))
            .map(|(id, ..)| id)
            .collect();
        let told: Vec<&VersionHeader> = self
            .0
            .values()
            .filter(|version| filter.accepts(version) && accepts(BINARY, version.seq))
            .filter(|version| !led_to.contains(&version.id))
            .collect();
        let mut notices: Vec<Issue> = told
            .iter()
            .take(MOST_NOTICES)
            .map(|version| {
                let text = format!(
                    "{BINARY}/{} is about a patient and left out, and no attachment in this export leads to \
                     it; read it, or export with _type={BINARY}",
                    version.id
                );
                Issue::warning("suppressed", text)
            })
            .collect();
        if told.len() > MOST_NOTICES {
            let text = format!("and {} more of type {BINARY}", told.len() - MOST_NOTICES);
            notices.push(Issue::warning("suppressed", text));
        }
        Ok(notices)
    }
}
