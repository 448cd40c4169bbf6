//! [`Selection`]: a range of a snapshot's versions, to count or list; `bodies.rs` reads them.
//!
//! Each call reads in one short transaction and returns a key to go on from, so a slow client never
//! holds a transaction open.

use std::ops::ControlFlow;

use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::{Connection, Row, Rows};

use super::clock::mended_since;
use super::reach::Reach;
use super::snapshot::Snapshot;
use super::sql::one;
use super::tables::{CURRENT, ENDED, types_in};
use super::type_total::{TypeTotal, total_at};
use crate::error::Result;
use crate::time::Instant;

/// The versions of one type in a snapshot, by time and by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The type.
    pub resource_type: String,
    /// Only versions with `meta.lastUpdated` strictly after this time.
    pub since: Option<Instant>,
    /// Only versions with `meta.lastUpdated` strictly before this time.
    pub until: Option<Instant>,
    /// The lowest number.
    pub first: i64,
    /// The highest number.
    pub last: i64,
}

impl Selection {
    /// All versions of a type.
    pub fn all(resource_type: &str, of: &Snapshot) -> Selection {
        Selection {
            resource_type: resource_type.to_owned(),
            since: None,
            until: None,
            first: 0,
            last: of.seq(),
        }
    }
}

/// The number and the size of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionSize {
    /// Its number.
    pub seq: i64,
    /// Bytes of its body.
    pub size: u64,
}

/// The condition of a selection: ?1 is the type, ?2 and ?3 are the times, ?4 and ?5 the numbers.
const RANGE: &str =
    "type = (SELECT code FROM resource_type WHERE name = ?1) AND last_updated > ?2 AND last_updated < ?3
     AND seq >= ?4 AND seq <= ?5";

/// The condition of a selection at any time: it does not look at times.
const RANGE_AT_ANY_TIME: &str =
    "type = (SELECT code FROM resource_type WHERE name = ?1) AND seq >= ?4 AND seq <= ?5";

/// The condition for rows of [`ENDED`] that the snapshot with the number ?6 still sees.
const STILL_SEEN: &str = "ended > ?6 AND size > 0";

/// The index of current versions that belong to users.
const BY_OWNER: &str = "current_by_owner";

/// The values of [`RANGE`].
type RangeValues<'s> = (&'s str, i64, i64, i64, i64);

impl Snapshot {
    /// Lists the types that may have versions in the snapshot, in order.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn types(&self) -> Result<Vec<String>> {
        let conn = self.store().reader()?;
        let mut types = types_in(&conn, CURRENT)?;
        if has_superseded(&conn, self.seq())? {
            types.extend(types_in(&conn, ENDED)?);
            types.sort();
            types.dedup();
        }
        Ok(types)
    }

    /// Counts what is selected; `None` for nothing.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn total(&self, selection: &Selection) -> Result<Option<TypeTotal>> {
        let mut conn = self.store().reader()?;
        let transaction = conn.transaction()?;
        if self.reach() == Reach::Everything
            && let (None, None) = (selection.since, selection.until)
        {
            let whole = total_at(&transaction, &selection.resource_type, self.seq())?;
            let has_all =
                |whole: &TypeTotal| selection.first <= whole.first && whole.last <= selection.last;
            if whole.as_ref().is_none_or(has_all) {
                return Ok(whole);
            }
        }
        // A selection by time is found by time.
        let index = match (self.reach(), selection.since) {
            (Reach::User(_) | Reach::Users(_), _) => BY_OWNER,
            (_, Some(_)) => "current_by_time",
            (_, None) => "current_by_type",
        };
        let (current, superseded) = self.conditions();
        let what = "SELECT count(*), coalesce(sum(size), 0), min(seq), max(seq) FROM";
        let range = self.range(&transaction, selection)?;
        let read = |row: &Row<'_>| {
            Ok((
                row.get::<_, u64>(0)?,
                row.get::<_, u64>(1)?,
                row.get::<_, Option<i64>>(2)?,
                row.get::<_, Option<i64>>(3)?,
            ))
        };
        let sql = format!("{what} {CURRENT} INDEXED BY {index} WHERE {RANGE}{current}");
        let mut sums = vec![one(&transaction, &sql, range, read)?];
        if has_superseded(&transaction, self.seq())? {
            let sql = format!(
                "{what} {ENDED} INDEXED BY ended_by_type WHERE {RANGE} AND {STILL_SEEN}{superseded}"
            );
            sums.push(one(
                &transaction,
                &sql,
                self.range_in_history(&transaction, selection)?,
                read,
            )?);
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

    /// Calls `each` with the number and size of every selected version, in order of the numbers,
    /// until it breaks off.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn for_each_size(
        &self,
        selection: &Selection,
        mut each: impl FnMut(VersionSize) -> ControlFlow<()>,
    ) -> Result<()> {
        self.for_each_row("size", "", selection, |_, seq, row| {
            Ok(each(VersionSize { seq, size: row.get(1)? }))
        })
        .map(drop)
    }

    /// Calls `each` with the number of every selected version, in order. An index lists them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn for_each_seq(
        &self,
        selection: &Selection,
        mut each: impl FnMut(i64),
    ) -> Result<()> {
        let each = |_: &Connection, seq, _: &Row<'_>| {
            each(seq);
            Ok(ControlFlow::Continue(()))
        };
        self.for_each_row("NULL", "", selection, each).map(drop)
    }

    /// Lists the numbers and sizes of all selected versions.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn sizes(&self, selection: &Selection) -> Result<Vec<VersionSize>> {
        let mut sizes = Vec::new();
        self.for_each_size(selection, |size| {
            sizes.push(size);
            ControlFlow::Continue(())
        })?;
        Ok(sizes)
    }

    /// Sums up `what` over the rows of `attachment_url` that belong to the selected versions and meet
    /// `condition`. In both, ?6 is the number of the snapshot, and ?7 is `value`.
    pub(super) fn sum_of_urls(
        &self,
        selection: &Selection,
        what: &str,
        condition: &str,
        value: u64,
    ) -> Result<i64> {
        let mut conn = self.store().reader()?;
        // In one transaction: a version that is replaced between two statements would count twice.
        let conn = conn.transaction()?;
        // CROSS JOIN starts from `attachment_url`, which has few rows.
        let sum = |table: &str, seen: &str| {
            format!(
                "SELECT {what} FROM attachment_url CROSS JOIN {table} USING (seq)
                  WHERE ?6 = ?6 AND {condition} AND {RANGE}{seen}"
            )
        };
        let (current, superseded) = self.conditions();
        let (resource_type, since, until, first, last) = self.range(&conn, selection)?;
        let values = (resource_type, since, until, first, last, self.seq(), value);
        let mut found: i64 = one(&conn, &sum(CURRENT, &current), values, |row| row.get(0))?;
        if has_superseded(&conn, self.seq())? {
            let sql = sum(ENDED, &format!(" AND {STILL_SEEN}{superseded}"));
            found += one(&conn, &sql, values, |row| row.get::<_, i64>(0))?;
        }
        Ok(found)
    }

    /// The conditions of the snapshot's reach, for [`CURRENT`] and for [`ENDED`].
    fn conditions(&self) -> (String, String) {
        (self.reach().condition(CURRENT), self.reach().condition(ENDED))
    }

    /// The values of [`RANGE`].
    fn range<'s>(&self, conn: &Connection, of: &'s Selection) -> Result<RangeValues<'s>> {
        let since = match of.since {
            Some(since) => mended_since(conn, self.store().now(), since)?.micros(),
            None => i64::MIN,
        };
        Ok((
            &of.resource_type,
            since,
            of.until.map_or(i64::MAX, Instant::micros),
            of.first,
            of.last.min(self.seq()),
        ))
    }

    /// The values of [`RANGE`] and [`STILL_SEEN`].
    fn range_in_history<'s>(
        &self,
        conn: &Connection,
        of: &'s Selection,
    ) -> Result<(&'s str, i64, i64, i64, i64, i64)> {
        let (resource_type, since, until, first, last) = self.range(conn, of)?;
        Ok((resource_type, since, until, first, last, self.seq()))
    }

    /// Calls `each` with the rows (seq, `column`) of current and superseded versions, with what `join` adds, merged in order
    /// of the numbers, in one read transaction. Returns the number at which `each` broke off.
    pub(super) fn for_each_row(
        &self,
        column: &str,
        join: &str,
        selection: &Selection,
        mut each: impl FnMut(&Connection, i64, &Row<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<Option<i64>> {
        let mut conn = self.store().reader()?;
        let transaction = conn.transaction()?;
        let (current, superseded) = self.conditions();
        let index = match self.reach() {
            Reach::User(_) => BY_OWNER,
            _ => "current_by_type",
        };
        let range = match (selection.since, selection.until) {
            (None, None) => RANGE_AT_ANY_TIME,
            _ => RANGE,
        };
        let mut current = transaction.prepare_cached(&format!(
            "SELECT seq, {column} FROM {CURRENT} INDEXED BY {index}{join}
              WHERE {range}{current} ORDER BY seq"
        ))?;
        let mut superseded = if has_superseded(&transaction, self.seq())? {
            Some(transaction.prepare_cached(&format!(
                "SELECT seq, {column} FROM {ENDED} INDEXED BY ended_by_type{join}
                  WHERE {range} AND {STILL_SEEN}{superseded} ORDER BY seq"
            ))?)
        } else {
            None
        };
        let mut current = current.query(self.range(&transaction, selection)?)?;
        let mut superseded = match &mut superseded {
            Some(statement) => {
                Some(statement.query(self.range_in_history(&transaction, selection)?)?)
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
                && each(&transaction, seq, row)?.is_break()
            {
                return Ok(Some(seq));
            }
            let next = step(rows)?;
            if from_current {
                next_current = next;
            } else {
                next_superseded = next;
            }
        }
    }
}

/// Goes to the next row; returns its number.
fn step(rows: &mut Rows<'_>) -> Result<Option<i64>> {
    rows.advance()?;
    Ok(rows.get().map(|row| row.get(0)).transpose()?)
}

/// True where any version was replaced or deleted after `seq`.
fn has_superseded(conn: &Connection, seq: i64) -> Result<bool> {
    one(conn, "SELECT EXISTS (SELECT 1 FROM ended_version WHERE ended > ?1)", [seq], |row| {
        row.get(0)
    })
}
