//! The way in: one writer at a time, one transaction for each input file.
//!
//! Every write takes the next `seq`. Everything a transaction stamps gets the same time, which is
//! later than any transactionTime handed out before: so a version is in exactly one of
//! export(t) and export(_since=t).

use std::collections::BTreeMap;
use std::sync::MutexGuard;

use rusqlite::Connection;

use super::bulk::{self, Dropped, Known};
use super::open::{Store, WRITER_CACHE};
use super::owner::NOBODY;
use super::read::find;
use super::sql::{all, maybe, one, run, set_setting, setting};
use crate::error::{Error, Kind, Result};
use crate::fhir::resource::{Assigned, Resource, Stamp};
use crate::fhir::search::Condition;
use crate::time::Instant;

/// Below this many bytes of input the indexes are not worth taking away.
const BULK_BYTES: u64 = 8 << 20;

/// Page cache while indexes are built, in KiB.
const SORTING_CACHE: i32 = -16 * 1024;

/// A transaction that takes less than this, in microseconds, is at one time.
pub(super) const SHORT: i64 = 1_000_000;

/// Before every time that a resource could have.
const NEVER: Instant = Instant::from_micros(i64::MIN);

/// What became of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    Created,
    /// It was there with other content, which is history now.
    Updated,
    /// It was there with the same content.
    Unchanged,
    /// It had this content when the transaction began and other content in between: it is as it
    /// was, and so many updates never happened.
    Restored(u64),
    /// It is somebody else's, and stayed as it was.
    Refused {
        /// Whose: [`NOBODY`](super::owner::NOBODY)'s, or a user's.
        owner: i64,
    },
}

/// What to do with a `meta.lastUpdated` and `meta.versionId` that came along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stamping {
    /// Keep them; set only what is missing.
    #[default]
    Keep,
    /// Set both always, as a server would.
    Always,
}

/// What a condition found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// No resource.
    None,
    /// The one with this id.
    One(String),
    /// Several: these and perhaps more.
    Several(Vec<String>),
}

impl Match {
    /// From the ids found.
    pub fn of(mut ids: Vec<String>) -> Match {
        ids.sort();
        ids.dedup();
        match ids.len() {
            0 => Match::None,
            1 => Match::One(ids.remove(0)),
            _ => Match::Several(ids),
        }
    }
}

/// A current version that still holds conditional references.
pub struct Pending {
    /// Its number.
    pub seq: i64,
    /// Its text as it is kept.
    pub body: String,
    hash: Vec<u8>,
    assigned: Assigned,
    version_id: String,
}

/// The writer, and the transaction it is in.
pub struct Writer<'a> {
    store: &'a Store,
    pub(super) conn: MutexGuard<'a, Connection>,
    /// Known while no one else can have added anything since the store was empty.
    known: Option<Known>,
    /// The indexes, while they are left out.
    dropped: Option<Dropped>,
    pub(super) has_history: bool,
    /// Whether anything can belong to anybody.
    pub(super) has_users: bool,
    /// Whose what is written is.
    pub(super) owner: i64,
    loaded: u64,
    seq: i64,
    /// `seq` when the transaction began.
    began: i64,
    /// The last row of `identifier` when it began.
    identifiers_before: i64,
    time: Instant,
    /// `time` as it is written.
    time_text: String,
    handed_out: Instant,
    late: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(store: &'a Store, conn: MutexGuard<'a, Connection>) -> Result<Writer<'a>> {
        let empty =
            "SELECT NOT EXISTS (SELECT 1 FROM resource) AND NOT EXISTS (SELECT 1 FROM history)";
        let empty: bool = one(&conn, empty, (), |row| row.get(0))?;
        // Loading an empty store through a log would write everything twice, and nobody reads it.
        if !empty {
            store.share()?;
        }
        Ok(Writer {
            store,
            known: empty.then(Known::default),
            seq: setting(&conn, "last_seq")?,
            conn,
            dropped: None,
            began: 0,
            identifiers_before: 0,
            has_history: true,
            has_users: true,
            owner: NOBODY,
            loaded: 0,
            time: Instant::default(),
            time_text: String::new(),
            handed_out: NEVER,
            late: 0,
        })
    }

    /// Begins a transaction for an input of about `bytes` (`None`: unknown). Waits a while for
    /// another process's to end.
    ///
    /// # Errors
    /// `Busy` when that takes too long.
    pub fn begin(&mut self, bytes: Option<u64>) -> Result<()> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        let last_seq = setting(&self.conn, "last_seq")?;
        if last_seq != self.seq {
            self.known = None;
            self.seq = last_seq;
        }
        self.began = last_seq;
        let sql = "SELECT coalesce(max(rowid), 0) FROM identifier";
        self.identifiers_before = one(&self.conn, sql, (), |row| row.get(0))?;
        self.has_history =
            one(&self.conn, "SELECT EXISTS (SELECT 1 FROM history)", (), |row| row.get(0))?;
        self.look_for_users()?;
        self.handed_out = match setting(&self.conn, "last_transaction_time")? {
            0 => NEVER,
            time => Instant::from_micros(time),
        };
        // Later than everything that a manifest may have said: a transactionTime handed out, or,
        // where that could not be noted, the time of the last write.
        let said =
            self.handed_out.max(Instant::from_micros(setting(&self.conn, "last_write_time")?));
        self.time = self.store.now().max(said.next_millisecond());
        self.time_text = self.time.to_string();
        let worth = match bytes {
            Some(bytes) => bytes >= BULK_BYTES.max(self.loaded),
            None => self.loaded == 0,
        };
        if worth && self.known.is_some() {
            self.dropped = Some(bulk::drop_indexes(&self.conn)?);
        }
        self.loaded += bytes.unwrap_or(0);
        Ok(())
    }

    /// Makes the transaction permanent.
    ///
    /// # Errors
    /// Where the disk refuses; then nothing of it is kept.
    pub fn commit(&mut self) -> Result<()> {
        self.restore_indexes()?;
        if self.seq > self.began {
            let time = self.ended_at_last()?;
            set_setting(&self.conn, "last_seq", self.seq)?;
            set_setting(&self.conn, "last_write_time", time.micros())?;
        }
        self.conn.execute_batch("COMMIT")?;
        // From now on there is something to read, and readers must not be kept waiting.
        self.store.share()
    }

    /// What this transaction replaces or deletes is there for everybody else until now, however long
    /// it took: versions are kept for a time from then on. The time of the write as a whole.
    fn ended_at_last(&self) -> Result<Instant> {
        let now = self.store.now();
        if now.micros() - self.time.micros() < SHORT {
            return Ok(self.time);
        }
        let sql = "UPDATE history SET ended_at = ?2 WHERE ended > ?1";
        run(&self.conn, sql, (self.began, now.micros()))?;
        Ok(now)
    }

    /// Undoes the transaction.
    ///
    /// # Errors
    /// Where there is none.
    pub fn rollback(&mut self) -> Result<()> {
        self.dropped = None;
        self.known = None;
        self.conn.execute_batch("ROLLBACK")?;
        self.seq = setting(&self.conn, "last_seq")?;
        Ok(())
    }

    /// How many resources came with a `meta.lastUpdated` that is not after the last
    /// transactionTime handed out: an incremental export since then will not see them.
    pub fn late(&self) -> u64 {
        self.late
    }

    pub(super) fn restore_indexes(&mut self) -> Result<()> {
        match self.dropped.take() {
            Some(dropped) => {
                // Each of the sorting threads takes as much as the page cache may have.
                self.conn.pragma_update(None, "cache_size", SORTING_CACHE)?;
                dropped.restore(&self.conn)?;
                self.conn.pragma_update(None, "cache_size", WRITER_CACHE)?;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// True if the resource may be there; the indexes are there whenever the answer is yes.
    fn may_be_there(&mut self, resource_type: &str, id: &str) -> Result<bool> {
        let Some(known) = &mut self.known else {
            return Ok(true);
        };
        if known.insert(resource_type, id) {
            if known.is_full() {
                self.known = None;
                self.restore_indexes()?;
                // Not there before this row; from the next one on the index is asked.
            }
            return Ok(false);
        }
        self.restore_indexes()?;
        Ok(true)
    }

    /// Creates or updates a resource; `unresolved` are the conditional references left in it.
    ///
    /// # Errors
    /// `Invalid` for a `meta.lastUpdated` that is no time; else where the disk refuses.
    pub fn put(
        &mut self,
        resource: &Resource,
        stamping: Stamping,
        unresolved: &[String],
    ) -> Result<Change> {
        let there = match self.may_be_there(&resource.resource_type, &resource.id)? {
            true => {
                if let Some(owner) = self.another_owner(&resource.resource_type, &resource.id)? {
                    return Ok(Change::Refused { owner });
                }
                self.existing(resource)?
            }
            false => None,
        };
        let version_id = match &there {
            Some((_, _, hash)) if *hash == resource.hash => return Ok(Change::Unchanged),
            Some((seq, version_id, _)) => {
                let same = "SELECT body = ?2 FROM resource WHERE seq = ?1";
                if one(&self.conn, same, (seq, &resource.text), |row| row.get(0))? {
                    return Ok(Change::Unchanged);
                }
                if *seq > self.began
                    && let Some(undone) = self.restore(resource)?
                {
                    return Ok(Change::Restored(undone));
                }
                self.version_after(version_id)
            }
            None => self.first_version(resource)?,
        };
        let always = stamping == Stamping::Always;
        let replace = Assigned { last_updated: always, version_id: always };
        if let Some((seq, _, _)) = there {
            self.end(seq, self.seq + 1, false)?;
        }
        self.insert(resource, &version_id, replace, &resource.hash, unresolved)?;
        Ok(match there {
            Some(_) => Change::Updated,
            None => Change::Created,
        })
    }

    /// Where one input holds several versions of a resource, importing it again goes through all of
    /// them and ends with the one that was there before: then nothing has changed, and nothing is
    /// to be left of the way. How many versions were undone; `None` if this is not such a case.
    fn restore(&mut self, resource: &Resource) -> Result<Option<u64>> {
        let key = (&resource.resource_type, &resource.id, self.began);
        // A deletion in between was counted as one, and stays.
        let sql = "SELECT seq, hash FROM history WHERE type = ?1 AND id = ?2 AND ended > ?3 AND seq <= ?3
                      AND NOT EXISTS (SELECT 1 FROM history WHERE type = ?1 AND id = ?2 AND ended > ?3 AND deleted)";
        let before: Option<(i64, Vec<u8>)> =
            maybe(&self.conn, sql, key, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let Some((seq, _)) = before.filter(|(_, hash)| *hash == resource.hash) else {
            return Ok(None);
        };
        let mut undone = 0;
        for table in ["resource", "history"] {
            let these = format!("{table} WHERE type = ?1 AND id = ?2 AND seq > ?3");
            // They were counted as late when they came, and are not there any more.
            let sql =
                format!("SELECT count(*) FROM {these} AND assigned & 1 = 0 AND last_updated <= ?4");
            let (resource_type, id, began) = key;
            let late = (resource_type, id, began, self.handed_out.micros());
            self.late -= one(&self.conn, &sql, late, |row| row.get::<_, u64>(0))?;
            let sql = format!(
                "DELETE FROM identifier WHERE rowid > ?4 AND seq IN (SELECT seq FROM {these})"
            );
            run(&self.conn, &sql, (resource_type, id, began, self.identifiers_before))?;
            run(
                &self.conn,
                &format!("DELETE FROM unresolved WHERE seq IN (SELECT seq FROM {these})"),
                key,
            )?;
            for told in ["compartment", "attachment"] {
                let sql = format!("DELETE FROM {told} WHERE seq IN (SELECT seq FROM {these})");
                run(&self.conn, &sql, key)?;
            }
            undone += run(&self.conn, &format!("DELETE FROM {these}"), key)? as u64;
        }
        run(
            &self.conn,
            "INSERT INTO resource
             SELECT seq, type, id, version_id, last_updated, owner, assigned, size, hash, body
               FROM history WHERE seq = ?1",
            [seq],
        )?;
        run(&self.conn, "DELETE FROM history WHERE seq = ?1", [seq])?;
        Ok(Some(undone))
    }

    fn existing(&self, resource: &Resource) -> Result<Option<(i64, String, Vec<u8>)>> {
        let sql = "SELECT seq, version_id, hash FROM resource WHERE type = ?1 AND id = ?2";
        maybe(&self.conn, sql, (&resource.resource_type, &resource.id), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
    }

    /// Versions count on where they are numbers; else the number of the write is as good.
    fn version_after(&self, version_id: &str) -> String {
        match version_id.parse::<u64>() {
            Ok(number) if number < u64::MAX => (number + 1).to_string(),
            _ => (self.seq + 1).to_string(),
        }
    }

    /// 1, or where a deleted resource comes back the number after its deletion's.
    fn first_version(&self, resource: &Resource) -> Result<String> {
        if !self.has_history {
            return Ok("1".to_owned());
        }
        // Another owner's versions are not counted on.
        let sql = "SELECT version_id FROM history WHERE type = ?1 AND id = ?2 AND owner = ?3
                    ORDER BY ended DESC LIMIT 1";
        let key = (&resource.resource_type, &resource.id, self.owner);
        let last: Option<String> = maybe(&self.conn, sql, key, |row| row.get(0))?;
        Ok(match last {
            None => "1".to_owned(),
            Some(last) => self.version_after(&self.version_after(&last)),
        })
    }

    fn insert(
        &mut self,
        resource: &Resource,
        version_id: &str,
        replace: Assigned,
        hash: &[u8],
        unresolved: &[String],
    ) -> Result<()> {
        let stamped = resource
            .stamped(&Stamp {
                version_id,
                last_updated: self.time,
                last_updated_text: &self.time_text,
                replace,
            })
            .map_err(|reason| Error::new(Kind::Invalid, reason))?;
        if !stamped.assigned.last_updated && stamped.last_updated <= self.handed_out {
            self.late += 1;
        }
        self.seq += 1;
        run(
            &self.conn,
            "INSERT INTO resource VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            (
                self.seq,
                &resource.resource_type,
                &resource.id,
                stamped.version_id,
                stamped.last_updated.micros(),
                self.owner,
                i64::from(stamped.assigned.last_updated)
                    | i64::from(stamped.assigned.version_id) << 1,
                stamped.body.len() as i64,
                hash,
                stamped.body.as_ref(),
            ),
        )?;
        for identifier in &resource.identifiers {
            run(
                &self.conn,
                "INSERT INTO identifier VALUES (?1, ?2, ?3, ?4)",
                (self.seq, &resource.resource_type, &identifier.system, &identifier.value),
            )?;
        }
        about(&self.conn, self.seq, &resource.patients, resource.relative_urls)?;
        for reference in unresolved {
            let sql = "INSERT OR IGNORE INTO unresolved VALUES (?2, ?1)";
            run(&self.conn, sql, (self.seq, reference))?;
        }
        Ok(())
    }

    /// Moves a version to history as ended by the write numbered `by`.
    fn end(&mut self, seq: i64, by: i64, deleted: bool) -> Result<()> {
        run(
            &self.conn,
            "INSERT INTO history
             SELECT seq, type, id, version_id, last_updated, owner, assigned, size, hash, ?2, ?3, ?4, body
               FROM resource WHERE seq = ?1",
            (seq, by, self.time.micros(), deleted),
        )?;
        run(&self.conn, "DELETE FROM resource WHERE seq = ?1", [seq])?;
        self.has_history = true;
        Ok(())
    }

    /// Deletes a resource; `false` where there is none.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn delete(&mut self, resource_type: &str, id: &str) -> Result<bool> {
        self.restore_indexes()?;
        let sql = "SELECT seq FROM resource WHERE type = ?1 AND id = ?2";
        let Some(seq) = maybe(&self.conn, sql, (resource_type, id), |row| row.get(0))? else {
            return Ok(false);
        };
        self.seq += 1;
        self.end(seq, self.seq, true)?;
        Ok(true)
    }

    /// The content hash of the current version, where that is theirs for whom this writes.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn current_hash(&mut self, resource_type: &str, id: &str) -> Result<Option<Vec<u8>>> {
        self.restore_indexes()?;
        let sql = "SELECT hash FROM resource WHERE type = ?1 AND id = ?2 AND owner = ?3";
        maybe(&self.conn, sql, (resource_type, id, self.owner), |row| row.get(0))
    }

    /// True where the resource was theirs for whom this writes, and is deleted.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn was_deleted(&mut self, resource_type: &str, id: &str) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM history
                                   WHERE type = ?1 AND id = ?2 AND owner = ?3 AND deleted)";
        let key = (resource_type, id, self.owner);
        let deleted: bool = one(&self.conn, sql, key, |row| row.get(0))?;
        Ok(deleted && self.current_hash(resource_type, id)?.is_none())
    }

    /// What a condition finds in the current state, this transaction's work included.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn find(&mut self, condition: &Condition) -> Result<Vec<String>> {
        self.restore_indexes()?;
        find(&self.conn, condition, &self.within_reach())
    }

    /// The first conditional reference after `link`, in their order, that a current version holds.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn next_unresolved(&self, link: &str) -> Result<Option<String>> {
        let sql = "SELECT reference FROM unresolved CROSS JOIN resource USING (seq)
                    WHERE reference > ?1 ORDER BY reference LIMIT 1";
        maybe(&self.conn, sql, [link], |row| row.get(0))
    }

    /// The current versions that hold a conditional reference, by their owners.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn holders(&self, link: &str) -> Result<BTreeMap<i64, Vec<i64>>> {
        let sql = "SELECT owner, seq FROM unresolved CROSS JOIN resource USING (seq)
                    WHERE reference = ?1";
        let pairs = all(&self.conn, sql, [link], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut holders: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (owner, seq) in pairs {
            holders.entry(owner).or_default().push(seq);
        }
        Ok(holders)
    }

    /// Drops what is noted of versions that are not current any more.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn forget_resolved(&self) -> Result<()> {
        let sql = "DELETE FROM unresolved WHERE seq NOT IN (SELECT seq FROM resource)";
        run(&self.conn, sql, ()).map(drop)
    }

    /// A version that holds some of them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn pending(&self, seq: i64) -> Result<Pending> {
        let sql = "SELECT body, hash, assigned, version_id FROM resource WHERE seq = ?1";
        one(&self.conn, sql, [seq], |row| {
            let assigned: i64 = row.get(2)?;
            Ok(Pending {
                seq,
                body: row.get(0)?,
                hash: row.get(1)?,
                assigned: Assigned {
                    last_updated: assigned & 1 != 0,
                    version_id: assigned & 2 != 0,
                },
                version_id: row.get(3)?,
            })
        })
    }

    /// Replaces a version by one whose text is `resource`'s: the same content with references
    /// resolved. What the import set in `meta` is set anew; what came with it stays.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn revise(
        &mut self,
        pending: &Pending,
        resource: &Resource,
        unresolved: &[String],
    ) -> Result<()> {
        let version_id = self.version_after(&pending.version_id);
        self.end(pending.seq, self.seq + 1, false)?;
        self.insert(resource, &version_id, pending.assigned, &pending.hash, unresolved)
    }
}

/// Notes whose compartment a version is in, and its relative URLs.
pub(super) fn about(
    conn: &Connection,
    seq: i64,
    patients: &[String],
    relative_urls: u64,
) -> Result<()> {
    for patient in patients {
        run(conn, "INSERT INTO compartment VALUES (?1, ?2)", (seq, patient))?;
    }
    if relative_urls > 0 {
        run(conn, "INSERT INTO attachment VALUES (?1, ?2)", (seq, relative_urls))?;
    }
    Ok(())
}

impl Store {
    /// Deletes resources, all in one transaction; for each whether it was there. Exports that were
    /// handed out before still have them.
    ///
    /// # Errors
    /// `ReadOnly`, `Busy`, or where the disk refuses.
    pub fn delete(&self, resources: &[(String, String)]) -> Result<Vec<bool>> {
        let mut writer = self.writer()?;
        writer.begin(Some(0))?;
        let mut there = Vec::with_capacity(resources.len());
        for (resource_type, id) in resources {
            there.push(writer.delete(resource_type, id)?);
        }
        writer.commit()?;
        Ok(there)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
    }
}
