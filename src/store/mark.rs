//! Marks: random numbers that tell the histories of copies apart.
//!
//! Each transaction that changes resources leaves a random mark with the number of its last write.
//! A copy of the file has the marks of the history that it shares with the original. Where the two go
//! on by themselves, they use the same numbers again, with other marks. So a number together with its
//! mark names one state of one history.

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::snapshot::Snapshot;
use super::sql::{maybe, one, run, setting};
use crate::error::{Error, Kind, Result};
use crate::random;

/// Selects the mark in force at the write ?1, as hexadecimal digits.
const MARK_AT: &str = "SELECT lower(hex(mark)) FROM write_mark WHERE seq <= ?1
                        ORDER BY seq DESC LIMIT 1";

impl Snapshot {
    /// The mark of the snapshot's history: 32 hexadecimal digits. No other history of a copy has the
    /// same number and the same mark.
    ///
    /// # Errors
    /// `Damaged` where it is missing; where the store cannot be read.
    pub(crate) fn mark(&self) -> Result<String> {
        maybe(&*self.store().reader()?, MARK_AT, [self.seq()], |row| row.get(0))?.ok_or_else(|| {
            Error::new(Kind::Damaged, format!("the mark of write {} is missing", self.seq()))
        })
    }

    /// True if the snapshot's mark begins so.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn has_mark_with(&self, beginning: &str) -> Result<bool> {
        let conn = self.store().reader()?;
        let mark: Option<String> = maybe(&conn, MARK_AT, [self.seq()], |row| row.get(0))?;
        Ok(mark.is_some_and(|mark| mark.starts_with(beginning)))
    }

    /// True if the store's own history has this mark at the snapshot. Without a mark: true if the
    /// snapshot is of the time before stores had marks, which is format 3.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn has_mark(&self, mark: Option<&str>) -> Result<bool> {
        let (conn, seq) = (self.store().reader()?, self.seq());
        match mark {
            Some(mark) => {
                let found: Option<String> = maybe(&conn, MARK_AT, [seq], |row| row.get(0))?;
                Ok(found.as_deref() == Some(mark))
            }
            None => {
                let sql = "SELECT ?1 <= coalesce(min(seq), 0) FROM write_mark";
                one(&conn, sql, [seq], |row| row.get(0))
            }
        }
    }
}

/// Adds a random mark for the write `seq`, the last one of its transaction.
pub(super) fn add_mark(conn: &Connection, seq: i64) -> Result<()> {
    insert_mark(conn, seq, &random::bytes::<16>()?)
}

/// Adds the mark of all writes up to the upgrade from format 3 or earlier.
///
/// It is not random: a store that cannot be written is upgraded anew at each start, and its file names
/// stay valid. Copies that went on by themselves before the upgrade differ in what the mark is made of.
pub(super) fn add_mark_of_upgrade(conn: &Connection) -> Result<()> {
    let sql = "SELECT value FROM setting WHERE name = 'signing_key'";
    let key: Vec<u8> = one(conn, sql, (), |row| row.get(0))?;
    let (seq, time) = (setting(conn, "last_seq")?, setting(conn, "last_write_time")?);
    let mut hash = Sha256::new();
    hash.update(b"the mark of an upgrade");
    hash.update(key);
    hash.update(seq.to_be_bytes());
    hash.update(time.to_be_bytes());
    insert_mark(conn, seq, &hash.finalize()[..16])
}

fn insert_mark(conn: &Connection, seq: i64, mark: &[u8]) -> Result<()> {
    let sql = "INSERT INTO write_mark (seq, mark) VALUES (?1, ?2)";
    run(conn, sql, (seq, mark)).map(drop)
}
