//! Files of older formats, brought to the present one when they are opened.

use rusqlite::Connection;

use super::open::{FORMAT, SCHEMA};
use super::sql::all;
use super::writer::about;
use crate::error::Result;
use crate::fhir::{attachment, compartment};

/// True for the formats that can be read.
pub(super) fn is_known(format: u32) -> bool {
    (1..=FORMAT).contains(&format)
}

/// The format of the file that is open; 0 for an empty one.
pub(super) fn format(conn: &Connection) -> Result<u32> {
    Ok(conn.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Brings a store to the present format, all of it or nothing. To be called in a transaction.
pub(super) fn upgrade(conn: &Connection) -> Result<()> {
    if format(conn)? >= FORMAT {
        return Ok(());
    }
    // Formats have only been added to so far: what `schema.sql` makes and the file has not is made.
    let model = Connection::open_in_memory()?;
    model.execute_batch(SCHEMA)?;
    let parts = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL
                  ORDER BY type = 'view', type = 'index', rowid";
    let pair = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let there = all(conn, parts, (), pair)?;
    for (name, made_by) in all(&model, parts, (), pair)? {
        if !there.iter().any(|(known, _)| *known == name) {
            conn.execute_batch(&made_by)?;
        }
    }
    fill(conn)?;
    conn.pragma_update(None, "user_version", FORMAT)?;
    Ok(())
}

/// Works out what format 2 notes of versions.
fn fill(conn: &Connection) -> Result<()> {
    for table in ["resource", "history"] {
        let mut statement = conn.prepare(&format!("SELECT seq, type, body FROM {table}"))?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let body: String = row.get(2)?;
            let patients = compartment::patients(&row.get::<_, String>(1)?, &body);
            about(conn, row.get(0)?, &patients, attachment::relative_urls(&body))?;
        }
    }
    Ok(())
}

/// Copies a store of format 1 that cannot be written, at `uri`, into `memory` in the present format.
pub(super) fn copy(uri: &str, memory: &Connection) -> Result<()> {
    memory.execute_batch(SCHEMA)?;
    // Else it would be looked for in memory, where the copy is.
    let vfs = if cfg!(windows) { "win32" } else { "unix" };
    memory.execute("ATTACH ?1 AS old", [format!("{uri}&vfs={vfs}")])?;
    for table in ["setting", "resource", "history", "identifier", "unresolved"] {
        memory.execute(&format!("INSERT INTO main.{table} SELECT * FROM old.{table}"), ())?;
    }
    memory.execute_batch("DETACH old")?;
    fill(memory)?;
    memory.pragma_update(None, "user_version", FORMAT)?;
    Ok(())
}
