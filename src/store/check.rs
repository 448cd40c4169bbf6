//! Contradictions in a store: what `fhirlite check` looks for.

use rusqlite::Connection;

use super::sql::{self, all};
use crate::error::Result;
use crate::fhir::{attachment, compartment};
use crate::time::Instant;

/// One contradiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: `Type/id` with its version, or the file.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

/// What must not be found in either table of versions.
const RULES: [(&str, &str); 9] = [
    ("size is not the length of the body", "size <> length(CAST(body AS BLOB))"),
    ("the body is not JSON", "NOT json_valid(body)"),
    (
        "the body is of another type",
        "json_valid(body) AND json_extract(body, '$.resourceType') IS NOT type",
    ),
    ("the body has another id", "json_valid(body) AND json_extract(body, '$.id') IS NOT id"),
    ("the body has line breaks", "instr(body, char(10)) > 0"),
    (
        "seq is higher than any write was",
        "seq > (SELECT value FROM setting WHERE name = 'last_seq')",
    ),
    (
        "a column is not of its type",
        "typeof(last_updated) <> 'integer' OR typeof(size) <> 'integer' OR typeof(body) <> 'text'
         OR typeof(version_id) <> 'text' OR assigned NOT IN (0, 1, 2, 3)",
    ),
    ("its owner is no user", "owner <> 0 AND owner NOT IN (SELECT id FROM user)"),
    ("the hash is none", "typeof(hash) <> 'blob' OR length(hash) <> 32"),
];

/// Of deleted resources no more than that may be left.
const WITH_BODY: &str = "(size <> 0 OR body <> '')";

/// What must not be found in `history` alone.
const HISTORY_RULES: [(&str, &str); 7] = [
    ("its body is gone though it was not deleted", "size = 0 AND deleted = 0"),
    ("it ended before it began", "ended <= seq"),
    ("deleted is neither 0 nor 1", "deleted NOT IN (0, 1)"),
    (
        "a user's resource became another's",
        "owner <> 0 AND EXISTS (SELECT 1 FROM resource r
                                 WHERE r.type = history.type AND r.id = history.id
                                   AND r.owner <> history.owner)",
    ),
    (
        "it ended later than any write",
        "ended > (SELECT value FROM setting WHERE name = 'last_seq')",
    ),
    (
        "two versions are current at once",
        "EXISTS (SELECT 1 FROM resource r
                  WHERE r.type = history.type AND r.id = history.id AND r.seq < history.ended)",
    ),
    (
        "two versions were current at once",
        "EXISTS (SELECT 1 FROM history h
                  WHERE h.type = history.type AND h.id = history.id
                    AND h.seq > history.seq AND h.seq < history.ended)",
    ),
];

/// What `schema.sql` makes and everything relies on.
const PARTS: &str =
    "resource history identifier unresolved compartment attachment job job_file setting
    client user token assertion audit
    resource_identity resource_by_time resource_by_seq resource_by_owner history_identity
    history_by_seq history_by_end history_kept history_deleted identifier_by_value
    compartment_by_patient history_by_owner token_by_family token_by_holder token_by_end assertion_by_end audit_by_export";

/// Looks for all of them.
pub(super) fn run(conn: &Connection, found: &mut dyn FnMut(Finding)) -> Result<()> {
    let lines: Vec<String> = all(conn, "PRAGMA integrity_check", (), |row| row.get(0))?;
    for line in lines.into_iter().filter(|line| line != "ok") {
        found(in_file(line));
    }
    for part in PARTS.split_whitespace() {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
        if sql::one(conn, sql, [part], |row| row.get::<_, u64>(0))? == 0 {
            found(in_file(format!("{part} is not there")));
        }
    }
    settings(conn, found);
    for table in ["resource", "history"] {
        for (what, condition) in RULES {
            rows(conn, table, what, &format!("({condition}) AND {WITH_BODY}"), found);
        }
        if let Err(error) = times(conn, table, found) {
            found(in_file(format!("{table}: {error}")));
        }
    }
    for table in ["resource", "history"] {
        if let Err(error) = told(conn, table, found) {
            found(in_file(format!("{table}: {error}")));
        }
    }
    for (what, condition) in HISTORY_RULES {
        rows(conn, "history", what, condition, found);
    }
    for table in ["identifier", "unresolved", "compartment", "attachment"] {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE seq NOT IN (SELECT seq FROM resource)
                AND seq NOT IN (SELECT seq FROM history)"
        );
        match sql::one(conn, &sql, (), |row| row.get::<_, u64>(0)) {
            Ok(0) => {}
            Ok(lost) => found(in_file(format!("{lost} rows of {table} belong to no version"))),
            Err(error) => found(in_file(format!("{table}: {error}"))),
        }
    }
    Ok(())
}

fn in_file(what: String) -> Finding {
    Finding { place: "file".to_owned(), what }
}

fn settings(conn: &Connection, found: &mut dyn FnMut(Finding)) {
    for (name, condition) in [
        ("last_seq", "typeof(value) = 'integer' AND value >= 0"),
        ("last_write_time", "typeof(value) = 'integer'"),
        ("last_transaction_time", "typeof(value) = 'integer'"),
        ("signing_key", "typeof(value) = 'blob' AND length(value) = 32"),
        ("store_id", "typeof(value) = 'blob' AND length(value) = 16"),
    ] {
        let sql = format!("SELECT count(*) FROM setting WHERE name = ?1 AND {condition}");
        if !matches!(sql::one(conn, &sql, [name], |row| row.get::<_, u64>(0)), Ok(1)) {
            found(in_file(format!("the setting {name} is not there, or not what it should be")));
        }
    }
}

fn rows(
    conn: &Connection,
    table: &str,
    what: &str,
    condition: &str,
    found: &mut dyn FnMut(Finding),
) {
    let sql = format!(
        "SELECT type || '/' || id || ' version ' || version_id FROM {table} WHERE {condition}"
    );
    match all::<String>(conn, &sql, (), |row| row.get(0)) {
        Ok(places) => {
            for place in places {
                found(Finding { place, what: what.to_owned() });
            }
        }
        Err(error) => found(in_file(format!("{table}: {what}: cannot be looked for: {error}"))),
    }
}

/// What is noted of a version must be what its body says: whom it is about, how many URLs are
/// relative.
fn told(conn: &Connection, table: &str, found: &mut dyn FnMut(Finding)) -> Result<()> {
    let mut statement = conn.prepare(&format!(
        "SELECT type || '/' || id || ' version ' || version_id, seq, type, body,
                (SELECT relative_urls FROM attachment WHERE attachment.seq = {table}.seq)
           FROM {table} WHERE json_valid(body) AND {WITH_BODY}"
    ))?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let body: String = row.get(3)?;
        let mut about = compartment::patients(&row.get::<_, String>(2)?, &body);
        about.sort();
        let sql = "SELECT patient FROM compartment WHERE seq = ?1 ORDER BY patient";
        let noted: Vec<String> = all(conn, sql, [row.get::<_, i64>(1)?], |row| row.get(0))?;
        if about != noted {
            let what = "compartment does not say whom the body is about".to_owned();
            found(Finding { place: row.get(0)?, what });
        }
        if row.get::<_, Option<u64>>(4)?.unwrap_or(0) != attachment::relative_urls(&body) {
            let what = "attachment does not say how many relative URLs the body has".to_owned();
            found(Finding { place: row.get(0)?, what });
        }
    }
    Ok(())
}

/// `last_updated` must be what the body says.
fn times(conn: &Connection, table: &str, found: &mut dyn FnMut(Finding)) -> Result<()> {
    let mut statement = conn.prepare(&format!(
        "SELECT type || '/' || id || ' version ' || version_id, last_updated,
                json_extract(body, '$.meta.lastUpdated'), json_extract(body, '$.meta.versionId') IS version_id
           FROM {table} WHERE json_valid(body) AND {WITH_BODY}"
    ))?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let text = row.get_ref(2)?.as_str().unwrap_or_default();
        let read = Instant::parse(text).map(|(instant, _)| instant.micros());
        let mut wrong = |what: &str| -> Result<()> {
            found(Finding { place: row.get(0)?, what: what.to_owned() });
            Ok(())
        };
        if read.is_none() || read != row.get_ref(1)?.as_i64().ok() {
            wrong("last_updated is not the body's meta.lastUpdated")?;
        }
        if !row.get::<_, bool>(3)? {
            wrong("version_id is not the body's meta.versionId")?;
        }
    }
    Ok(())
}
