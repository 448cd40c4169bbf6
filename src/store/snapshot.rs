//! The store at a number t: every version with seq ≤ t that was not replaced by t.
//!
//! Nothing is copied. A version that is replaced later moves to `history`, where the same snapshot
//! still finds it, so what a snapshot reads does not depend on when it is read. Reading goes in
//! short transactions with a key to go on from, so a slow reader holds nothing up.

use std::ops::ControlFlow;

use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::{Connection, Rows};

use super::open::Store;
use super::reach::Reach;
use super::sql::{all, one, set_setting, setting};
use crate::error::{Kind, Result};
use crate::time::Instant;

/// The store at a point in its history.
#[derive(Clone)]
pub struct Snapshot {
    store: Store,
    seq: i64,
    time: Instant,
    reach: Reach,
}

/// Which versions of a snapshot are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The type.
    pub resource_type: String,
    /// `meta.lastUpdated` strictly after this.
    pub since: Option<Instant>,
    /// `meta.lastUpdated` strictly before this.
    pub until: Option<Instant>,
    /// From the version with this number …
    pub first: i64,
    /// … to the one with this.
    pub last: i64,
}

impl Selection {
    /// Everything of a type.
    pub fn all(resource_type: &str, of: &Snapshot) -> Selection {
        Selection {
            resource_type: resource_type.to_owned(),
            since: None,
            until: None,
            first: 0,
            last: of.seq,
        }
    }
}

/// How much of a type there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeTotal {
    /// Versions.
    pub count: u64,
    /// Bytes of their bodies, line ends not counted.
    pub bytes: u64,
    /// The lowest number among them.
    pub first: i64,
    /// The highest.
    pub last: i64,
}

/// One version's place and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Its number.
    pub seq: i64,
    /// Bytes of its body.
    pub size: u64,
}

/// The condition on times and numbers that every statement here shares: ?1 type, ?2 and ?3 the
/// times, ?4 and ?5 the numbers.
const RANGE: &str =
    "type = ?1 AND last_updated > ?2 AND last_updated < ?3 AND seq >= ?4 AND seq <= ?5";

/// The index of what belongs to somebody.
const BY_OWNER: &str = "resource_by_owner";

/// What of `history` a snapshot (?6) still sees.
const KEPT: &str = "ended > ?6 AND size > 0";

impl Snapshot {
    /// The store as it is now. Its time is now where it can be made sure that later writes get a
    /// later one, else the last time of which that is known.
    pub(super) fn take(store: &Store) -> Result<Snapshot> {
        if let Some(conn) = store.note_connection() {
            match note(&conn, store.now()) {
                Ok((seq, time)) => return Ok(Snapshot::at(store, seq, time)),
                // Someone is writing at this moment, with an earlier time than now; or nothing can be
                // written, which is no reason not to read.
                Err(error) if matches!(error.kind(), Kind::Busy | Kind::ReadOnly | Kind::Io) => {
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
        let conn = store.reader()?;
        let (seq, time) = one(&conn, sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Snapshot::at(store, seq, Instant::from_micros(time)))
    }

    pub(super) fn at(store: &Store, seq: i64, time: Instant) -> Snapshot {
        Snapshot { store: store.clone(), seq, time, reach: Reach::Everything }
    }

    /// What of it is within a reach.
    pub(crate) fn within(mut self, reach: Reach) -> Snapshot {
        self.reach = reach;
        self
    }

    /// Whose data is seen of it.
    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Its number: the last write it includes.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// Its transactionTime.
    pub fn time(&self) -> Instant {
        self.time
    }

    /// The types that may have anything in it, in order.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn types(&self) -> Result<Vec<String>> {
        let conn = self.store.reader()?;
        let mut types = distinct_types(&conn, "resource", "resource_by_seq")?;
        if has_superseded(&conn, self.seq)? {
            types.extend(distinct_types(&conn, "history", "history_by_seq")?);
            types.sort();
            types.dedup();
        }
        Ok(types)
    }

    /// Count, bytes and range of what is selected; `None` for nothing.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn total(&self, selection: &Selection) -> Result<Option<TypeTotal>> {
        let mut conn = self.store.reader()?;
        let transaction = conn.transaction()?;
        // A narrow time is found by time, everything by number; either index has all it takes.
        let index = match (self.reach, selection.since) {
            (Reach::User(_) | Reach::Users(_), _) => BY_OWNER,
            (_, Some(_)) => "resource_by_time",
            (_, None) => "resource_by_seq",
        };
        let (current, superseded) = self.conditions();
        let what = "SELECT count(*), coalesce(sum(size), 0), min(seq), max(seq) FROM";
        let range = self.range(selection);
        let read = |row: &rusqlite::Row<'_>| {
            Ok((
                row.get::<_, u64>(0)?,
                row.get::<_, u64>(1)?,
                row.get::<_, Option<i64>>(2)?,
                row.get::<_, Option<i64>>(3)?,
            ))
        };
        let sql = format!("{what} resource INDEXED BY {index} WHERE {RANGE}{current}");
        let mut sums = vec![one(&transaction, &sql, range, read)?];
        if has_superseded(&transaction, self.seq)? {
            let sql = format!(
                "{what} history INDEXED BY history_by_seq WHERE {RANGE} AND {KEPT}{superseded}"
            );
            let (resource_type, since, until, first, last) = range;
            let range = (resource_type, since, until, first, last, self.seq);
            sums.push(one(&transaction, &sql, range, read)?);
        }
        let count = sums.iter().map(|sum| sum.0).sum();
        let first = sums.iter().filter_map(|sum| sum.2).min();
        let last = sums.iter().filter_map(|sum| sum.3).max();
        Ok(first.zip(last).map(|(first, last)| TypeTotal {
            count,
            bytes: sums.iter().map(|sum| sum.1).sum(),
            first,
            last,
        }))
    }

    /// Numbers and sizes of what is selected, in order, until `each` breaks off.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn rows(
        &self,
        selection: &Selection,
        mut each: impl FnMut(Row) -> ControlFlow<()>,
    ) -> Result<()> {
        self.merged("size", selection, |row| Ok(each(Row { seq: row.get(0)?, size: row.get(1)? })))
            .map(drop)
    }

    /// All of them at once.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn list(&self, selection: &Selection) -> Result<Vec<Row>> {
        let mut list = Vec::new();
        self.rows(selection, |row| {
            list.push(row);
            ControlFlow::Continue(())
        })?;
        Ok(list)
    }

    /// Calls `each` with the bodies of what is selected until it breaks off. The number to go on from
    /// as `first`, or `None` at the end.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn bodies(
        &self,
        selection: &Selection,
        mut each: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Option<i64>> {
        let stopped = self.merged("body", selection, |row| Ok(each(row.get_ref(1)?.as_str()?)))?;
        Ok(stopped.map(|seq| seq + 1))
    }

    /// How many relative URLs of attachments there are in what is selected.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn relative_urls(&self, selection: &Selection) -> Result<u64> {
        let mut conn = self.store.reader()?;
        // All of it at one moment: what is replaced in between would count twice.
        let conn = conn.transaction()?;
        let (resource_type, since, until, first, last) = self.range(selection);
        // From the few versions that have any to their places.
        let sum = |table: &str, kept: &str| {
            format!(
                "SELECT coalesce(sum(relative_urls), 0) FROM attachment CROSS JOIN {table} USING (seq)
                  WHERE {RANGE} {kept}"
            )
        };
        let range = (resource_type, since, until, first, last);
        let (mine, mine_before) = self.conditions();
        let current: u64 = one(&conn, &sum("resource", &mine), range, |row| row.get(0))?;
        if !has_superseded(&conn, self.seq)? {
            return Ok(current);
        }
        let range = (resource_type, since, until, first, last, self.seq);
        let superseded: u64 =
            one(&conn, &sum("history", &format!("AND {KEPT}{mine_before}")), range, |row| {
                row.get(0)
            })?;
        Ok(current + superseded)
    }

    /// What versions within its reach meet, current ones and others.
    fn conditions(&self) -> (String, String) {
        (self.reach.condition("resource"), self.reach.condition("history"))
    }

    fn range<'s>(&self, of: &'s Selection) -> (&'s str, i64, i64, i64, i64) {
        (
            &of.resource_type,
            of.since.map_or(i64::MIN, Instant::micros),
            of.until.map_or(i64::MAX, Instant::micros),
            of.first,
            of.last.min(self.seq),
        )
    }

    /// Current and superseded versions merged by number, in one read transaction; the number at
    /// which `each` broke off.
    fn merged(
        &self,
        column: &str,
        selection: &Selection,
        mut each: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<ControlFlow<()>>,
    ) -> Result<Option<i64>> {
        let mut conn = self.store.reader()?;
        let transaction = conn.transaction()?;
        let (resource_type, since, until, first, last) = self.range(selection);
        let (mine, mine_before) = self.conditions();
        let index = match self.reach {
            Reach::User(_) => BY_OWNER,
            _ => "resource_by_seq",
        };
        let mut current = transaction.prepare_cached(&format!(
            "SELECT seq, {column} FROM resource INDEXED BY {index} WHERE {RANGE}{mine} ORDER BY seq"
        ))?;
        let mut superseded = match has_superseded(&transaction, self.seq)? {
            true => Some(transaction.prepare_cached(&format!(
                "SELECT seq, {column} FROM history INDEXED BY history_by_seq
                  WHERE {RANGE} AND {KEPT}{mine_before} ORDER BY seq"
            ))?),
            false => None,
        };
        let mut current = current.query((resource_type, since, until, first, last))?;
        let mut superseded = match &mut superseded {
            Some(statement) => {
                Some(statement.query((resource_type, since, until, first, last, self.seq))?)
            }
            None => None,
        };
        let mut next_current = step(&mut current)?;
        let mut next_superseded = superseded.as_mut().map(step).transpose()?.flatten();
        loop {
            let seq = match (next_current, next_superseded) {
                (None, None) => return Ok(None),
                (Some(one), Some(other)) => one.min(other),
                (Some(one), None) | (None, Some(one)) => one,
            };
            let from_current = next_current == Some(seq);
            let rows = match &mut superseded {
                Some(superseded) if !from_current => superseded,
                _ => &mut current,
            };
            if let Some(row) = rows.get()
                && each(row)?.is_break()
            {
                return Ok(Some(seq));
            }
            let next = step(rows)?;
            match from_current {
                true => next_current = next,
                false => next_superseded = next,
            }
        }
    }
}

fn step(rows: &mut Rows<'_>) -> Result<Option<i64>> {
    rows.advance()?;
    Ok(rows.get().map(|row| row.get(0)).transpose()?)
}

/// Writes down the time that is handed out, so that no later write gets an earlier one.
fn note(conn: &Connection, now: Instant) -> Result<(i64, Instant)> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let last_write = setting(conn, "last_write_time")?;
    let handed_out = setting(conn, "last_transaction_time")?;
    let time = now.micros().max(last_write).max(handed_out);
    let seq = setting(conn, "last_seq")?;
    set_setting(conn, "last_transaction_time", time)?;
    conn.execute_batch("COMMIT")?;
    Ok((seq, Instant::from_micros(time)))
}

/// True where any version was replaced or deleted after `seq`.
fn has_superseded(conn: &Connection, seq: i64) -> Result<bool> {
    one(conn, "SELECT EXISTS (SELECT 1 FROM history WHERE ended > ?1)", [seq], |row| row.get(0))
}

/// The types in a table, jumping from one to the next in its index.
fn distinct_types(conn: &Connection, table: &str, index: &str) -> Result<Vec<String>> {
    all(
        conn,
        &format!(
            "WITH RECURSIVE next(type) AS (
               SELECT (SELECT min(type) FROM {table} INDEXED BY {index})
               UNION ALL
               SELECT (SELECT min(type) FROM {table} INDEXED BY {index} WHERE type > next.type)
                 FROM next WHERE next.type IS NOT NULL)
             SELECT type FROM next WHERE type IS NOT NULL"
        ),
        (),
        |row| row.get(0),
    )
}
