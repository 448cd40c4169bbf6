//! Contradictions in a store: what `fhirlite check` looks for.

use rusqlite::Connection;

use super::sql::{self, all, setting};
use crate::error::Result;
use crate::fhir::Instant;

/// One contradiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: `Type/id` with its version, or the file.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

/// What must not be found in either table of versions.
const RULES: [(&str, &str); 6] = [
    (
        "size is not the length of the body",
        "size <> length(CAST(body AS BLOB))",
    ),
    ("the body is not JSON", "NOT json_valid(body)"),
    (
        "the body is of another type",
        "json_valid(body) AND json_extract(body, '$.resourceType') IS NOT type",
    ),
    (
        "the body has another id",
        "json_valid(body) AND json_extract(body, '$.id') IS NOT id",
    ),
    ("the body has line breaks", "instr(body, char(10)) > 0"),
    (
        "seq is higher than any write was",
        "seq > (SELECT value FROM setting WHERE name = 'last_seq')",
    ),
];

/// What must not be found in `history` alone.
const HISTORY_RULES: [(&str, &str); 3] = [
    ("it ended before it began", "ended <= seq"),
    (
        "it ended later than any write",
        "ended > (SELECT value FROM setting WHERE name = 'last_seq')",
    ),
    (
        "two versions are current at once",
        "EXISTS (SELECT 1 FROM resource r
                  WHERE r.type = history.type AND r.id = history.id AND r.seq < history.ended)",
    ),
];

/// Looks for all of them.
pub(super) fn run(conn: &Connection, found: &mut dyn FnMut(Finding)) -> Result<()> {
    let file = |what: String| Finding {
        place: "file".to_owned(),
        what,
    };
    let lines: Vec<String> = all(conn, "PRAGMA integrity_check", (), |row| row.get(0))?;
    for line in lines.into_iter().filter(|line| line != "ok") {
        found(file(line));
    }
    if setting(conn, "last_seq")? < 0 {
        found(file("last_seq is negative".to_owned()));
    }
    for table in ["resource", "history"] {
        for (what, condition) in RULES {
            rows(conn, table, what, condition, found)?;
        }
        times(conn, table, found)?;
    }
    for (what, condition) in HISTORY_RULES {
        rows(conn, "history", what, condition, found)?;
    }
    for table in ["identifier", "unresolved"] {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE seq NOT IN (SELECT seq FROM resource)
                AND seq NOT IN (SELECT seq FROM history)"
        );
        let lost: u64 = sql::one(conn, &sql, (), |row| row.get(0))?;
        if lost > 0 {
            found(file(format!("{lost} rows of {table} belong to no version")));
        }
    }
    Ok(())
}

fn rows(
    conn: &Connection,
    table: &str,
    what: &str,
    condition: &str,
    found: &mut dyn FnMut(Finding),
) -> Result<()> {
    let sql = format!(
        "SELECT type || '/' || id || ' version ' || version_id FROM {table} WHERE {condition}"
    );
    for place in all::<String>(conn, &sql, (), |row| row.get(0))? {
        found(Finding {
            place,
            what: what.to_owned(),
        });
    }
    Ok(())
}

/// `last_updated` must be what the body says.
fn times(conn: &Connection, table: &str, found: &mut dyn FnMut(Finding)) -> Result<()> {
    let mut statement = conn.prepare(&format!(
        "SELECT type || '/' || id || ' version ' || version_id, last_updated,
                json_extract(body, '$.meta.lastUpdated'), json_extract(body, '$.meta.versionId') IS version_id
           FROM {table} WHERE json_valid(body)"
    ))?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let text: Option<String> = row.get(2)?;
        let read = text
            .as_deref()
            .and_then(Instant::parse)
            .map(|(instant, _)| instant.micros());
        let mut wrong = |what: &str| -> Result<()> {
            found(Finding {
                place: row.get(0)?,
                what: what.to_owned(),
            });
            Ok(())
        };
        if read != Some(row.get(1)?) {
            wrong("last_updated is not the body's meta.lastUpdated")?;
        }
        if !row.get::<_, bool>(3)? {
            wrong("version_id is not the body's meta.versionId")?;
        }
    }
    Ok(())
}
