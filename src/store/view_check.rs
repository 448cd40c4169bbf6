//! What `fhirlite check` looks for in the tables of views: each must have the rows that its view makes of the current
//! versions, and no others.

use std::sync::Arc;

use rusqlite::Connection;

use super::sql::{maybe, one};
use super::view_rows::{ViewTables, version_of_row};
use super::views::{ViewRow, ViewState, view_rows};
use crate::error::Result;
use crate::fhir::view::{KeptView, KeptViews};

/// What a version has whose rows are not right.
struct WrongRows {
    /// How many versions.
    count: u64,
    /// The first of them, as `Type/id`.
    first: String,
}

/// Calls `found` with what is wrong with the tables of views.
pub(super) fn view_findings(conn: &Connection, found: &mut dyn FnMut(String)) -> Result<()> {
    let rows = view_rows(conn)?;
    let faults: u64 = one(
        conn,
        "SELECT count(*) FROM view_fault WHERE view NOT IN (SELECT key FROM view_definition)",
        (),
        |row| row.get(0),
    )?;
    if faults > 0 {
        found(format!("{faults} rows of view_fault belong to no view"));
    }
    let views = KeptViews::new(rows.iter().map(|row| row.text.clone()).collect());
    let tables = ViewTables::new(Arc::new(views));
    // By type, so that each body is read once for a view.
    for resource_type in tables.views.types() {
        for view in tables.views.of(resource_type) {
            let row = rows.iter().find(|row| row.text.key == view.key);
            let Some(row) = row.filter(|row| row.state() != ViewState::Outdated) else { continue };
            let name = &view.name;
            let remedy = format!("`fhirlite view refresh STORE {name}` makes it anew");
            if view.definition.is_none() {
                found(format!("the definition of the view {name} cannot be read"));
                continue;
            }
            match wrong_rows(conn, &tables, (resource_type, view), row) {
                Ok(None) => {}
                Ok(Some(WrongRows { count, first })) => found(format!(
                    "the table {name} has other rows than its view makes of {count} resources, such as {first}; {remedy}"
                )),
                Err(error) => found(format!("the table {name} cannot be read: {error}; {remedy}")),
            }
            if let Ok(strays @ 1..) = strays(conn, resource_type, view) {
                found(format!(
                    "the table {name}, or view_fault, has {strays} rows of no {resource_type} that there is; {remedy}"
                ));
            }
        }
    }
    Ok(())
}

/// Compares the rows of a table with those that its view makes of the versions which it has.
fn wrong_rows(
    conn: &Connection,
    tables: &ViewTables,
    (resource_type, view): (&str, &KeptView),
    of_view: &ViewRow,
) -> Result<Option<WrongRows>> {
    let mut wrong: Option<WrongRows> = None;
    // The table must be there also where there is nothing to compare.
    let sql = format!("SELECT 1 FROM main.\"{}\" LIMIT 1", view.name);
    maybe(conn, &sql, (), |_| Ok(()))?;
    let mut statement = conn.prepare_cached(
        "SELECT seq, id, body FROM resource WHERE type = ?1 AND body IS NOT NULL",
    )?;
    let mut rows = statement.query([resource_type])?;
    while let Some(row) = rows.next()? {
        let seq = row.get(0)?;
        // Another type of value is found elsewhere.
        let Ok(body) = row.get_ref(2)?.as_str() else { continue };
        if !of_view.has_rows_of(seq) || tables.has_rows(conn, view, seq, body)? {
            continue;
        }
        match &mut wrong {
            Some(wrong) => wrong.count += 1,
            None => {
                let id = String::from_utf8_lossy(row.get_ref(1)?.as_bytes().unwrap_or_default())
                    .into_owned();
                wrong = Some(WrongRows { count: 1, first: format!("{resource_type}/{id}") });
            }
        }
    }
    Ok(wrong)
}

/// Counts the rows of versions that are not current ones of the type.
fn strays(conn: &Connection, resource_type: &str, view: &KeptView) -> Result<u64> {
    let current = "(SELECT seq FROM current_version
                     WHERE type = (SELECT code FROM resource_type WHERE name = ?1))";
    let sql = format!(
        "SELECT (SELECT count(*) FROM main.\"{}\" WHERE {} NOT IN {current})
              + (SELECT count(*) FROM view_fault WHERE view = ?2 AND seq NOT IN {current})",
        view.name,
        version_of_row()
    );
    one(conn, &sql, (resource_type, view.key), |row| row.get(0))
}
