//! Pruning: deletes superseded versions that no export can need any more.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use serde::Serialize;

use super::checksum::row_sum_after;
use super::handle::Store;
use super::pool::PATIENCE;
use super::reach::Reach;
use super::snapshot::Snapshot;
use super::sql::{all, maybe, one, run, set_setting, setting};
use super::tables::{ENDED, TYPE_NAME};
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

/// How old a replaced or deleted version is before `fhirlite prune` removes it, unless told otherwise.
/// It is longer than a server keeps versions unless told otherwise, because file URLs may need them.
pub(super) const USUAL_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Selects the versions to prune, as `old`: those that ended up to the write ?1 and before the time ?2.
/// `stands` is true for a deletion, of which only the body goes.
fn select_prunable() -> String {
    format!(
        "(SELECT seq, type, ended, size, deleted = 1 AND {} AS stands
            FROM {ENDED} AS old WHERE size > 0 AND ended <= ?1 AND ended_at < ?2)
          WHERE NOT (stands AND {TYPE_NAME} = ?3)",
        deletion_stands(Reach::Everything)
    )
}

/// What pruning removed, or would remove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Replaced and deleted versions.
    pub versions: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Exports whose time was over.
    pub exports: u64,
}

impl Store {
    /// Prunes the versions that were replaced or deleted before `before` and that no job sees. A
    /// deletion that stands keeps its row, without the body.
    ///
    /// # Errors
    /// Where the store cannot be read or the disk refuses. A store that is busy or read-only is no
    /// error: the next call prunes it.
    pub(crate) fn prune(&self, before: Instant) -> Result<()> {
        // Without patience: pruning gives way to every other write.
        match self.prune_all(before, Duration::ZERO, &mut Pruned::default()) {
            Err(error) if matches!(error.kind(), Kind::Busy | Kind::ReadOnly) => Ok(()),
            pruned => pruned,
        }
    }

    /// Does what a server does now and then: deletes the exports whose time is over, then the versions
    /// that were replaced or deleted more than `age` ago and that no other export sees. Signed file URLs
    /// that were handed out before may need these versions.
    ///
    /// # Errors
    /// `ReadOnly`; `Busy` where another process writes for too long; where the disk refuses. What was
    /// pruned before the error stays pruned.
    pub fn prune_older_than(&self, age: Duration) -> Result<Pruned> {
        self.pool().writing()?;
        let now = self.now();
        let mut pruned = Pruned::default();
        for id in self.expired_jobs(now)? {
            self.delete_job(&id)?;
            pruned.exports += 1;
        }
        self.prune_all(now.earlier(age), PATIENCE, &mut pruned)?;
        Ok(pruned)
    }

    /// What [`Store::prune_older_than`] would remove now.
    pub(super) fn prunable(&self, conn: &Connection, age: Duration) -> Result<Pruned> {
        let now = self.now();
        let sql = "SELECT min(CASE WHEN ended THEN NULL ELSE snapshot END), coalesce(sum(ended), 0)
                     FROM (SELECT snapshot, state <> 'running' AND expires_at <= ?1 AS ended FROM job)";
        let (seen, exports): (Option<i64>, u64) =
            one(conn, sql, [now.micros()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let sql = format!("SELECT count(*), coalesce(sum(size), 0) FROM {}", select_prunable());
        let key = (seen.unwrap_or(i64::MAX), settled(now.earlier(age)).micros(), KEEPS_BODY);
        let (versions, bytes) = one(conn, &sql, key, |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Pruned { versions, bytes, exports })
    }

    /// Prunes in several transactions, each of which waits for others at most `patience`.
    fn prune_all(&self, before: Instant, patience: Duration, pruned: &mut Pruned) -> Result<()> {
        let before = settled(before);
        let mut at_once = AT_ONCE;
        loop {
            let some = match self.prune_some(before, patience, at_once) {
                // A smaller transaction needs less room, and a log that is in the file needs none.
                Err(error) if error.kind() == Kind::Full && at_once > 1 => {
                    at_once /= 10;
                    self.checkpoint()?;
                    continue;
                }
                some => some.map_err(|error| error.at_file(self.path()))?,
            };
            if some.versions == 0 {
                return Ok(());
            }
            pruned.versions += some.versions;
            pruned.bytes += some.bytes;
        }
    }

    fn prune_some(&self, before: Instant, patience: Duration, at_once: usize) -> Result<Pruned> {
        // This read comes first, so that a store with nothing to prune never holds the write lock.
        let oldest = format!(
            "SELECT ended_at FROM {ENDED}
              WHERE size > 0 AND NOT (deleted = 1 AND {TYPE_NAME} = ?1) ORDER BY ended LIMIT 1"
        );
        let oldest: Option<i64> = maybe(&*self.reader()?, &oldest, [KEEPS_BODY], |row| row.get(0))?;
        if oldest.is_none_or(|oldest| oldest >= before.micros()) {
            return Ok(Pruned::default());
        }
        let mut conn = self.pool().short(patience)?;
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Under the write lock, so that no job is added in between.
        let sql = "SELECT coalesce(min(snapshot), ?1) FROM job";
        let mut seen: i64 = one(&transaction, sql, [i64::MAX], |row| row.get(0))?;
        let aside = self.with_aside(|aside| {
            one(&aside.pool().writing()?.import(), sql, [i64::MAX], |row| row.get(0))
        })?;
        seen = seen.min(aside.unwrap_or(i64::MAX));
        let pruned = prune_versions(&transaction, seen, before, at_once)?;
        if pruned.versions > 0 {
            prune_deletions(&transaction, seen)?;
            self.in_place()?;
            transaction.commit()?;
        }
        Ok(pruned)
    }
}

impl Snapshot {
    /// True where no version that the snapshot shows was pruned.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn is_whole(&self) -> Result<bool> {
        Ok(setting(&*self.store().reader()?, LAST_PRUNED)? <= self.seq())
    }
}

/// The time before which what ended is surely older than `before`: a transaction records the time when
/// it began, and may end a moment later.
fn settled(before: Instant) -> Instant {
    Instant::from_micros(before.micros().saturating_sub(ONE_MOMENT))
}

/// Prunes up to `at_once` of the versions that ended before the snapshot `seen` and the time `before`.
fn prune_versions(conn: &Connection, seen: i64, before: Instant, at_once: usize) -> Result<Pruned> {
    let sql = format!(
        "SELECT seq, stands, ended, size FROM {} ORDER BY ended LIMIT ?4",
        select_prunable()
    );
    let key = (seen, before.micros(), KEEPS_BODY, at_once);
    let versions: Vec<(i64, bool, i64, u64)> =
        all(conn, &sql, key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let Some((_, _, last, _)) = versions.last() else { return Ok(Pruned::default()) };
    // An earlier call may have pruned later versions: not all are pruned in their order.
    let last = setting(conn, LAST_PRUNED)?.max(*last);
    set_setting(conn, LAST_PRUNED, last)?;
    conn.execute_batch(CREATE_PRUNED)?;
    let empty = format!("body_sum({TYPE_NAME}, seq, '')");
    let let_go = format!(
        "UPDATE {ENDED} SET size = 0, body_checksum = {empty}, row_checksum = {} WHERE seq = ?1",
        row_sum_after("history", &[("size", "0"), ("body_checksum", &empty)])
    );
    for (seq, stands, ..) in &versions {
        if *stands {
            run(conn, &let_go, [seq])?;
        } else {
            run(conn, "DELETE FROM ended_version WHERE seq = ?1", [seq])?;
            run(conn, "DELETE FROM compartment WHERE seq = ?1", [seq])?;
        }
        run(conn, "DELETE FROM version_body WHERE seq = ?1", [seq])?;
        run(conn, "DELETE FROM attachment_url WHERE seq = ?1", [seq])?;
        run(conn, "DELETE FROM security_context WHERE seq = ?1", [seq])?;
        run(conn, "DELETE FROM reference WHERE seq = ?1", [seq])?;
        run(conn, "DELETE FROM provenance_target WHERE seq = ?1", [seq])?;
        run(conn, "DELETE FROM search_key WHERE seq = ?1", [seq])?;
        run(conn, "DELETE FROM search_range WHERE seq = ?1", [seq])?;
        run(conn, "INSERT INTO pruned (seq) VALUES (?1)", [seq])?;
    }
    // Conditional references need these only while the version has a body. No index leads from a
    // version to them, so one statement goes through each table.
    delete_pruned(conn, &["identifier", "unresolved"])?;
    let bytes = versions.iter().map(|(.., size)| size).sum();
    Ok(Pruned { versions: versions.len() as u64, bytes, exports: 0 })
}

/// Deletes the rows of deletions that kept no body and stand no more.
fn prune_deletions(conn: &Connection, seen: i64) -> Result<()> {
    let sql = format!(
        "INSERT INTO pruned (seq) SELECT seq FROM {ENDED} AS old
          WHERE deleted = 1 AND size = 0 AND ended <= ?1 AND NOT {}",
        deletion_stands(Reach::Everything)
    );
    if run(conn, &sql, [seen])? > 0 {
        delete_pruned(conn, &[ENDED, "compartment"])?;
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
