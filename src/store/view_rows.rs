//! The rows that the tables of views have of a version: adding, removing and comparing them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Row, ToSql};

use super::sql::{maybe, run};
use super::views::kept_views;
use crate::error::{Error, Kind, Result};
use crate::fhir::json::Tree;
use crate::fhir::view::{
    BoundValue, KeptView, KeptViews, MOST_ROWS, MadeViewRows, ViewDefinition, ViewError, ViewValue,
    bound,
};

/// The last column of each table.
pub(super) const ROW: &str = "_row";
/// How many rows a version may have: `_row` counts them in so many bits.
const ROW_BITS: u32 = 20;
const _: () = assert!(MOST_ROWS < 1 << ROW_BITS);

/// The first and the last `_row` that a version can have.
pub(super) fn rows_of(seq: i64) -> (i64, i64) {
    (seq << ROW_BITS, seq << ROW_BITS | ((1 << ROW_BITS) - 1))
}

/// The version that a row is of, as SQL.
pub(super) fn version_of_row() -> String {
    format!("{ROW} >> {ROW_BITS}")
}

/// Views, and the statements that change their tables.
#[derive(Default)]
pub(super) struct ViewTables {
    pub(super) views: Arc<KeptViews>,
    sql: HashMap<i64, ViewStatements>,
}

struct ViewStatements {
    insert: String,
    delete: String,
    select: String,
}

/// Why rows are not put in: the view, or the disk.
enum RowsFault {
    View(ViewError),
    Store(Error),
}

impl From<ViewError> for RowsFault {
    fn from(error: ViewError) -> RowsFault {
        RowsFault::View(error)
    }
}

impl From<Error> for RowsFault {
    fn from(error: Error) -> RowsFault {
        RowsFault::Store(error)
    }
}

impl ToSql for BoundValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(value_ref(self)))
    }
}

fn value_ref<'v>(value: &'v BoundValue<'_>) -> ValueRef<'v> {
    match value {
        BoundValue::Null => ValueRef::Null,
        BoundValue::Integer(value) => ValueRef::Integer(*value),
        BoundValue::Real(value) => ValueRef::Real(*value),
        BoundValue::Text(text) => ValueRef::Text(text.as_bytes()),
    }
}

impl ViewStatements {
    fn of(view: &KeptView) -> ViewStatements {
        let columns = view.definition.as_ref().map_or(&[][..], ViewDefinition::columns);
        let names: String = columns.iter().map(|column| format!(", \"{}\"", column.name)).collect();
        let places: String = (0..columns.len()).map(|at| format!(", ?{}", at + 2)).collect();
        // A table in the file, never a temporary one of the same name.
        let table = format!("main.\"{}\"", view.name);
        ViewStatements {
            insert: format!("INSERT INTO {table} ({ROW}{names}) VALUES (?1{places})"),
            delete: format!("DELETE FROM {table} WHERE {ROW} BETWEEN ?1 AND ?2"),
            select: format!(
                "SELECT {ROW}{names} FROM {table} WHERE {ROW} BETWEEN ?1 AND ?2 ORDER BY {ROW}"
            ),
        }
    }
}

impl ViewTables {
    /// The tables of these views.
    pub(super) fn new(views: Arc<KeptViews>) -> ViewTables {
        let all = views.types().flat_map(|of| views.of(of));
        let sql = all.map(|view| (view.key, ViewStatements::of(view))).collect();
        ViewTables { views, sql }
    }

    /// Takes the views that the store keeps now. `known` are those that were read last.
    pub(super) fn update(
        &mut self,
        conn: &Connection,
        known: &Mutex<Arc<KeptViews>>,
    ) -> Result<()> {
        let views = kept_views(conn, known)?;
        if !Arc::ptr_eq(&views, &self.views) {
            *self = ViewTables::new(views);
        }
        Ok(())
    }

    /// Adds the rows of a current version, or what is wrong with it. `made` are rows that were made of it
    /// before; others are made of the body.
    pub(super) fn insert(
        &self,
        conn: &Connection,
        (resource_type, seq): (&str, i64),
        body: &str,
        made: Option<&MadeViewRows>,
    ) -> Result<()> {
        let views = self.views.of(resource_type).iter();
        self.insert_of(conn, views, seq, body, made)
    }

    /// Adds the rows of some views.
    pub(super) fn insert_of<'v>(
        &self,
        conn: &Connection,
        views: impl Iterator<Item = &'v KeptView>,
        seq: i64,
        body: &str,
        made: Option<&MadeViewRows>,
    ) -> Result<()> {
        let mut tree = None;
        for view in views {
            let (Some(definition), Some(sql)) = (&view.definition, self.sql.get(&view.key)) else {
                continue;
            };
            let mut put = RowWriter { conn, view, sql, next: rows_of(seq).0, statement: None };
            let fault = match made.and_then(|made| made.of_view(&self.views, view.key)) {
                Some(Ok(rows)) => {
                    rows.for_each(|row| put.row(row))?;
                    None
                }
                Some(Err(fault)) => Some(fault.clone()),
                None => match tree.get_or_insert_with(|| Tree::parse(body)) {
                    Ok(tree) => match put.rows(definition, tree) {
                        Ok(()) => None,
                        Err(RowsFault::View(error)) => Some(error.to_string()),
                        Err(RowsFault::Store(error)) => return Err(error),
                    },
                    Err(reason) => Some(reason.clone()),
                },
            };
            if let Some(fault) = fault {
                let sql =
                    "INSERT OR REPLACE INTO view_fault (view, seq, fault) VALUES (?1, ?2, ?3)";
                run(conn, sql, (view.key, seq, fault))?;
            }
        }
        Ok(())
    }

    /// Removes the rows of a version, which is not current any more.
    pub(super) fn delete(&self, conn: &Connection, resource_type: &str, seq: i64) -> Result<()> {
        for view in self.views.of(resource_type) {
            self.delete_between(conn, view, (seq, seq))?;
        }
        Ok(())
    }

    /// Removes the rows that a table has of the versions between two numbers.
    pub(super) fn delete_between(
        &self,
        conn: &Connection,
        view: &KeptView,
        (first, last): (i64, i64),
    ) -> Result<()> {
        if let Some(sql) = self.sql.get(&view.key) {
            run(conn, &sql.delete, (rows_of(first).0, rows_of(last).1))
                .map_err(|error| refused(&view.name, error))?;
        }
        let sql = "DELETE FROM view_fault WHERE view = ?1 AND seq BETWEEN ?2 AND ?3";
        run(conn, sql, (view.key, first, last)).map(drop)
    }

    /// True where a table has the rows that its view makes of a version, and no others.
    pub(super) fn has_rows(
        &self,
        conn: &Connection,
        view: &KeptView,
        seq: i64,
        body: &str,
    ) -> Result<bool> {
        let (Some(definition), Some(sql)) = (&view.definition, self.sql.get(&view.key)) else {
            return Ok(true);
        };
        let mut statement = conn.prepare_cached(&sql.select)?;
        let mut there = statement.query(rows_of(seq))?;
        let (mut next, mut is_same) = (rows_of(seq).0, true);
        let columns = definition.columns();
        let fault = match Tree::parse(body) {
            Err(reason) => Some(reason),
            Ok(tree) => {
                let compared = definition.rows(&tree, &mut |values: &[&ViewValue<'_>]| {
                    let row = there.next().map_err(Error::from)?;
                    let mut bound = columns.iter().zip(values).map(|(of, value)| bound(of, value));
                    is_same &= row.is_some_and(|row| is_row(row, next, &mut bound));
                    next += 1;
                    Ok::<(), RowsFault>(())
                });
                match compared {
                    Ok(()) => None,
                    Err(RowsFault::View(error)) => Some(error.to_string()),
                    Err(RowsFault::Store(error)) => return Err(error),
                }
            }
        };
        let kept = "SELECT fault FROM view_fault WHERE view = ?1 AND seq = ?2";
        let kept: Option<String> = maybe(conn, kept, (view.key, seq), |row| row.get(0))?;
        Ok(is_same && there.next()?.is_none() && fault == kept)
    }
}

/// True where a row has this number and these values.
fn is_row<'v>(
    row: &Row<'_>,
    number: i64,
    values: &mut dyn Iterator<Item = BoundValue<'v>>,
) -> bool {
    row.get_ref(0) == Ok(ValueRef::Integer(number))
        && values.zip(1..).all(|(value, at)| row.get_ref(at) == Ok(value_ref(&value)))
}

/// Puts the rows of one version into the table of a view, one after the other.
struct RowWriter<'a> {
    conn: &'a Connection,
    view: &'a KeptView,
    sql: &'a ViewStatements,
    next: i64,
    /// Prepared for the first row.
    statement: Option<CachedStatement<'a>>,
}

impl RowWriter<'_> {
    fn row(&mut self, values: &[BoundValue<'_>]) -> Result<()> {
        self.put(values).map_err(|error| refused(&self.view.name, error.into()))
    }

    fn put(&mut self, values: &[BoundValue<'_>]) -> rusqlite::Result<()> {
        let statement = match &mut self.statement {
            Some(statement) => statement,
            none => none.insert(self.conn.prepare_cached(&self.sql.insert)?),
        };
        statement.raw_bind_parameter(1, self.next)?;
        for (at, value) in (2..).zip(values) {
            statement.raw_bind_parameter(at, value)?;
        }
        self.next += 1;
        statement.raw_execute().map(drop)
    }

    /// Makes the rows of a resource and puts them in. A fault of the view comes before the first row.
    fn rows(
        &mut self,
        definition: &ViewDefinition,
        tree: &Tree<'_>,
    ) -> std::result::Result<(), RowsFault> {
        let columns = definition.columns();
        definition.rows(tree, &mut |values: &[&ViewValue<'_>]| {
            let row = columns.iter().zip(values).map(|(of, value)| bound(of, value));
            self.row(&row.collect::<Vec<_>>()).map_err(RowsFault::from)
        })
    }
}

/// Says what to do where a table does not take rows: somebody changed it, or added a unique index.
fn refused(name: &str, error: Error) -> Error {
    match error.kind() {
        Kind::Internal => Error::caused(
            Kind::Damaged,
            format!(
                "the table of the view {name} was changed by another program: {error}; \
                 `fhirlite view refresh` makes it anew, and an index on it must not be UNIQUE"
            ),
            error,
        )
        .without_place(),
        _ => error,
    }
}
