//! The files of an export: what each of them is and what it is made of.

use crate::error::{Error, Kind, Result};
use crate::store::{FileRow, Selection};

/// In which list of a manifest a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Resources.
    Output,
    /// Bundles that say what was deleted.
    Deleted,
    /// OperationOutcomes.
    Error,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Purpose::Output => "output",
            Purpose::Deleted => "deleted",
            Purpose::Error => "error",
        }
    }
}

/// What the lines of a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A range of one type's versions.
    Range(Selection),
    /// Versions listed one by one, as `rows` encodes them.
    Rows(Vec<u8>),
    /// These.
    Text(String),
}

/// One file of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it stands in the manifest.
    pub purpose: Purpose,
    /// Its name, such as `Patient.ndjson` or `Observation.002.ndjson`.
    pub name: String,
    /// The type of every resource in it; `None` where they are organized by patient.
    pub resource_type: Option<String>,
    /// Lines.
    pub count: u64,
    /// Bytes, line ends included: the `Content-Length` of the file.
    pub bytes: u64,
    /// The name of the file in which the last patient of this one goes on.
    pub continues_in: Option<String>,
    pub(crate) content: Content,
}

impl File {
    /// As the store keeps it.
    pub(super) fn to_row(&self) -> FileRow {
        let mut row = FileRow {
            kind: self.purpose.name().to_owned(),
            name: self.name.clone(),
            resource_type: self.resource_type.clone(),
            count: self.count,
            bytes: self.bytes,
            continues_in: self.continues_in.clone(),
            ..FileRow::default()
        };
        match &self.content {
            Content::Range(selection) => row.range = Some((selection.first, selection.last)),
            Content::Rows(rows) => row.rows = Some(rows.clone()),
            Content::Text(text) => row.body = Some(text.clone()),
        }
        row
    }

    /// Out of the store; `all` says of a range what the job it belongs to does.
    ///
    /// # Errors
    /// `Damaged` where it cannot be.
    pub(super) fn of_row(row: FileRow, all: &Selection) -> Result<File> {
        let purpose = [Purpose::Output, Purpose::Deleted, Purpose::Error];
        let purpose = purpose.into_iter().find(|purpose| purpose.name() == row.kind);
        let content = match (row.range, row.rows, row.body, &row.resource_type) {
            (Some((first, last)), _, _, Some(resource_type)) => Some(Content::Range(Selection {
                resource_type: resource_type.clone(),
                first,
                last,
                ..all.clone()
            })),
            (_, Some(rows), _, _) => Some(Content::Rows(rows)),
            (_, _, body, _) => Some(Content::Text(body.unwrap_or_default())),
        };
        match purpose.zip(content) {
            Some((purpose, content)) => Ok(File {
                purpose,
                name: row.name,
                resource_type: row.resource_type,
                count: row.count,
                bytes: row.bytes,
                continues_in: row.continues_in,
                content,
            }),
            None => Err(Error::new(
                Kind::Damaged,
                format!("the file {} of a job is of no kind", row.name),
            )),
        }
    }
}
