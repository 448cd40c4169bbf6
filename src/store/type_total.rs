//! How many current versions each type has, and how many bytes: kept at each commit, so that an export of
//! everything knows its files without a look at every row.
//!
//! A snapshot that is older than the last write corrects the totals by what was written since.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::sql::{maybe, one, run, setting};
use super::tables::{CURRENT, ENDED};
use crate::error::Result;

/// What a selection amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeTotal {
    /// How many versions.
    pub count: u64,
    /// Bytes of their bodies, without line ends.
    pub bytes: u64,
    /// The lowest number among them.
    pub first: i64,
    /// The highest number among them.
    pub last: i64,
}

/// Brings the totals up to date with the writes after the number `began`, all of the open transaction.
pub(super) fn add_writes_after(conn: &Connection, began: i64) -> Result<()> {
    let mut changes: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for (versions, sign) in [
        (format!("{CURRENT} WHERE seq > ?1"), 1),
        (format!("{ENDED} INDEXED BY ended_by_end WHERE ended > ?1 AND seq <= ?1"), -1),
    ] {
        let mut statement = conn.prepare_cached(&format!("SELECT type, size FROM {versions}"))?;
        let mut rows = statement.query([began])?;
        while let Some(row) = rows.next()? {
            let (count, bytes) = changes.entry(row.get(0)?).or_default();
            *count += sign;
            *bytes += sign * row.get::<_, i64>(1)?;
        }
    }
    let sql = "INSERT INTO type_total (type, resources, bytes) VALUES (?1, ?2, ?3)
               ON CONFLICT (type) DO UPDATE
                  SET resources = resources + excluded.resources, bytes = bytes + excluded.bytes";
    for (type_code, (count, bytes)) in changes {
        run(conn, sql, (type_code, count, bytes))?;
    }
    Ok(())
}

/// Sums up all versions of a type that a snapshot with the number `seq` sees; `None` for nothing.
pub(super) fn total_at(conn: &Connection, type_name: &str, seq: i64) -> Result<Option<TypeTotal>> {
    let sql = "SELECT code FROM resource_type WHERE name = ?1";
    let Some(code) = maybe(conn, sql, [type_name], |row| row.get::<_, i64>(0))? else {
        return Ok(None);
    };
    let sql = "SELECT resources, bytes FROM type_total WHERE type = ?1";
    let pair = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let (mut count, mut bytes) = maybe(conn, sql, [code], pair)?.unwrap_or_default();
    let edge = |order: &str| {
        let sql = format!(
            "SELECT seq FROM {CURRENT} INDEXED BY current_by_type
              WHERE type = ?1 AND seq <= ?2 ORDER BY seq {order} LIMIT 1"
        );
        maybe(conn, &sql, (code, seq), |row| row.get::<_, i64>(0))
    };
    let (mut first, mut last) = (edge("ASC")?, edge("DESC")?);
    if setting(conn, "last_seq")? > seq {
        let sql = format!(
            "SELECT count(*), coalesce(sum(size), 0) FROM {CURRENT} INDEXED BY current_by_type
              WHERE type = ?1 AND seq > ?2"
        );
        let newer = one(conn, &sql, (code, seq), pair)?;
        let sql = format!(
            "SELECT count(*), coalesce(sum(size), 0), min(seq), max(seq)
               FROM {ENDED} INDEXED BY ended_by_end
              WHERE ended > ?2 AND type = ?1 AND seq <= ?2 AND size > 0"
        );
        let (ended, ends) = one(conn, &sql, (code, seq), |row| {
            let ends: (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
            Ok((pair(row)?, ends))
        })?;
        count += ended.0 - newer.0;
        bytes += ended.1 - newer.1;
        first = first.into_iter().chain(ends.0).min();
        last = last.max(ends.1);
    }
    let total = |(first, last)| TypeTotal {
        count: count.max(0).unsigned_abs(),
        bytes: bytes.max(0).unsigned_abs(),
        first,
        last,
    };
    Ok(first.zip(last).map(total))
}
