//! Single versions of a snapshot: by identity, by number, by the patients they are about.
//!
//! A snapshot's ranges are in `snapshot.rs`. What is here finds one thing after the other on one
//! connection, some thousand of them in one read transaction: beginning one takes longer than
//! finding something. Versions only ever move from `resource` to `history`, so looking there first
//! and here next finds each also where a transaction ends in between.

use std::cell::Cell;

use super::open::Reader;
use super::reach::Reach;
use super::snapshot::Snapshot;
use super::sql::{all, maybe, one};
use crate::error::Result;
use crate::time::Instant;

/// A connection to look things up in a snapshot.
pub struct View<'a> {
    conn: Reader<'a>,
    seq: i64,
    /// How often something was looked up in the transaction that is open.
    looked_up: Cell<u32>,
    sql: Sql,
}

/// The statements that are used often, where a version is current and where it is not any more.
struct Sql {
    find: [String; 2],
    with_body: [String; 2],
    without_body: [String; 2],
    /// What versions within reach meet, by their numbers.
    seen: String,
    /// The same, beginning with those within reach.
    all_seen: String,
    /// What deleted ones, called `old`, do.
    old: String,
    /// What current ones do.
    current: String,
    /// What others do.
    superseded: String,
}

impl Sql {
    fn of(reach: Reach) -> Sql {
        let (current, superseded) = (reach.condition("resource"), reach.condition("history"));
        let look = |columns: &str| {
            [
                format!("SELECT {columns} FROM resource WHERE seq = ?1{current}"),
                format!(
                    "SELECT {columns} FROM history
                      WHERE seq = ?1 AND ended > ?2 AND size > 0{superseded}"
                ),
            ]
        };
        Sql {
            find: [
                format!(
                    "SELECT seq FROM resource WHERE id = ?2 AND type = ?1 AND seq <= ?3{current}"
                ),
                format!(
                    "SELECT seq FROM history WHERE type = ?1 AND id = ?2
                        AND ended > ?3 AND seq <= ?3 AND size > 0{superseded}"
                ),
            ],
            with_body: look("seq, type, id, last_updated, size, body"),
            without_body: look("seq, type, id, last_updated, size"),
            seen: reach.condition_on("compartment.seq"),
            all_seen: reach.condition_of_all("compartment.seq"),
            old: reach.condition("old"),
            current,
            superseded,
        }
    }
}

/// After so many look-ups a transaction ends, so that it holds nothing up.
const LOOK_UPS: u32 = 4096;

/// One version, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
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

/// A resource that was deleted and is not there again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The number of its last version.
    pub seq: i64,
    /// The number of the deletion.
    pub ended: i64,
    /// `resourceType`.
    pub resource_type: String,
    /// The logical id.
    pub id: String,
}

impl Snapshot {
    /// A connection to look things up with.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn view(&self) -> Result<View<'_>> {
        Ok(View {
            conn: self.store().reader()?,
            seq: self.seq(),
            looked_up: Cell::new(0),
            sql: Sql::of(self.reach()),
        })
    }
}

impl View<'_> {
    /// Sees to it that a transaction is open, and none for too long.
    fn keep_open(&self) -> Result<()> {
        if self.looked_up.get() >= LOOK_UPS {
            self.pause()?;
        }
        if self.looked_up.replace(self.looked_up.get() + 1) == 0 {
            self.conn.execute_batch("BEGIN")?;
        }
        Ok(())
    }

    /// Ends the transaction that is open: to be called before waiting for anything.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn pause(&self) -> Result<()> {
        match self.looked_up.replace(0) {
            0 => Ok(()),
            _ => Ok(self.conn.execute_batch("COMMIT")?),
        }
    }

    /// The number of the version that a resource has.
    ///
    /// # Errors
    /// Where the store cannot be read, as with all of these.
    pub fn find(&self, resource_type: &str, id: &str) -> Result<Option<i64>> {
        self.keep_open()?;
        let [current, superseded] = &self.sql.find;
        let key = (resource_type, id, self.seq);
        if let Some(seq) = maybe(&self.conn, current, key, |row| row.get(0))? {
            return Ok(Some(seq));
        }
        maybe(&self.conn, superseded, key, |row| row.get(0))
    }

    /// Reads a version with its body; `None` where `seq` is none of this snapshot's.
    pub fn read<T>(&self, seq: i64, read: impl FnOnce(Version, &str) -> T) -> Result<Option<T>> {
        self.look(&self.sql.with_body, seq, |version, row| {
            Ok(read(version, row.get_ref(5)?.as_str()?))
        })
    }

    /// A version without its body; `None` where `seq` is none of this snapshot's.
    pub fn version(&self, seq: i64) -> Result<Option<Version>> {
        self.look(&self.sql.without_body, seq, |version, _| Ok(version))
    }

    fn look<T>(
        &self,
        sql: &[String; 2],
        seq: i64,
        read: impl FnOnce(Version, &rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        if seq > self.seq {
            return Ok(None);
        }
        self.keep_open()?;
        let [current, superseded] = sql;
        let mut statement = self.conn.prepare_cached(current)?;
        let mut rows = statement.query([seq])?;
        if let Some(row) = rows.next()? {
            return Ok(Some(read(version(row)?, row)?));
        }
        let mut statement = self.conn.prepare_cached(superseded)?;
        let mut rows = statement.query((seq, self.seq))?;
        match rows.next()? {
            Some(row) => Ok(Some(read(version(row)?, row)?)),
            None => Ok(None),
        }
    }

    /// The numbers of all versions that are about a patient, of this snapshot and others.
    pub fn about(&self, patient: &str) -> Result<Vec<i64>> {
        let sql = format!(
            "SELECT seq FROM compartment WHERE patient = ?1 AND seq <= ?2{} ORDER BY seq",
            self.sql.seen
        );
        all(&self.conn, &sql, (patient, self.seq), |row| row.get(0))
    }

    /// The numbers of all versions that are about any patient, of this snapshot and others.
    pub fn about_anybody(&self) -> Result<Vec<i64>> {
        let sql = format!(
            "SELECT DISTINCT seq FROM compartment WHERE seq <= ?1{} ORDER BY seq",
            self.sql.all_seen
        );
        all(&self.conn, &sql, [self.seq], |row| row.get(0))
    }

    /// The patients that versions of this snapshot are about, in order of their ids.
    pub fn patients(&self) -> Result<Vec<String>> {
        let sql = format!(
            "SELECT DISTINCT patient FROM compartment WHERE seq <= ?1{} ORDER BY patient",
            self.sql.all_seen
        );
        all(&self.conn, &sql, [self.seq], |row| row.get(0))
    }

    /// The patients that a version is about.
    pub fn patients_of(&self, seq: i64) -> Result<Vec<String>> {
        all(&self.conn, "SELECT patient FROM compartment WHERE seq = ?1", [seq], |row| row.get(0))
    }

    /// True where a version is about any patient.
    pub fn is_about_anybody(&self, seq: i64) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM compartment WHERE seq = ?1)";
        one(&self.conn, sql, [seq], |row| row.get(0))
    }

    /// The versions that have attachments with relative URLs and how many, in order, of this snapshot
    /// and others.
    pub fn relative_urls(&self) -> Result<Vec<(i64, u64)>> {
        let sql = "SELECT seq, relative_urls FROM attachment WHERE seq <= ?1 ORDER BY seq";
        all(&self.conn, sql, [self.seq], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Type and id of a version that is not there any more.
    pub fn deleted(&self, seq: i64) -> Result<Option<(String, String)>> {
        let sql = format!(
            "SELECT type, id FROM history WHERE seq = ?1 AND deleted = 1{}",
            self.sql.superseded
        );
        maybe(&self.conn, &sql, [seq], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The body of a version that is not there any more, where it is still kept.
    pub fn last_body(&self, seq: i64) -> Result<Option<String>> {
        let sql =
            format!("SELECT body FROM history WHERE seq = ?1 AND size > 0{}", self.sql.superseded);
        maybe(&self.conn, &sql, [seq], |row| row.get(0))
    }

    /// What was deleted after `since` and before `until` and is not there, in order of deletion.
    pub fn tombstones(&self, since: Instant, until: Option<Instant>) -> Result<Vec<Tombstone>> {
        let Sql { old, current, superseded, .. } = &self.sql;
        let sql = format!(
            "SELECT seq, ended, type, id FROM history AS old
              WHERE deleted = 1 AND ended <= ?1 AND ended_at > ?2 AND ended_at < ?3{old}
                AND NOT EXISTS (SELECT 1 FROM resource
                                 WHERE id = old.id AND type = old.type AND seq <= ?1{current})
                AND NOT EXISTS (SELECT 1 FROM history
                                 WHERE type = old.type AND id = old.id
                                   AND ended > old.ended AND seq <= ?1{superseded})
              ORDER BY ended"
        );
        let until = until.map_or(i64::MAX, Instant::micros);
        all(&self.conn, &sql, (self.seq, since.micros(), until), tombstone)
    }

    /// The same for one resource.
    pub fn tombstone(
        &self,
        resource_type: &str,
        id: &str,
        since: Instant,
        until: Option<Instant>,
    ) -> Result<Option<Tombstone>> {
        let sql = format!(
            "SELECT seq, ended, type, id FROM history
              WHERE type = ?4 AND id = ?5 AND deleted = 1 AND ended <= ?1
                AND ended_at > ?2 AND ended_at < ?3{} ORDER BY ended DESC LIMIT 1",
            self.sql.superseded
        );
        let until = until.map_or(i64::MAX, Instant::micros);
        let key = (self.seq, since.micros(), until, resource_type, id);
        match self.find(resource_type, id)? {
            Some(_) => Ok(None),
            None => maybe(&self.conn, &sql, key, tombstone),
        }
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        // A connection that is still in a transaction is not used again.
        let _ = self.pause();
    }
}

fn version(row: &rusqlite::Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        seq: row.get(0)?,
        resource_type: row.get(1)?,
        id: row.get(2)?,
        last_updated: Instant::from_micros(row.get(3)?),
        size: row.get(4)?,
    })
}

fn tombstone(row: &rusqlite::Row<'_>) -> rusqlite::Result<Tombstone> {
    Ok(Tombstone {
        seq: row.get(0)?,
        ended: row.get(1)?,
        resource_type: row.get(2)?,
        id: row.get(3)?,
    })
}
