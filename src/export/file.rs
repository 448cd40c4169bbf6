//! The files of an export: what each file is, and what its lines are made of.

use super::filter::ExportFilter;
use crate::error::{Error, Kind, Result};
use crate::store::{FileRow, Selection};

/// The list of the manifest that a file stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Resources.
    Output,
    /// Bundles that tell deletions.
    Deleted,
    /// OperationOutcomes.
    Error,
}

impl Purpose {
    const ALL: [Purpose; 3] = [Purpose::Output, Purpose::Deleted, Purpose::Error];

    fn name(self) -> &'static str {
        match self {
            Purpose::Output => "output",
            Purpose::Deleted => "deleted",
            Purpose::Error => "error",
        }
    }
}

/// What the lines of a file are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A range of one type's versions.
    Range(Selection),
    /// Versions listed one by one, encoded by `rows.rs`.
    Rows(Vec<u8>),
    /// The lines themselves.
    Text(String),
}

/// One file of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its list in the manifest.
    pub purpose: Purpose,
    /// Its name, such as `Patient.ndjson` or `Observation.002.ndjson`.
    pub name: String,
    /// The type of its resources; `None` for a file organized by patient.
    pub resource_type: Option<String>,
    /// The number of its lines, without the headers of a file organized by patient.
    pub count: u64,
    /// The number of its bytes, line ends included: its `Content-Length`.
    pub bytes: u64,
    /// The name of the file that goes on with its last patient.
    pub continues_in: Option<String>,
    pub(crate) content: Content,
}

impl File {
    /// True for a file with resources of this type, as the export asks for them.
    pub(super) fn has_output_of(&self, resource_type: &str) -> bool {
        self.purpose == Purpose::Output && self.resource_type.as_deref() == Some(resource_type)
    }

    /// The row that the store keeps of it.
    pub(super) fn into_row(self) -> FileRow {
        let mut row = FileRow {
            kind: self.purpose.name().to_owned(),
            name: self.name,
            resource_type: self.resource_type,
            count: self.count,
            bytes: self.bytes,
            continues_in: self.continues_in,
            ..FileRow::default()
        };
        match self.content {
            Content::Range(selection) => row.range = Some((selection.first, selection.last)),
            Content::Rows(rows) => row.rows = Some(rows),
            Content::Text(text) => row.body = Some(text),
        }
        row
    }

    /// The file of a row; `filter` is that of its job.
    ///
    /// # Errors
    /// `Damaged` if no manifest has such a list.
    pub(super) fn of_row(row: FileRow, filter: &ExportFilter) -> Result<File> {
        let Some(purpose) = Purpose::ALL.into_iter().find(|one| one.name() == row.kind) else {
            let what = format!("the file {} of a job is of no kind", row.name);
            return Err(Error::new(Kind::Damaged, what));
        };
        let content = match (row.range, row.rows, &row.resource_type) {
            (Some((first, last)), _, Some(resource_type)) => {
                Content::Range(filter.selection(resource_type, first, last))
            }
            (_, Some(rows), _) => Content::Rows(rows),
            _ => Content::Text(row.body.unwrap_or_default()),
        };
        Ok(File {
            purpose,
            name: row.name,
            resource_type: row.resource_type,
            count: row.count,
            bytes: row.bytes,
            continues_in: row.continues_in,
            content,
        })
    }
}
