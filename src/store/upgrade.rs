//! Files of older formats, brought to the present one when they are opened.

use rusqlite::Connection;

use super::open::{FORMAT, SCHEMA};
use super::sql::{all, run};
use super::writer::about;
use crate::error::Result;
use crate::fhir::{attachment, compartment};

/// What a table is called while it is made anew.
const BEFORE: &str = "fhirlite_before";

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
    let from = format(conn)?;
    if from >= FORMAT {
        return Ok(());
    }
    let model = Connection::open_in_memory()?;
    model.execute_batch(SCHEMA)?;
    let (there, model_parts) = (parts(conn)?, parts(&model)?);
    let is_ours = |part: &&Part| model_parts.iter().any(|ours| ours.name == part.name);
    // Views and indexes name tables that are made anew. Somebody's own views are left as they are, and
    // go on with the new tables; their indexes are made again.
    conn.pragma_update(None, "legacy_alter_table", true)?;
    for part in
        there.iter().filter(|part| part.kind == "index" || part.kind == "view" && is_ours(part))
    {
        conn.execute_batch(&format!("DROP {} \"{}\"", part.kind, part.name))?;
    }
    for Part { kind, name, made_by } in &model_parts {
        let is_there = kind == "table" && there.iter().any(|part| part.name == *name);
        if !is_there {
            conn.execute_batch(made_by)?;
        } else if columns(conn, "main", name)? != columns(&model, "main", name)? {
            conn.execute_batch(&format!("ALTER TABLE {name} RENAME TO {BEFORE}"))?;
            conn.execute_batch(made_by)?;
            let kept = columns(conn, "main", BEFORE)?.join(", ");
            conn.execute_batch(&format!(
                "INSERT INTO {name} ({kept}) SELECT {kept} FROM {BEFORE}; DROP TABLE {BEFORE}"
            ))?;
        }
    }
    for part in there.iter().filter(|part| part.kind == "index" && !is_ours(part)) {
        conn.execute_batch(&part.made_by)?;
    }
    conn.pragma_update(None, "legacy_alter_table", false)?;
    fill(conn, from)?;
    conn.pragma_update(None, "user_version", FORMAT)?;
    Ok(())
}

/// A table, index or view.
struct Part {
    kind: String,
    name: String,
    made_by: String,
}

/// Those of a file: tables first, views last.
fn parts(conn: &Connection) -> Result<Vec<Part>> {
    let sql = "SELECT type, name, sql FROM sqlite_schema
                WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
                ORDER BY type <> 'table', type = 'view', rowid";
    all(conn, sql, (), |row| {
        Ok(Part { kind: row.get(0)?, name: row.get(1)?, made_by: row.get(2)? })
    })
}

fn columns(conn: &Connection, schema: &str, table: &str) -> Result<Vec<String>> {
    let sql = "SELECT name FROM pragma_table_info(?1, ?2)";
    all(conn, sql, (table, schema), |row| row.get(0))
}

/// Works out what later formats note, for a store that was of format `from`.
fn fill(conn: &Connection, from: u32) -> Result<()> {
    if from < 2 {
        note_versions(conn)?;
    }
    if from < 3 {
        run(conn, "INSERT INTO setting VALUES ('store_id', randomblob(16))", ())?;
    }
    Ok(())
}

/// Works out what format 2 notes of versions.
fn note_versions(conn: &Connection) -> Result<()> {
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

/// Copies a store of the older format `from` that cannot be written, at `uri`, into `memory` in the
/// present format.
pub(super) fn copy(uri: &str, from: u32, memory: &Connection) -> Result<()> {
    memory.execute_batch(SCHEMA)?;
    // Else it would be looked for in memory, where the copy is.
    let vfs = if cfg!(windows) { "win32" } else { "unix" };
    memory.execute("ATTACH ?1 AS old", [format!("{uri}&vfs={vfs}")])?;
    for part in parts(memory)?.iter().filter(|part| part.kind == "table") {
        let (name, kept) = (&part.name, columns(memory, "old", &part.name)?.join(", "));
        if !kept.is_empty() {
            let sql = format!("INSERT INTO main.{name} ({kept}) SELECT {kept} FROM old.{name}");
            run(memory, &sql, ())?;
        }
    }
    memory.execute_batch("DETACH old")?;
    fill(memory, from)?;
    memory.pragma_update(None, "user_version", FORMAT)?;
    Ok(())
}
