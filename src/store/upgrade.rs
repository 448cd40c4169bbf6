//! Files of older formats, brought to the present one when they are opened.

use rusqlite::Connection;
use rusqlite::backup::Backup;

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
    for table in ["resource", "history"] {
        let mut statement = conn.prepare(&format!("SELECT seq, type, body FROM {table}"))?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let body: String = row.get(2)?;
            let patients = compartment::patients(&row.get::<_, String>(1)?, &body);
            about(conn, row.get(0)?, &patients, attachment::relative_urls(&body))?;
        }
    }
    conn.pragma_update(None, "user_version", FORMAT)?;
    Ok(())
}

/// Copies a store that cannot be written into `memory`, and brings it to the present format there.
pub(super) fn copy(from: &Connection, memory: &mut Connection) -> Result<()> {
    Backup::new(from, memory)?.run_to_completion(i32::MAX, std::time::Duration::ZERO, None)?;
    upgrade(memory)
}
