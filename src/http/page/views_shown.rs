//! The first rows of a view, as screens show them.

use crate::error::Result;
use crate::fhir::view::ViewDefinition;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::sql::{PlainCell, ViewPreview, view_preview};

/// The rows of a preview.
const ROWS: usize = 20;
/// The most characters of a value, and the most columns.
const CELL: usize = 80;
const MOST_COLUMNS: usize = 40;

/// The first rows of a view, with its columns.
pub struct PreviewTable {
    /// The names of the columns, each with what the view says about it.
    pub columns: Vec<(String, String)>,
    /// How many columns are not shown.
    pub hidden: usize,
    /// The rows.
    pub rows: Vec<Vec<PlainCell>>,
    /// How many resources were read for them.
    pub resources: usize,
    /// The type of the resources.
    pub resource: String,
    /// True where there may be more rows.
    pub has_more: bool,
    /// Why resources have no rows.
    pub faults: Vec<String>,
    /// What may be a mistake in the view.
    pub hints: Vec<String>,
}

/// The first rows of a view.
///
/// # Errors
/// Where the store cannot be read.
pub fn of_definition(
    request: &AuthenticatedRequest<'_>,
    view: &ViewDefinition,
) -> Result<PreviewTable> {
    let preview = view_preview(request, view, (ROWS, CELL))?;
    let ViewPreview { mut rows, resources, has_more, faults } = preview;
    request.note_read("search", &[], 0)?;
    rows.iter_mut().for_each(|row| row.truncate(MOST_COLUMNS));
    let columns = view
        .columns()
        .iter()
        .take(MOST_COLUMNS)
        .map(|column| (column.name.clone(), column.description.clone().unwrap_or_default()));
    Ok(PreviewTable {
        columns: columns.collect(),
        hidden: view.columns().len().saturating_sub(MOST_COLUMNS),
        rows,
        resources,
        resource: view.resource().to_owned(),
        has_more,
        faults,
        hints: view.hints().iter().map(ToString::to_string).collect(),
    })
}
