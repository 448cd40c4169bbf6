//! Upgrades: files of older formats are brought to the present one when they are opened.

use rusqlite::Connection;

use super::checksum::row_sum_after;
use super::derived::{insert_attachments, insert_compartments};
use super::fhir_version::{derive_compartment, keep_as_served};
use super::format::{
    FIRST_WITH_TABLES_OF_NOW, FORMAT, SCHEMA, SchemaObject, columns, format_of, model,
    schema_objects,
};
use super::former_tables::{FORMER, copy_versions, former_name};
use super::mark::add_mark_of_upgrade;
use super::mention::Mentioned;
use super::rest::AT_REST;
use super::sql::{all, run, set_setting, setting};
use super::tables::{CURRENT, ENDED};
use super::type_total::add_writes_after;
use crate::error::{Error, Kind, Result};
use crate::fhir::mentions::Mentions;
use crate::fhir::version::FhirVersion;
use crate::fhir::{attachment, binary, compartment};

/// The name of an old table while its rows are copied into the new one.
const OLD_TABLE: &str = "fhirlite_before";

/// The views of the formats before 4. What else a store of such a format has under the name of one of ours
/// is the user's: it stays, and ours is not made.
const EARLIER_VIEWS: [&str; 7] = [
    "type_summary",
    "version",
    "exported",
    "patient_resource",
    "patient",
    "observation",
    "condition",
];

/// Brings a store to the present format, completely or not at all. The caller holds a transaction.
pub(super) fn upgrade(conn: &Connection) -> Result<()> {
    let from = format_of(conn)?;
    if from >= FORMAT {
        return Ok(());
    }
    if from >= FIRST_WITH_TABLES_OF_NOW {
        return add_what_is_new(conn);
    }
    let model = model()?;
    let (mut present, wanted) = (schema_objects(conn)?, schema_objects(&model)?);
    // An index that a user added to a table of versions ends with that table.
    let sql = "SELECT name FROM sqlite_schema
                WHERE type = 'index' AND tbl_name IN ('resource', 'history')";
    let ends: Vec<String> = all(conn, sql, (), |row| row.get(0))?;
    let is_ours = |object: &SchemaObject| {
        // Since format 4 the views are the same: what differs is the user's.
        if object.kind == "view" && from >= 4 {
            return wanted.iter().any(|ours| ours.name == object.name && ours.sql == object.sql);
        }
        if object.kind == "view" {
            return EARLIER_VIEWS.contains(&object.name.as_str());
        }
        wanted.iter().any(|ours| ours.kind == object.kind && ours.name == object.name)
    };
    // Our views and all indexes name tables that are created anew, so they are dropped first. Views
    // that a user added stay and read the new tables; indexes that a user added are created again.
    conn.pragma_update(None, "legacy_alter_table", true)?;
    for object in present
        .iter()
        .filter(|object| object.kind == "index" || object.kind == "view" && is_ours(object))
    {
        conn.execute_batch(&format!("DROP {} \"{}\"", object.kind, object.name))?;
    }
    for name in FORMER {
        if !columns(conn, "main", name)?.is_empty() {
            conn.execute_batch(&format!("ALTER TABLE {name} RENAME TO {}", former_name(name)))?;
        }
    }
    present.retain(|object| object.kind != "table" || !FORMER.contains(&object.name.as_str()));
    for SchemaObject { kind, name, sql } in &wanted {
        let is_there = |object: &SchemaObject| object.name == *name;
        let exists = kind == "table" && present.iter().any(is_there);
        let is_taken =
            kind == "view" && present.iter().any(|object| is_there(object) && !is_ours(object));
        if is_taken {
            continue;
        }
        if !exists {
            conn.execute_batch(sql)?;
        } else if columns(conn, "main", name)? != columns(&model, "main", name)? {
            conn.execute_batch(&format!("ALTER TABLE {name} RENAME TO {OLD_TABLE}"))?;
            conn.execute_batch(sql)?;
            let copy = copy_rows(name, &columns(conn, "main", OLD_TABLE)?, OLD_TABLE);
            conn.execute_batch(&format!("{copy}; DROP TABLE {OLD_TABLE}"))?;
        }
    }
    let is_kept = |object: &&SchemaObject| {
        object.kind == "index" && !is_ours(object) && !ends.contains(&object.name)
    };
    for object in present.iter().filter(is_kept) {
        conn.execute_batch(&object.sql)?;
    }
    copy_versions(conn, |name| columns(conn, "main", &former_name(name)), &former_name)?;
    for name in FORMER {
        conn.execute_batch(&format!("DROP TABLE IF EXISTS {}", former_name(name)))?;
    }
    conn.pragma_update(None, "legacy_alter_table", false)?;
    fill(conn, from)?;
    conn.pragma_update(None, "user_version", FORMAT)?;
    Ok(())
}

/// Creates the tables and indexes that the store lacks. Everything else of it stays as it is.
fn add_what_is_new(conn: &Connection) -> Result<()> {
    let (model, present) = (model()?, schema_objects(conn)?);
    for SchemaObject { name, sql, kind } in schema_objects(&model)? {
        if !present.iter().any(|object| object.name == name) {
            conn.execute_batch(&sql)?;
        } else if kind == "table"
            && columns(conn, "main", &name)? != columns(&model, "main", &name)?
        {
            let what = format!(
                "the store has a table {name} of somebody's own, a name that this fhirlite needs; rename that table"
            );
            return Err(Error::new(Kind::NotAStore, what));
        }
    }
    conn.pragma_update(None, "user_version", FORMAT)?;
    Ok(())
}

/// Copies the store of format `from` at `uri`, which cannot be written, into the empty database
/// `memory` in the present format.
pub(super) fn copy(uri: &str, from: u32, memory: &Connection) -> Result<()> {
    memory.execute_batch(SCHEMA)?;
    // Without a VFS of its own, ATTACH would look for the file in memory, where the copy is.
    let vfs = if cfg!(windows) { "win32" } else { "unix" };
    memory.execute("ATTACH ?1 AS old", [format!("{uri}&vfs={vfs}")])?;
    for object in schema_objects(memory)?.iter().filter(|object| object.kind == "table") {
        let (name, kept) = (&object.name, columns(memory, "old", &object.name)?);
        if !kept.is_empty() {
            run(memory, &copy_rows(name, &kept, &format!("old.{name}")), ())?;
        }
    }
    if from < FIRST_WITH_TABLES_OF_NOW {
        let former = |name: &str| format!("old.{name}");
        copy_versions(memory, |name| columns(memory, "old", name), &former)?;
    }
    memory.execute_batch("DETACH old")?;
    fill(memory, from)?;
    memory.pragma_update(None, "user_version", FORMAT)?;
    Ok(())
}

/// The statement that copies the columns `kept` of an old table into the new `table`.
fn copy_rows(table: &str, kept: &[String], from: &str) -> String {
    let columns = kept.join(", ");
    format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM {from}")
}

/// Adds the rows that formats after `from` have and older stores lack.
fn fill(conn: &Connection, from: u32) -> Result<()> {
    if from < 2 {
        derive_compartments(conn)?;
    }
    if from < 3 {
        let sql = "INSERT INTO setting (name, value) VALUES ('store_id', randomblob(16))";
        run(conn, sql, ())?;
    }
    if from < 4 {
        add_mark_of_upgrade(conn)?;
        set_setting(conn, AT_REST, 0)?;
        derive_attachments(conn)?;
        plan_anew(conn)?;
        // Format 4 links more types to patients.
        derive_compartment(conn, FhirVersion::R4, &compartment::is_beyond_r4)?;
        keep_as_served(conn)?;
        // What lay in the future came in every export since a time. It came at the last write at the
        // latest.
        for (view, table) in [("resource", CURRENT), ("history", ENDED)] {
            let sql = format!(
                "UPDATE {table} SET assigned = assigned | 4, last_updated = ?1, row_checksum = {}
                  WHERE last_updated > ?1 AND ?1 > 0",
                row_sum_after(view, &[("assigned", "assigned | 4"), ("last_updated", "?1")])
            );
            run(conn, &sql, [setting(conn, "last_write_time")?])?;
        }
    }
    if from < 6 {
        derive_mentions(conn)?;
        add_writes_after(conn, 0)?;
    }
    Ok(())
}

/// Adds the rows of `compartment`, which are new in format 2.
fn derive_compartments(conn: &Connection) -> Result<()> {
    for_each_body(conn, "TRUE", |seq, resource_type, body| {
        let patients = compartment::patients(FhirVersion::R4, resource_type, body);
        insert_compartments(conn, seq, &patients)
    })
}

/// Adds the rows of `attachment_url` and `security_context`, which are new in format 4 and take the
/// place of `attachment`.
fn derive_attachments(conn: &Connection) -> Result<()> {
    run(conn, "DROP TABLE IF EXISTS attachment", ())?;
    // Most bodies have no attachment. This condition finds those without reading their strings.
    let may_have = "type = 'Binary' OR instr(body, '\"url\"') > 0";
    for_each_body(conn, may_have, |seq, resource_type, body| {
        let context = binary::security_context(resource_type, body);
        insert_attachments(conn, seq, &attachment::urls(body), context.as_ref())
    })
}

/// Adds the rows of what versions mention, which are new in format 6.
fn derive_mentions(conn: &Connection) -> Result<()> {
    let mut mentioned = Mentioned::default();
    for_each_body(conn, "size > 0", |seq, resource_type, body| {
        mentioned.insert(conn, seq, resource_type, &Mentions::read(resource_type, body))
    })
}

/// Calls `each` with the number, the type and the body of each version that meets `condition`.
fn for_each_body(
    conn: &Connection,
    condition: &str,
    mut each: impl FnMut(i64, &str, &str) -> Result<()>,
) -> Result<()> {
    for view in ["resource", "history"] {
        let sql = format!("SELECT seq, type, body FROM {view} WHERE {condition}");
        let mut statement = conn.prepare(&sql)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let (resource_type, body): (String, String) = (row.get(1)?, row.get(2)?);
            each(row.get(0)?, &resource_type, &body)?;
        }
    }
    Ok(())
}

/// Lets a server plan complete jobs again whose files have attachments: since format 4 other URLs
/// become absolute, so the files have other lengths.
fn plan_anew(conn: &Connection) -> Result<()> {
    let jobs = "state = 'complete'
                AND json_extract(request, '$.request.attachments_base') IS NOT NULL
                AND EXISTS (SELECT 1 FROM attachment_url WHERE relative > 0)";
    let sql = format!("DELETE FROM job_file WHERE job IN (SELECT id FROM job WHERE {jobs})");
    run(conn, &sql, ())?;
    run(conn, &format!("UPDATE job SET state = 'running' WHERE {jobs}"), ()).map(drop)
}
