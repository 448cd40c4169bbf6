//! The tables that versions had before format 6, and how their rows come into the present ones.
//!
//! They held the bodies too. The present format has views of their names.

use rusqlite::Connection;

use super::checksum::{BODY_SUM, row_sum_with};
use super::sql::run;
use super::tables::{COLUMNS, CURRENT, ENDED};
use crate::error::Result;

/// The names of these tables.
pub(super) const FORMER: [&str; 2] = ["resource", "history"];

/// The name of a table of [`FORMER`] while its rows are copied.
pub(super) fn former_name(table: &str) -> String {
    format!("fhirlite_former_{table}")
}

/// Copies the versions into the present tables, which are empty. `columns` lists the columns of a former
/// table; `former` is its name in statements.
pub(super) fn copy_versions(
    conn: &Connection,
    columns: impl Fn(&str) -> Result<Vec<String>>,
    former: &dyn Fn(&str) -> String,
) -> Result<()> {
    let kept = columns("resource")?;
    let has = |name: &str| kept.iter().any(|column| column == name);
    let (resource, history) = (former("resource"), former("history"));
    let sql = format!(
        "INSERT INTO resource_type (name)
         SELECT type FROM {resource} UNION SELECT type FROM {history} ORDER BY 1"
    );
    run(conn, &sql, ())?;
    for (view, table, from, ended) in [
        ("resource", CURRENT, &resource, ""),
        ("history", ENDED, &history, ", ended, ended_at, deleted"),
    ] {
        // The columns that are new in format 3 and in format 5.
        let owner = if has("owner") { "owner" } else { "0" };
        let (body_sum, row_sum) = if has("row_checksum") {
            ("body_checksum", "row_checksum".to_owned())
        } else {
            (BODY_SUM, row_sum_with(view, &[("body_checksum", BODY_SUM), ("owner", owner)]))
        };
        let sql = format!(
            "INSERT INTO {table} ({COLUMNS}{ended}, row_checksum)
             SELECT seq, (SELECT code FROM resource_type WHERE name = type), id, version_id,
                    last_updated, {owner}, assigned, size, hash, {body_sum}{ended}, {row_sum}
               FROM {from} ORDER BY seq"
        );
        run(conn, &sql, ())?;
    }
    // Where a store is damaged so that two versions have a number, `check` finds the one whose body is not
    // the kept one.
    let sql = format!(
        "INSERT OR IGNORE INTO version_body (seq, body)
         SELECT seq, body FROM {resource}
          UNION ALL SELECT seq, body FROM {history} WHERE size > 0 OR body <> '' ORDER BY seq"
    );
    run(conn, &sql, ()).map(drop)
}
