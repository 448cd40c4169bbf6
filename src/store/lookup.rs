//! [`Lookup`]: single versions of a snapshot, by identity or by number.
//!
//! A lookup finds one version after the other on one connection, some thousand in one read
//! transaction, because beginning a transaction takes longer than finding a version. Versions only
//! ever move from `resource` to `history`; looking into them in this order finds each version also
//! where a write comes between two transactions.
//!
//! Ranges of versions are in `selection.rs`, compartments in `compartment.rs`, attachments in
//! `attachment.rs`, deletions in `tombstone.rs`.

use std::cell::Cell;

use rusqlite::Row;

use super::checksum::{BodySum, damaged_version};
use super::large::{large_body, small_body};
use super::reach::Reach;
use super::readers::ReadConnection;
use super::snapshot::Snapshot;
use super::sql::maybe;
use crate::error::Result;
use crate::time::Instant;

/// A connection that looks up versions of one snapshot.
pub struct Lookup<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) conn: ReadConnection<'a>,
    pub(super) seq: i64,
    pub(super) reach: Reach,
    /// How many lookups the open transaction has had; 0 where none is open.
    in_transaction: Cell<u32>,
    sql: LookupStatements,
}

/// The statements that run often, each for `resource` and for `history`.
struct LookupStatements {
    find: [String; 2],
    with_body: [String; 2],
    without_body: [String; 2],
}

impl LookupStatements {
    fn new(reach: Reach) -> LookupStatements {
        let (current, superseded) = (reach.condition("resource"), reach.condition("history"));
        let by_seq = |columns: &str| {
            [
                format!("SELECT {columns} FROM resource WHERE seq = ?1{current}"),
                format!(
                    "SELECT {columns} FROM history
                      WHERE seq = ?1 AND ended > ?2 AND size > 0{superseded}"
                ),
            ]
        };
        LookupStatements {
            find: [
                format!(
                    "SELECT seq FROM resource WHERE id = ?2 AND type = ?1 AND seq <= ?3{current}"
                ),
                format!(
                    "SELECT seq FROM history WHERE type = ?1 AND id = ?2
                        AND ended > ?3 AND seq <= ?3 AND size > 0{superseded}"
                ),
            ],
            with_body: by_seq(&format!(
                "seq, type, id, last_updated, size, body_checksum, {}",
                small_body()
            )),
            without_body: by_seq("seq, type, id, last_updated, size"),
        }
    }
}

/// After so many lookups the read transaction ends, so that it delays no checkpoint for long.
const LOOKUPS_PER_TRANSACTION: u32 = 4096;

/// A version without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionHeader {
    /// Its number.
    pub seq: i64,
    /// `resourceType`.
    pub resource_type: String,
    /// The logical id.
    pub id: String,
    /// `meta.lastUpdated`.
    pub last_updated: Instant,
    /// Bytes of its body.
    pub size: u64,
}

impl Snapshot {
    /// Opens a lookup.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn lookup(&self) -> Result<Lookup<'_>> {
        Ok(Lookup {
            snapshot: self,
            conn: self.store().reader()?,
            seq: self.seq(),
            reach: self.reach(),
            in_transaction: Cell::new(0),
            sql: LookupStatements::new(self.reach()),
        })
    }
}

impl Lookup<'_> {
    /// Begins a read transaction where none is open or the open one has had its share of lookups.
    pub(super) fn begin(&self) -> Result<()> {
        if self.in_transaction.get() >= LOOKUPS_PER_TRANSACTION {
            self.pause()?;
        }
        if self.in_transaction.replace(self.in_transaction.get() + 1) == 0 {
            self.conn.execute_batch("BEGIN")?;
        }
        Ok(())
    }

    /// Ends the read transaction; the next lookup begins one. To be called before waiting for
    /// anything, such as a client.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn pause(&self) -> Result<()> {
        if self.in_transaction.replace(0) > 0 {
            self.conn.execute_batch("COMMIT")?;
        }
        Ok(())
    }

    /// Finds the number of the version that a resource has in the snapshot.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn find(&self, resource_type: &str, id: &str) -> Result<Option<i64>> {
        self.begin()?;
        let [current, superseded] = &self.sql.find;
        let key = (resource_type, id, self.seq);
        if let Some(seq) = maybe(&self.conn, current, key, |row| row.get(0))? {
            return Ok(Some(seq));
        }
        maybe(&self.conn, superseded, key, |row| row.get(0))
    }

    /// Reads a version with its body; `None` where the snapshot does not show `seq`.
    ///
    /// # Errors
    /// `Damaged` where the body is not as it was stored; where the store cannot be read.
    pub fn read<T>(
        &self,
        seq: i64,
        read: impl FnOnce(VersionHeader, &str) -> T,
    ) -> Result<Option<T>> {
        let found = self.look_up(&self.sql.with_body, seq, |version, row| {
            let Some(body) = row.get_ref(6)?.as_str_or_null().map_err(rusqlite::Error::from)?
            else {
                let _right = self.snapshot.large_body_right()?;
                let resource_type = version.resource_type.clone();
                let read = |body: &str| read(version, body);
                return large_body(&self.conn, (&resource_type, seq), read).map(Some);
            };
            let sum = BodySum::of_type(version.resource_type.as_bytes()).of(seq, body.as_bytes());
            let is_intact = row.get_ref(5)?.as_i64() == Ok(sum);
            Ok(is_intact.then(|| read(version, body)))
        })?;
        found.map(|read| read.ok_or_else(|| damaged_version(&self.conn, seq))).transpose()
    }

    /// Reads a version without its body; `None` where the snapshot does not show `seq`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn version(&self, seq: i64) -> Result<Option<VersionHeader>> {
        self.look_up(&self.sql.without_body, seq, |version, _| Ok(version))
    }

    fn look_up<T>(
        &self,
        sql: &[String; 2],
        seq: i64,
        read: impl FnOnce(VersionHeader, &Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        if seq > self.seq {
            return Ok(None);
        }
        self.begin()?;
        let [current, superseded] = sql;
        let mut statement = self.conn.prepare_cached(current)?;
        let mut rows = statement.query([seq])?;
        if let Some(row) = rows.next()? {
            return Ok(Some(read(version_header(row)?, row)?));
        }
        let mut statement = self.conn.prepare_cached(superseded)?;
        let mut rows = statement.query((seq, self.seq))?;
        match rows.next()? {
            Some(row) => Ok(Some(read(version_header(row)?, row)?)),
            None => Ok(None),
        }
    }
}

impl Drop for Lookup<'_> {
    fn drop(&mut self) {
        // If this fails, the pool closes the connection.
        let _ = self.pause();
    }
}

/// The version in a row of seq, type, id, last_updated and size.
pub(super) fn version_header(row: &Row<'_>) -> rusqlite::Result<VersionHeader> {
    Ok(VersionHeader {
        seq: row.get(0)?,
        resource_type: row.get(1)?,
        id: row.get(2)?,
        last_updated: Instant::from_micros(row.get(3)?),
        size: row.get(4)?,
    })
}
