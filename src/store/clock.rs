//! A store whose times lie ahead of this machine's clock: how that is noticed, and how it is mended.
//!
//! Every write and every transactionTime comes after the last one. So after one import with a clock
//! that is ahead, every later change waits for that time. Mending counts the times ahead as the
//! moment of the mending, in their order, and keeps what each counted as before: an export `_since`
//! one of them still holds exactly what came after it.

use std::fmt;
use std::time::Duration;

use rusqlite::Connection;

use super::checksum::row_sum_after;
use super::handle::Store;
use super::snapshot::Snapshot;
use super::sql::{maybe, one, run, set_setting, setting};
use super::tables::{CURRENT, ENDED};
use crate::error::Result;
use crate::time::Instant;

/// Clocks of machines that share a store may differ by so much.
const TOLERANCE: Duration = Duration::from_secs(60);

/// How far a store's times lie ahead of this machine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockLead {
    /// The last time that the store gave.
    pub store: Instant,
    /// The time by this machine's clock.
    pub machine: Instant,
}

impl ClockLead {
    /// How long after the machine's clock the store's time is.
    pub fn length(self) -> Duration {
        let micros = self.store.micros().saturating_sub(self.machine.micros());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// Says what is wrong, and what to do.
impl fmt::Display for ClockLead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClockLead { store, machine } = self;
        let seconds = self.length().as_secs();
        let length = match seconds {
            172_800.. => format!("{} days", seconds / 86_400),
            7_200.. => format!("{} hours", seconds / 3_600),
            _ => format!("{} minutes", seconds / 60),
        };
        write!(
            f,
            "the last time that the store gave, {store}, is {length} after this machine's clock, {machine}; \
             until then every change gets that time. If the clock is right now, \
             `fhirlite check --mend-clock` mends the store"
        )
    }
}

/// Reads the last time that the store gave: to a write or as a transactionTime.
fn last_time(conn: &Connection) -> Result<i64> {
    Ok(setting(conn, "last_write_time")?.max(setting(conn, "last_transaction_time")?))
}

/// Says how far the store is ahead of `now`; `None` where it is not.
pub(super) fn clock_lead(conn: &Connection, now: Instant) -> Result<Option<ClockLead>> {
    let lead = ClockLead { store: Instant::from_micros(last_time(conn)?), machine: now };
    Ok(Some(lead).filter(|lead| lead.length() > TOLERANCE))
}

/// Every time in the store that exports compare with, if it is after ?1.
const TIMES_AHEAD: &str = "
    SELECT last_updated AS time FROM current_version WHERE last_updated > ?1
    UNION SELECT last_updated FROM ended_version WHERE last_updated > ?1
    UNION SELECT ended_at FROM ended_version WHERE ended_at > ?1
    UNION SELECT transaction_time FROM job WHERE transaction_time > ?1
    UNION SELECT value FROM setting
           WHERE name IN ('last_write_time', 'last_transaction_time') AND value > ?1";

impl Store {
    /// How far the store's times lie ahead of this machine's clock, if by more than a minute.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn clock_lead(&self) -> Result<Option<ClockLead>> {
        clock_lead(&*self.reader()?, self.now())
    }

    /// Lets times that lie ahead of this machine's clock count as now. Returns how far the store was
    /// ahead; `None` where it was not, and nothing is changed.
    ///
    /// Resources keep their bytes, and so the `meta.lastUpdated` that they were given.
    ///
    /// # Errors
    /// `ReadOnly`, `Busy`, or where the disk refuses.
    pub fn mend_clock(&self) -> Result<Option<ClockLead>> {
        self.transaction(|conn| {
            let now = self.now();
            let lead = clock_lead(conn, now)?;
            if lead.is_some() {
                mend(conn, now.micros())?;
            }
            Ok(lead)
        })
    }
}

/// Mends the store at the time `now`, which is a whole millisecond.
fn mend(conn: &Connection, now: i64) -> Result<()> {
    // The first row is for transactionTimes that were handed out before the first write ahead.
    run(conn, "INSERT OR REPLACE INTO mended_time VALUES (?1, ?1, ?1)", [now])?;
    let sql = format!(
        "INSERT INTO mended_time (mended_at, ahead, time)
         SELECT ?1, time, ?1 + row_number() OVER (ORDER BY time) FROM ({TIMES_AHEAD})"
    );
    run(conn, &sql, [now])?;
    let mended = |column: &str| {
        format!("(SELECT time FROM mended_time WHERE mended_at = ?1 AND ahead = {column})")
    };
    for (view, table) in [("resource", CURRENT), ("history", ENDED)] {
        let time = mended("last_updated");
        let sql = format!(
            "UPDATE {table} SET assigned = assigned | 4, last_updated = {time}, row_checksum = {}
              WHERE last_updated > ?1",
            row_sum_after(view, &[("assigned", "assigned | 4"), ("last_updated", &time)])
        );
        run(conn, &sql, [now])?;
    }
    let time = mended("ended_at");
    let sql = format!(
        "UPDATE {ENDED} SET ended_at = {time}, row_checksum = {} WHERE ended_at > ?1",
        row_sum_after("history", &[("ended_at", &time)])
    );
    run(conn, &sql, [now])?;
    // What was to end some time after a wrong beginning ends so long after now.
    for (table, begun) in [("job", "created_at"), ("token", "issued_at")] {
        let sql = format!(
            "UPDATE {table} SET expires_at = ?1 + expires_at - {begun}, {begun} = ?1
              WHERE {begun} > ?1"
        );
        run(conn, &sql, [now])?;
    }
    // Whole milliseconds, as manifests show them, and after every mended time.
    let sql = "SELECT max(time) FROM mended_time WHERE mended_at = ?1";
    let last: i64 = one(conn, sql, [now], |row| row.get(0))?;
    let next = Instant::from_micros(last).next_millisecond().micros();
    for name in ["last_write_time", "last_transaction_time"] {
        if setting(conn, name)? > now {
            set_setting(conn, name, next)?;
        }
    }
    Ok(())
}

/// What the time `since` counts as: itself, unless a clock that was ahead had given it and was mended
/// since then.
///
/// Only a time after all that the store has given since can be such a one. Of several mendings the
/// earliest answer counts: a client then gets something twice rather than not at all.
pub(super) fn mended_since(conn: &Connection, now: Instant, since: Instant) -> Result<Instant> {
    if since <= now || since.micros() <= last_time(conn)? {
        return Ok(since);
    }
    let sql = "SELECT min(time) FROM (
                 SELECT (SELECT time FROM mended_time AS one
                          WHERE one.mended_at = each.mended_at AND ahead <= ?1
                          ORDER BY ahead DESC LIMIT 1) AS time
                   FROM (SELECT mended_at, max(ahead) AS last FROM mended_time GROUP BY mended_at) AS each
                  WHERE ?1 <= last)";
    let mended: Option<Option<i64>> = maybe(conn, sql, [since.micros()], |row| row.get(0))?;
    Ok(mended.flatten().map_or(since, Instant::from_micros))
}

impl Snapshot {
    /// What `_since` counts as where a clock was ahead and is mended; mostly itself.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn mended_since(&self, since: Instant) -> Result<Instant> {
        let now = self.store().now();
        if since <= now { Ok(since) } else { mended_since(&*self.store().reader()?, now, since) }
    }
}
