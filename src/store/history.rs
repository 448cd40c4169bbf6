//! The history of resources: what happened to them, newest first, a page at a time.
//!
//! <https://hl7.org/fhir/R4/http.html#history>. Each version is an event, and so is each deletion. Their order is that
//! of the writes, and a page is cut at the number of a write: later writes come before the first page, so they neither
//! move nor repeat anything. Pruned versions are absent. `history_sql.rs` has the statements.

use std::collections::BTreeSet;

use rusqlite::{Connection, ToSql};

use super::checksum::damaged_version;
use super::clock::mended_since;
use super::history_sql::HistoryShape;
use super::prune::LAST_PRUNED;
use super::read::{StoredVersion, VisibleStore, columns, found_version};
use super::sql::{all, maybe, one, setting};
use super::tables::ENDED;
use crate::error::Result;
use crate::time::Instant;

/// A page ends with the version whose body makes it as long as this, in bytes.
const MOST_BYTES: usize = 8 << 20;
/// Up to so many versions are found by their time and sorted; more are gone through in the order of their numbers.
const MOST_SORTED: i64 = 10_000;

/// Which part of the history is wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct HistoryQuery {
    /// Only these types; `None` for all.
    pub types: Option<BTreeSet<String>>,
    /// Only the resource of the one type with this id.
    pub id: Option<String>,
    /// Only what happened at this time or later.
    pub since: Option<Instant>,
    /// Only what happened before the write with this number.
    pub before: Option<i64>,
    /// The most events.
    pub most: usize,
}

/// A version with its type.
pub(crate) struct TypedVersion {
    /// The type.
    pub resource_type: String,
    /// The version.
    pub version: StoredVersion,
}

/// What happened to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// It is new.
    Created,
    /// It was deleted, and is there again.
    Revived,
    /// It was there before, perhaps with versions that were pruned.
    Updated,
    /// It was deleted.
    Deleted,
}

/// Something that happened to a resource.
#[derive(Clone, Debug)]
pub(crate) struct HistoryEvent {
    /// The number of the write.
    pub number: i64,
    /// What happened.
    pub kind: EventKind,
    /// The type of the resource.
    pub resource_type: String,
    /// The version that came of it. Of a deletion: the id, and the time.
    pub version: StoredVersion,
}

/// A part of a history, newest first.
#[derive(Clone, Debug)]
pub(crate) struct HistoryPage {
    /// What happened, newest first.
    pub events: Vec<HistoryEvent>,
    /// How many there are in all; `None` where counting takes long.
    pub total: Option<u64>,
    /// True where older ones follow.
    pub has_more: bool,
    /// True where versions of the store were pruned, perhaps some that are wanted.
    pub is_pruned: bool,
}

/// The place of an event.
#[derive(Clone, Copy)]
struct EventRow {
    number: i64,
    type_code: i64,
    /// The number of the version.
    seq: i64,
    is_deletion: bool,
}

/// A read of the history in one transaction.
struct HistoryRead<'r> {
    seen: &'r VisibleStore,
    conn: &'r Connection,
    query: &'r HistoryQuery,
    since: i64,
    /// The wanted types: codes and names.
    types: Vec<(i64, String)>,
    is_pruned: bool,
}

impl VisibleStore {
    /// Reads a page of the history.
    ///
    /// # Errors
    /// `Damaged` where a version is not as it was stored; where the store cannot be read.
    pub(crate) fn history(&self, query: &HistoryQuery) -> Result<HistoryPage> {
        let mut conn = self.store().reader()?;
        let transaction = conn.transaction()?;
        let since = match query.since {
            Some(since) => mended_since(&transaction, self.store().now(), since)?.micros(),
            None => i64::MIN,
        };
        let sql = "SELECT code, name FROM resource_type ORDER BY code";
        let mut types: Vec<(i64, String)> =
            all(&transaction, sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        types.retain(|(_, name)| query.types.as_ref().is_none_or(|types| types.contains(name)));
        let is_pruned = setting(&transaction, LAST_PRUNED)? > 0;
        HistoryRead { seen: self, conn: &transaction, query, since, types, is_pruned }.page()
    }

    /// Reads versions by their numbers, as long as they are not many bytes; those that are pruned or out of reach are
    /// missing. Returns how many of the numbers it went through, too.
    ///
    /// # Errors
    /// `Damaged` where a version is not as it was stored; where the store cannot be read.
    pub(crate) fn numbered(&self, numbers: &[i64]) -> Result<(Vec<TypedVersion>, usize)> {
        let mut conn = self.store().reader()?;
        let transaction = conn.transaction()?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        for (index, seq) in numbers.iter().enumerate() {
            if bytes >= MOST_BYTES {
                return Ok((found, index));
            }
            for (view, more) in [("resource", ""), ("history", " AND size > 0")] {
                let sql = format!(
                    "SELECT {}, type FROM {view} WHERE seq = ?1{more}{}",
                    columns(view, &[("seq", "?1")]),
                    self.reach().condition(view)
                );
                let row = maybe(&transaction, &sql, [seq], |row| {
                    Ok((row.get::<_, String>(6)?, found_version(row)?))
                })?;
                if let Some((resource_type, version)) = row {
                    let version = self.intact(&transaction, &resource_type, version)?;
                    bytes += version.body.len();
                    found.push(TypedVersion { resource_type, version });
                    break;
                }
            }
        }
        Ok((found, numbers.len()))
    }
}

impl HistoryRead<'_> {
    fn shape(&self) -> HistoryShape {
        HistoryShape {
            reach: self.seen.reach(),
            has_id: self.query.id.is_some(),
            has_since: self.query.since.is_some(),
            are_few: false,
        }
    }

    fn before(&self) -> i64 {
        self.query.before.unwrap_or(i64::MAX)
    }

    fn page(self) -> Result<HistoryPage> {
        let HistoryQuery { most, id, before, .. } = self.query;
        let mut rows = if *most == 0 { Vec::new() } else { self.rows(*most + 1)? };
        let mut has_more = rows.len() > *most;
        rows.truncate(*most);
        let (mut events, mut bytes) = (Vec::with_capacity(rows.len()), 0);
        for row in &rows {
            if bytes >= MOST_BYTES {
                has_more = true;
                break;
            }
            let event = self.event(row)?;
            bytes += event.version.body.len();
            events.push(event);
        }
        let total = match (before, has_more) {
            _ if id.is_some() || *most == 0 => Some(self.count()?),
            (None, false) => Some(events.len() as u64),
            _ => None,
        };
        Ok(HistoryPage { events, total, has_more, is_pruned: self.is_pruned })
    }

    /// The latest `limit` events, newest first.
    fn rows(&self, limit: usize) -> Result<Vec<EventRow>> {
        let mut rows = Vec::new();
        for (type_code, _) in &self.types {
            let shape = self.shape_for(*type_code)?;
            let current = format!("{} ORDER BY seq DESC LIMIT ?4", shape.current("seq"));
            let order = shape.order_of_ended();
            let ended = format!("{} ORDER BY {order} DESC LIMIT ?4", shape.ended("seq"));
            for sql in [current, ended] {
                let limit = limit as i64;
                let seqs = self.with_values(&sql, *type_code, limit, |row| row.get::<_, i64>(0))?;
                rows.extend(seqs.into_iter().map(|seq| EventRow {
                    number: seq,
                    type_code: *type_code,
                    seq,
                    is_deletion: false,
                }));
            }
        }
        newest(&mut rows, limit);
        // Older deletions are for a later page.
        let after = if rows.len() < limit { 0 } else { rows.last().map_or(0, |row| row.number) };
        if let Some(codes) = self.codes() {
            let deletions = self.shape().deletions("ended, type, seq", &codes);
            let sql = format!("{deletions} ORDER BY ended DESC LIMIT ?4");
            rows.extend(self.with_values(&sql, after, limit as i64, |row| {
                Ok(EventRow {
                    number: row.get(0)?,
                    type_code: row.get(1)?,
                    seq: row.get(2)?,
                    is_deletion: true,
                })
            })?);
            newest(&mut rows, limit);
        }
        Ok(rows)
    }

    /// The codes of the wanted types, for [`HistoryShape::deletions`]; `None` where the store has none of them.
    fn codes(&self) -> Option<Vec<i64>> {
        if self.types.is_empty() {
            return None;
        }
        let codes = self.types.iter().map(|(code, _)| *code);
        Some(self.query.types.as_ref().map_or_else(Vec::new, |_| codes.collect()))
    }

    /// The shape for a type: where few versions are as young as is wanted, they are found by their time.
    fn shape_for(&self, type_code: i64) -> Result<HistoryShape> {
        let shape = self.shape();
        if !shape.has_since || shape.has_id {
            return Ok(shape);
        }
        let by_time = HistoryShape { are_few: true, ..shape };
        let sql = format!("SELECT count(*) FROM ({} LIMIT ?4)", by_time.current("1"));
        let young =
            self.with_values(&sql, type_code, MOST_SORTED + 1, |row| row.get::<_, i64>(0))?;
        Ok(HistoryShape { are_few: young.first().is_some_and(|n| *n <= MOST_SORTED), ..shape })
    }

    /// Counts all events, whatever page is wanted.
    fn count(&self) -> Result<u64> {
        let query = HistoryQuery { before: None, ..self.query.clone() };
        let whole = HistoryRead { query: &query, types: self.types.clone(), ..*self };
        let shape = whole.shape();
        let mut statements = Vec::new();
        for (code, _) in &whole.types {
            statements.push((shape.current("count(*)"), *code));
            statements.push((shape.ended("count(*)"), *code));
        }
        if let Some(codes) = whole.codes() {
            statements.push((shape.deletions("count(*)", &codes), 0));
        }
        let mut count = 0;
        for (sql, first) in statements {
            let sql = format!("{sql} LIMIT ?4");
            let counts = whole.with_values(&sql, first, -1, |row| row.get::<_, i64>(0))?;
            count += counts.into_iter().sum::<i64>().unsigned_abs();
        }
        Ok(count)
    }

    /// Reads all rows of a statement of [`HistoryShape`] with a limit.
    fn with_values<T>(
        &self,
        sql: &str,
        first: i64,
        limit: i64,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let before = self.before();
        let mut values: Vec<&dyn ToSql> = vec![&first, &before, &self.since, &limit];
        values.extend(self.query.id.iter().map(|id| id as &dyn ToSql));
        all(self.conn, sql, &*values, read)
    }

    /// Reads what is told of an event.
    fn event(&self, row: &EventRow) -> Result<HistoryEvent> {
        let EventRow { number, type_code, seq, is_deletion } = *row;
        let named = self.types.iter().find(|(code, _)| *code == type_code);
        let resource_type = named.map(|(_, name)| name.clone()).unwrap_or_default();
        if is_deletion {
            return self.deletion(resource_type, number, seq);
        }
        let reach = self.seen.reach();
        let earlier = format!(
            "(SELECT deleted FROM {ENDED} AS earlier INDEXED BY ended_identity
               WHERE earlier.type = ?2 AND earlier.id = version.id AND earlier.ended <= ?1{}
               ORDER BY earlier.ended DESC LIMIT 1)",
            reach.condition("earlier")
        );
        for view in ["resource", "history"] {
            let sql = format!(
                "SELECT {}, {earlier} FROM {view} AS version WHERE seq = ?1{}",
                columns(view, &[("seq", "?1")]),
                reach.condition("version")
            );
            let found = maybe(self.conn, &sql, (seq, type_code), |row| {
                Ok((found_version(row)?, row.get::<_, Option<bool>>(6)?))
            })?;
            let Some((version, was_deleted)) = found else { continue };
            let version = self.seen.intact(self.conn, &resource_type, version)?;
            let kind = match was_deleted {
                Some(true) => EventKind::Revived,
                Some(false) => EventKind::Updated,
                // The versions before this one may have been pruned.
                None if self.is_pruned && version.version_id != "1" => EventKind::Updated,
                None => EventKind::Created,
            };
            return Ok(HistoryEvent { number, kind, resource_type, version });
        }
        Err(damaged_version(self.conn, seq))
    }

    /// Reads a deletion, whose version is there with or without its body.
    fn deletion(&self, resource_type: String, number: i64, seq: i64) -> Result<HistoryEvent> {
        let sql = format!(
            "SELECT {}, ended_at FROM history WHERE seq = ?1{}",
            columns("history", &[("seq", "?1"), ("ended", "?2")]),
            self.seen.reach().condition("history")
        );
        let (found, ended_at) = one(self.conn, &sql, (seq, number), |row| {
            Ok((found_version(row)?, row.get::<_, i64>(6)?))
        })?;
        if !found.is_intact {
            return Err(damaged_version(self.conn, seq));
        }
        let version = StoredVersion {
            last_updated: Instant::from_micros(ended_at),
            body: String::new(),
            ..found.version
        };
        Ok(HistoryEvent { number, kind: EventKind::Deleted, resource_type, version })
    }
}

/// Leaves the latest `limit` events, newest first.
fn newest(rows: &mut Vec<EventRow>, limit: usize) {
    rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.number));
    rows.truncate(limit);
}
