//! Binaries about patients, which an export of everything leaves out.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-kick-off-request>: "Binary Resources whose
//! content is associated with an individual patient SHALL be serialized as DocumentReference Resources
//! with the `content.attachment` element populated". A Binary is about a patient if its
//! `securityContext` says so, or if an attachment of a Patient or of a resource about a patient names it.
//! Such an attachment leads to its content; a notice tells a Binary to which none leads.

use std::collections::BTreeSet;

use super::request::ExportRequest;
use crate::error::Result;
use crate::fhir::binary::BINARY;
use crate::fhir::outcome::Issue;
use crate::store::{Lookup, Selection, Snapshot, VersionSize};

/// The number of Binaries that notices name one by one.
const MOST_NOTICES: usize = 100;

/// The versions of Binaries in a snapshot that an export leaves out.
pub struct WithheldBinaries(BTreeSet<i64>);

impl WithheldBinaries {
    /// Finds those of `request`: none if it asks for them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn find(snapshot: &Snapshot, request: &ExportRequest) -> Result<WithheldBinaries> {
        let mut found = BTreeSet::new();
        if request.withholds_binaries && request.filter.accepts_type(BINARY) {
            let view = snapshot.lookup()?;
            found.extend(view.binaries_in_patients_context()?);
            for id in view.binaries_of_patients()? {
                found.extend(view.find(BINARY, &id)?);
            }
        }
        Ok(WithheldBinaries(found))
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
        rest.retain(|version| !self.0.contains(&version.seq));
        Ok(Some(rest))
    }

    /// The notices about those to which no attachment of the export leads.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn notices(&self, snapshot: &Snapshot, request: &ExportRequest) -> Result<Vec<Issue>> {
        let mut notices = Vec::new();
        if self.0.is_empty() {
            return Ok(notices);
        }
        let view = snapshot.lookup()?;
        let base = request.shape.attachments_base.as_deref().unwrap_or_default();
        let mut beyond = 0;
        for seq in &self.0 {
            let Some(version) = view.version(*seq)? else { continue };
            if !request.filter.accepts(&version) || is_led_to(&view, &version.id, base, request)? {
                continue;
            }
            if notices.len() >= MOST_NOTICES {
                beyond += 1;
                continue;
            }
            let text = format!(
                "{BINARY}/{} is about a patient and left out, and no attachment in this export leads to it; \
                 read it, or export with _type={BINARY}",
                version.id
            );
            notices.push(Issue::warning("suppressed", text));
        }
        if beyond > 0 {
            let text = format!("and {beyond} more of type {BINARY}");
            notices.push(Issue::warning("suppressed", text));
        }
        Ok(notices)
    }
}

/// True if an attachment of an exported version leads to a Binary.
fn is_led_to(view: &Lookup<'_>, id: &str, base: &str, request: &ExportRequest) -> Result<bool> {
    for seq in view.holders_of_binary(id, base)? {
        if view.version(seq)?.is_some_and(|version| request.filter.accepts(&version)) {
            return Ok(true);
        }
    }
    Ok(false)
}
