//! Pruning: deletes superseded versions that no export can need any more.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::handle::Store;
use super::reach::Reach;
use super::sql::{all, maybe, one, run, set_setting, setting};
use super::tombstone::deletion_stands;
use super::writer::ONE_MOMENT;
use crate::error::{Kind, Result};
use crate::time::Instant;

/// The largest number of versions to prune in one transaction, so that an import does not wait long.
const AT_ONCE: usize = 20_000;

/// The setting with the number of the write that ended the last pruned version. A snapshot before it
/// is no longer complete.
pub(super) const LAST_PRUNED: &str = "last_pruned";

/// The type whose deleted resources keep their bodies: the body alone says what a Provenance was
/// about, which `deleted` files need.
const KEEPS_BODY: &str = "Provenance";

/// Creates the table for the numbers of versions to prune.
const CREATE_PRUNED: &str = "CREATE TEMP TABLE IF NOT EXISTS pruned (seq INTEGER PRIMARY KEY)";

impl Store {
    /// Prunes the versions that were replaced or deleted before `before` and that no job sees. A
    /// deletion that stands keeps its row, without the body. Returns how many versions were pruned.
    ///
    /// # Errors
    /// Where the store cannot be read or the disk refuses. A store that is busy or read-only is no
    /// error: the next call prunes it.
    pub(crate) fn prune(&self, before: Instant) -> Result<u64> {
        // A transaction records the time when it began, and may end a moment later.
        let before = Instant::from_micros(before.micros().saturating_sub(ONE_MOMENT));
        let mut pruned = 0;
        loop {
            match self.prune_some(before) {
                Ok(0) => return Ok(pruned),
                Ok(some) => pruned += some,
                Err(error) if matches!(error.kind(), Kind::Busy | Kind::ReadOnly) => {
                    return Ok(pruned);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn prune_some(&self, before: Instant) -> Result<u64> {
        // This read comes first, so that a store with nothing to prune never holds the write lock.
        let oldest = "SELECT ended_at FROM history
                       WHERE size > 0 AND NOT (deleted = 1 AND type = ?1) ORDER BY ended LIMIT 1";
        let oldest: Option<i64> = maybe(&*self.reader()?, oldest, [KEEPS_BODY], |row| row.get(0))?;
        if oldest.is_none_or(|oldest| oldest >= before.micros()) {
            return Ok(0);
        }
        // Without patience: pruning gives way to every other write.
        let mut conn = self.pool().short(Duration::ZERO)?;
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Under the write lock, so that no job is added in between.
        let sql = "SELECT coalesce(min(snapshot), ?1) FROM job";
        let seen: i64 = one(&transaction, sql, [i64::MAX], |row| row.get(0))?;
        let pruned = prune_versions(&transaction, seen, before)?;
        if pruned > 0 {
            prune_deletions(&transaction, seen)?;
            transaction.commit()?;
        }
        Ok(pruned)
    }
}

/// Prunes some of the versions that ended before the snapshot `seen` and the time `before`.
fn prune_versions(conn: &Connection, seen: i64, before: Instant) -> Result<u64> {
    let sql = format!(
        "SELECT seq, stands, ended FROM
          (SELECT seq, type, ended, deleted = 1 AND {} AS stands
             FROM history AS old WHERE size > 0 AND ended <= ?1 AND ended_at < ?2)
          WHERE NOT (stands AND type = ?4)
          ORDER BY ended LIMIT ?3",
        deletion_stands(Reach::Everything)
    );
    let key = (seen, before.micros(), AT_ONCE, KEEPS_BODY);
    let versions: Vec<(i64, bool, i64)> =
        all(conn, &sql, key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let Some((.., last)) = versions.last() else { return Ok(0) };
    // An earlier call may have pruned later versions: not all are pruned in their order.
    let last = setting(conn, LAST_PRUNED)?.max(*last);
    set_setting(conn, LAST_PRUNED, last)?;
    conn.execute_batch(CREATE_PRUNED)?;
    for (seq, stands, _) in &versions {
        if *stands {
            run(conn, "UPDATE history SET body = '', size = 0 WHERE seq = ?1", [seq])?;
        } else {
            run(conn, "DELETE FROM history WHERE seq = ?1", [seq])?;
            run(conn, "DELETE FROM compartment WHERE seq = ?1", [seq])?;
        }
        run(conn, "DELETE FROM attachment WHERE seq = ?1", [seq])?;
        run(conn, "INSERT INTO pruned (seq) VALUES (?1)", [seq])?;
    }
    // Conditional references need these only while the version has a body. No index leads from a
    // version to them, so one statement goes through each table.
    delete_pruned(conn, &["identifier", "unresolved"])?;
    Ok(versions.len() as u64)
}

/// Deletes the rows of deletions that kept no body and stand no more.
fn prune_deletions(conn: &Connection, seen: i64) -> Result<()> {
    let sql = format!(
        "INSERT INTO pruned (seq) SELECT seq FROM history AS old
          WHERE deleted = 1 AND size = 0 AND ended <= ?1 AND NOT {}",
        deletion_stands(Reach::Everything)
    );
    if run(conn, &sql, [seen])? > 0 {
        delete_pruned(conn, &["history", "compartment"])?;
    }
    Ok(())
}

/// Deletes the rows of pruned versions from `tables`, and forgets which versions these are.
fn delete_pruned(conn: &Connection, tables: &[&str]) -> Result<()> {
    for table in tables {
        let sql = format!("DELETE FROM {table} WHERE seq IN (SELECT seq FROM pruned)");
        run(conn, &sql, ())?;
    }
    run(conn, "DELETE FROM pruned", ()).map(drop)
}
