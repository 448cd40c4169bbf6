//! The views that a store keeps in tables: the rows of `view_definition`.
//!
//! A view is added with the number of the last write (`view_add.rs`). Each later write keeps the rows of its
//! versions by itself (`view_rows.rs`); those of the versions up to that number are made by `view_fill.rs`.

use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use serde::Serialize;

use super::handle::Store;
use super::sql::{all, maybe, run};
use crate::error::{Error, Kind, Result};
use crate::fhir::view::{KeptViews, ViewText};
use crate::sync::lock;

/// Raised where other rows are made of a resource than before.
pub(super) const VIEW_RULES: u32 = 1;
/// The value of `rules` of a view that was kept by several rules.
const MIXED_RULES: u32 = 0;

/// How far the table of a view is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ViewState {
    /// It has the rows of every resource.
    Ready,
    /// It lacks rows of resources that were there before it: `fhirlite view add` adds them.
    Unfinished,
    /// Rows of it were made by the rules of another fhirlite: `fhirlite view refresh` makes them anew.
    Outdated,
}

/// A view whose rows a store keeps in a table of its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredView {
    /// The name of the view and of the table.
    pub name: String,
    /// The type of the resources.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// How far the table is.
    pub state: ViewState,
    /// How many resources have no rows, because the view refuses them ([`Store::view_faults`]).
    pub faults: u64,
    /// The ViewDefinition: JSON as it was given.
    #[serde(skip)]
    pub definition: String,
}

/// A row of `view_definition`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ViewRow {
    pub(super) text: ViewText,
    rules: u32,
    pub(super) filled: i64,
    pub(super) last: i64,
}

impl ViewRow {
    /// How far the table is.
    pub(super) fn state(&self) -> ViewState {
        match self {
            ViewRow { filled, last, .. } if filled < last => ViewState::Unfinished,
            ViewRow { rules, .. } if *rules != VIEW_RULES => ViewState::Outdated,
            _ => ViewState::Ready,
        }
    }

    /// True where the table has the rows of a version already, if it is current.
    pub(super) fn has_rows_of(&self, seq: i64) -> bool {
        seq <= self.filled || seq > self.last
    }

    /// True for the same view, however far each is.
    pub(super) fn is_same(&self, other: &ViewRow) -> bool {
        self.text == other.text && self.last == other.last
    }
}

/// Lists the rows of `view_definition`, by name.
pub(super) fn view_rows(conn: &Connection) -> Result<Vec<ViewRow>> {
    let sql = "SELECT key, name, type, definition, rules, filled, last FROM view_definition
                ORDER BY name";
    all(conn, sql, (), |row| {
        Ok(ViewRow {
            text: ViewText {
                key: row.get(0)?,
                name: row.get(1)?,
                resource_type: row.get(2)?,
                definition: row.get(3)?,
            },
            rules: row.get(4)?,
            filled: row.get(5)?,
            last: row.get(6)?,
        })
    })
}

/// The row of a view; names differ in more than capitals.
pub(super) fn view_row(conn: &Connection, name: &str) -> Result<Option<ViewRow>> {
    Ok(view_rows(conn)?.into_iter().find(|row| row.text.name.eq_ignore_ascii_case(name)))
}

/// Says that the store has no view of a name.
pub(super) fn no_such_view(name: &str) -> Error {
    let what =
        format!("the store keeps no view {name}; `fhirlite view list` names those that it keeps");
    Error::new(Kind::NotFound, what)
}

/// The views whose rows each write keeps. `known` are those that were read last: views are read again only
/// where they changed.
pub(super) fn kept_views(
    conn: &Connection,
    known: &Mutex<Arc<KeptViews>>,
) -> Result<Arc<KeptViews>> {
    let texts: Vec<ViewText> = view_rows(conn)?.into_iter().map(|row| row.text).collect();
    let mut known = lock(known);
    if !known.are(&texts) {
        *known = Arc::new(KeptViews::new(texts));
    }
    Ok(known.clone())
}

/// Notes which tables were made by the rules of another fhirlite: the write that follows adds rows by ours.
pub(super) fn note_other_rules(conn: &Connection) -> Result<()> {
    let sql = "UPDATE view_definition SET rules = ?2 WHERE rules NOT IN (?1, ?2)";
    run(conn, sql, (VIEW_RULES, MIXED_RULES)).map(drop)
}

/// Lists the views that are kept in tables, by name.
pub(super) fn views(conn: &Connection) -> Result<Vec<StoredView>> {
    let mut views = Vec::new();
    for row in view_rows(conn)? {
        let sql = "SELECT count(*) FROM view_fault WHERE view = ?1";
        let faults = maybe(conn, sql, [row.text.key], |row| row.get(0))?.unwrap_or(0);
        let state = row.state();
        let ViewText { name, resource_type, definition, .. } = row.text;
        views.push(StoredView { name, resource_type, state, faults, definition });
    }
    Ok(views)
}

impl Store {
    /// The views whose rows each write keeps, for those who make the rows of resources ahead.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn kept_views(&self) -> Result<Arc<KeptViews>> {
        kept_views(&*self.reader()?, self.pool().views_known())
    }

    /// Lists the views that are kept in tables, by name.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn views(&self) -> Result<Vec<StoredView>> {
        views(&*self.reader()?)
    }

    /// Lists why a view makes no rows of resources: at most `most` texts, each with the place in the view and
    /// the resource, in the order in which the resources were written.
    ///
    /// # Errors
    /// `NotFound` for a view that the store does not keep; where the store cannot be read.
    pub fn view_faults(&self, name: &str, most: usize) -> Result<Vec<String>> {
        let conn = self.reader()?;
        let row = view_row(&conn, name)?.ok_or_else(|| no_such_view(name))?;
        let sql = "SELECT fault FROM view_fault WHERE view = ?1 ORDER BY seq LIMIT ?2";
        all(&conn, sql, (row.text.key, most), |row| row.get(0))
    }
}
