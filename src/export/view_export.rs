//! The views of a `$sql-export`, as the store keeps them with its job.
//!
//! <https://sql-on-fhir.org/ig/OperationDefinition-SQLExport.html>. The views are kept whole: what the store has of them may
//! change while the job lives. `view_files.rs` makes the files.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::fhir::view::ViewDefinition;
use crate::view::ViewFormat;

/// The views of an export. The store keeps it as JSON: its fields keep their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewExport {
    /// The name of the form of its files.
    pub format: String,
    /// Whether CSV has a header.
    pub header: bool,
    /// Whether the client named the form.
    pub is_format_given: bool,
    /// What the client calls the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
    /// The views, one for each file.
    pub views: Vec<ExportedView>,
}

/// A view of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedView {
    /// The name of its output, which no other one has.
    pub name: String,
    /// The ViewDefinition, as JSON.
    pub definition: String,
}

impl ViewExport {
    /// The form of its files.
    ///
    /// # Errors
    /// `Damaged` if there is no such form.
    pub fn form(&self) -> Result<ViewFormat> {
        match ViewFormat::named(&self.format) {
            Some(ViewFormat::Csv { .. }) => Ok(ViewFormat::Csv { header: self.header }),
            Some(format) => Ok(format),
            None => Err(Error::new(Kind::Damaged, format!("a job has the form {:?}", self.format))),
        }
    }

    /// The name of the file of each view, in order: that of its output, if it can stand in a path as it is.
    pub fn file_names(&self) -> impl Iterator<Item = String> {
        let is_plain = |name: &str| {
            (1..=100).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        self.views.iter().enumerate().map(move |(number, view)| match is_plain(&view.name) {
            true => format!("{}.{}", view.name, self.format),
            // A plain name has no dot, so this is no other file's.
            false => format!("output.{}.{}", number + 1, self.format),
        })
    }

    /// The view of a file; `None` where no file has the name.
    pub(super) fn view_of(&self, file: &str) -> Option<&ExportedView> {
        let place = self.file_names().position(|name| name == file)?;
        self.views.get(place)
    }
}

impl ExportedView {
    /// The view, which was checked when the job was accepted.
    ///
    /// # Errors
    /// `Damaged` where it has faults nevertheless.
    pub(super) fn view(&self) -> Result<ViewDefinition> {
        ViewDefinition::from_json(&self.definition).map_err(|faults| {
            let told = faults.first().map(ToString::to_string).unwrap_or_default();
            Error::new(Kind::Damaged, format!("the view {:?} of a job: {told}", self.name))
        })
    }
}
