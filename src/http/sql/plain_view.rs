//! The views of the store as the page shows them: how many rows each has, and the first rows that one makes.
//!
//! The first rows are made anew of the resources that the caller sees, also for a view that the store does not keep.

use std::ops::ControlFlow;

use super::plain::{PlainCell, plain_cell, plain_session};
use crate::error::{Kind, Result};
use crate::fhir::view::ViewDefinition;
use crate::http::authenticated::AuthenticatedRequest;
use crate::shown::shown;
use crate::store::{Selection, StoredView};

/// The most resources that are read for the first rows.
const MOST_READ: usize = 2000;
/// The most reasons that are told.
const MOST_FAULTS: usize = 5;
/// Rows are counted up to this.
pub const MOST_COUNTED: u64 = 10_000;

/// A view that the store keeps, and how many rows its table has, counted up to [`MOST_COUNTED`].
pub struct CountedView {
    /// The view.
    pub view: StoredView,
    /// The rows; `None` where its table is missing.
    pub rows: Option<u64>,
}

/// The first rows that a view makes.
#[derive(Default)]
pub struct ViewPreview {
    /// The rows.
    pub rows: Vec<Vec<PlainCell>>,
    /// How many resources were read for them.
    pub resources: usize,
    /// True where there may be more rows.
    pub has_more: bool,
    /// Why resources have no rows.
    pub faults: Vec<String>,
}

/// The views that the store keeps, by name.
///
/// # Errors
/// Where the store cannot be read.
pub fn counted_views(request: &AuthenticatedRequest<'_>) -> Result<Vec<CountedView>> {
    let session = plain_session(request)?;
    let tables = session.readable_tables()?;
    let counted = session.views()?.into_iter().map(|view| {
        let name = |name: &str| name.eq_ignore_ascii_case(&view.name);
        let rows = match tables.iter().find(|table| table.is_kept && name(&table.name)) {
            Some(table) => Some(session.count_rows(table, MOST_COUNTED)?),
            None => None,
        };
        Ok(CountedView { view, rows })
    });
    counted.collect()
}

/// The first rows that a view makes: at most `most` rows, with values of at most `cell` characters.
///
/// # Errors
/// Where the store cannot be read.
pub fn view_preview(
    request: &AuthenticatedRequest<'_>,
    view: &ViewDefinition,
    (most, cell): (usize, usize),
) -> Result<ViewPreview> {
    let snapshot = request.seen.snapshot()?;
    let mut preview = ViewPreview::default();
    let mut damage = None;
    let all = Selection::all(view.resource(), &snapshot);
    let rest = snapshot.for_each_version(&all, |version| {
        preview.resources += 1;
        let before = preview.rows.len();
        let made = view.rows_of_body(version.body, &mut |values| {
            match preview.rows.len() < most {
                true => preview.rows.push(values.iter().map(|of| plain_cell(of, cell)).collect()),
                false => preview.has_more = true,
            }
            Ok(())
        });
        if let Err(error) = made {
            if error.kind() == Kind::Damaged {
                damage = Some(error);
                return ControlFlow::Break(());
            }
            preview.rows.truncate(before);
            if preview.faults.len() < MOST_FAULTS {
                let fault = format!("{}/{}: {error}", view.resource(), version.id);
                preview.faults.push(shown(&fault).into_owned());
            }
        }
        match preview.rows.len() >= most || preview.resources >= MOST_READ {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    if let Some(error) = damage {
        return Err(error);
    }
    preview.has_more |= rest.is_some();
    Ok(preview)
}
