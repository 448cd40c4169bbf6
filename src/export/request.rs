//! The export request: what one export holds and in which form.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>. `read.rs` makes a request from
//! the parameters of a kick-off, of the 1upHealth dialect or of the command line. Each capability
//! keeps its part of the request in its own file: `filter.rs`, `shape.rs`, `parts.rs`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::filter::ExportFilter;
use super::parts::FileLimits;
use super::shape::ResourceShape;
use super::view_export::ViewExport;
use crate::error::Result;
use crate::fhir::outcome::Issue;
use crate::store::{Selection, Snapshot};

/// The level of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// All resources.
    #[default]
    System,
    /// The compartments of all patients.
    Patient,
    /// The compartment of the patient with this id.
    OnePatient(String),
    /// The compartments of the members of the Group with this id.
    Group(String),
}

/// Which Provenance resources an export includes (`includeAssociatedData`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AssociatedData {
    /// For each exported resource its most recent Provenance.
    LatestProvenance,
    /// Every Provenance of the exported resources.
    RelevantProvenance,
}

/// An export request. The default exports everything.
///
/// Start with [`ExportRequest::at`], narrow the request, then check it against the snapshot:
///
/// ```
/// # fn main() -> fhirlite::Result<()> {
/// use fhirlite::{Level, Plan, ExportRequest, Store};
///
/// # let store = Store::in_memory()?;
/// # let data = r#"{"resourceType":"Patient","id":"a","birthDate":"2001-02-03"}"#;
/// # fhirlite::Import::new().text(&store, "a", data)?;
/// let mut request = ExportRequest::at(Level::Patient);
/// request.filter.add_types("Patient,Observation");
/// request.shape.add_element("Patient.birthDate")?;
/// let snapshot = store.snapshot()?;
/// request.check(&snapshot, false)?;
/// assert_eq!(Plan::new(snapshot, &request)?.files.len(), 1);
/// # Ok(())
/// # }
/// ```
///
/// The store keeps a request as JSON with its job. A field that is added later needs a default, and
/// a field keeps its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportRequest {
    /// The level.
    pub level: Level,
    /// Which types and times.
    #[serde(flatten)]
    pub filter: ExportFilter,
    /// How resources change on their way out.
    #[serde(flatten)]
    pub shape: ResourceShape,
    /// The size of files.
    #[serde(flatten)]
    pub limits: FileLimits,
    /// Only the compartments of these patients; `None` for all patients of the level.
    pub patients: Option<BTreeSet<String>>,
    /// The same patients as the store keeps them: `packed.rs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) packed_patients: Option<String>,
    /// Which Provenance resources; `None` for those about exported patients.
    pub associated: Option<AssociatedData>,
    /// Whether a file holds one patient after the other instead of one type.
    pub organize_by_patient: bool,
    /// Whether the manifest may have several pages.
    pub partial_manifests: bool,
    /// Whether all members of a Group count, without regard to `inactive` and `period`.
    pub whole_roster: bool,
    /// Whether notices leave out the names of members that cannot be exported: the client may not
    /// read the Group.
    pub(crate) hides_members: bool,
    /// Whether an export of everything leaves out Binaries about patients.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) withholds_binaries: bool,
    /// The views whose rows its files have, instead of resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) views: Option<ViewExport>,
    /// Notices for the `error` file.
    pub(crate) notices: Vec<Issue>,
}

impl ExportRequest {
    /// A request for everything at a level.
    pub fn at(level: Level) -> ExportRequest {
        ExportRequest { level, ..ExportRequest::default() }
    }

    /// True if `includeAssociatedData` decides about this type instead of the filter.
    pub(super) fn associates(&self, resource_type: &str) -> bool {
        self.associated.is_some() && resource_type == "Provenance"
    }

    /// The selections of an export of everything, without the types that `includeAssociatedData`
    /// decides about.
    pub(super) fn selections(&self, snapshot: &Snapshot) -> Result<Vec<Selection>> {
        let mut selections = self.filter.selections(snapshot)?;
        selections.retain(|selection| !self.associates(&selection.resource_type));
        Ok(selections)
    }

    /// True if an index alone yields the files, without reading a body.
    pub(super) fn is_immediate(&self) -> bool {
        self.level == Level::System
            && self.shape.is_whole()
            && self.associated.is_none()
            && !self.organize_by_patient
            && !self.filter.has_type_filters()
            && self.views.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Instant;

    /// A request as version 3 of the store's format has it.
    const KEPT: &str = r#"{"level":{"Group":"g"},"types":["Patient"],"allowed":null,
        "since":1592215200000000,"until":null,"elements":{"":["id"],"Patient":["birthDate"]},
        "patients":["a"],"associated":"LatestProvenance","organize_by_patient":true,
        "partial_manifests":true,"minimum_file_size":1,"maximum_file_size":1000,
        "resources_per_file":7,"whole_roster":true,"hides_members":true,
        "attachments_base":"http://x/fhir/",
        "notices":[{"severity":"warning","code":"invalid","diagnostics":"x"}]}"#;

    #[test]
    fn a_kept_request_is_read_and_keeps_its_fields() {
        let request: ExportRequest = serde_json::from_str(KEPT).unwrap();
        assert_eq!(request.level, Level::Group("g".to_owned()));
        assert_eq!(request.filter.since, Some(Instant::from_micros(1_592_215_200_000_000)));
        assert_eq!(request.limits.resources_per_file.map(u64::from), Some(7));
        let written: serde_json::Value = serde_json::to_value(&request).unwrap();
        let kept: serde_json::Value = serde_json::from_str(KEPT).unwrap();
        assert_eq!(written, kept);
        assert_eq!(serde_json::from_str::<ExportRequest>("{}").unwrap(), ExportRequest::default());
    }
}
