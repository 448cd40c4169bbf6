//! [`Snapshot`]: the store at a number t, which is every version with seq ≤ t that t did not replace.
//!
//! Nothing is copied. A version that is replaced later moves to `history`, where the same snapshot
//! still finds it, so what a snapshot reads does not depend on when it is read.

use rusqlite::Connection;

use super::handle::Store;
use super::large_right::KeptRight;
use super::reach::Reach;
use super::sql::{one, set_setting, setting};
use crate::error::{Kind, Result};
use crate::time::Instant;

/// The store at a point in its history.
#[derive(Clone)]
pub struct Snapshot {
    store: Store,
    seq: i64,
    time: Instant,
    reach: Reach,
    /// Of a snapshot that serves one request, whose answer keeps the bodies.
    right: Option<KeptRight>,
}

impl Store {
    /// The store as it is now, with a transactionTime that every later write comes after.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot> {
        if let Some(conn) = self.pool().times()? {
            match record_transaction_time(&conn, self.now()) {
                Ok((seq, time)) => return Ok(self.snapshot_at(seq, time)),
                // Another process is writing, with an earlier time than now, or the store cannot be
                // written. Reading is possible all the same, at the last time on record.
                Err(error)
                    if matches!(
                        error.kind(),
                        Kind::Busy | Kind::ReadOnly | Kind::Io | Kind::Full
                    ) =>
                {
                    if !conn.is_autocommit() {
                        conn.execute_batch("ROLLBACK")?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let sql = "SELECT (SELECT value FROM setting WHERE name = 'last_seq'),
                          max(value) FROM setting
                    WHERE name IN ('last_write_time', 'last_transaction_time')";
        self.snapshot_by(sql)
    }

    /// The store as it is now, at the time of its last write. Later writes may have the same time, so
    /// this is no transactionTime; nothing is recorded.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn latest_snapshot(&self) -> Result<Snapshot> {
        let sql = "SELECT (SELECT value FROM setting WHERE name = 'last_seq'), value
                     FROM setting WHERE name = 'last_write_time'";
        self.snapshot_by(sql)
    }

    /// The store as it was at `seq`, with the `time` that its manifest gave.
    pub(crate) fn snapshot_at(&self, seq: i64, time: Instant) -> Snapshot {
        Snapshot { store: self.clone(), seq, time, reach: Reach::Everything, right: None }
    }

    /// Takes the snapshot's number and time from the one row that `sql` selects.
    fn snapshot_by(&self, sql: &str) -> Result<Snapshot> {
        let conn = self.reader()?;
        let (seq, time) = one(&conn, sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(self.snapshot_at(seq, Instant::from_micros(time)))
    }
}

impl Snapshot {
    /// The same snapshot, limited to the resources within a reach.
    pub(crate) fn limited_to(mut self, reach: Reach) -> Snapshot {
        self.reach = reach;
        self
    }

    /// The same snapshot, for a request that keeps bodies for its answer under this right.
    pub(super) fn keeping(mut self, right: KeptRight) -> Snapshot {
        self.right = Some(right);
        self
    }

    pub(super) fn kept_right(&self) -> Option<&KeptRight> {
        self.right.as_ref()
    }

    /// The reach that limits the snapshot.
    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Its number: that of the last write it includes.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// Its transactionTime.
    pub fn time(&self) -> Instant {
        self.time
    }
}

/// Records the time that is handed out, so that every later write gets a later one. Returns the
/// number of the last write and the time.
fn record_transaction_time(conn: &Connection, now: Instant) -> Result<(i64, Instant)> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let last_write = setting(conn, "last_write_time")?;
    let handed_out = setting(conn, "last_transaction_time")?;
    let time = now.micros().max(last_write).max(handed_out);
    let seq = setting(conn, "last_seq")?;
    set_setting(conn, "last_transaction_time", time)?;
    conn.execute_batch("COMMIT")?;
    Ok((seq, Instant::from_micros(time)))
}
