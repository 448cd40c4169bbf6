//! Single resources as they are now or were, for reads and searches.

use rusqlite::Row;

use super::open::Store;
use super::reach::Reach;
use super::snapshot::Snapshot;
use super::sql::{all, maybe, one, setting};
use crate::error::Result;
use crate::fhir::search::{Condition, SearchToken};
use crate::time::Instant;

/// One version with its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVersion {
    /// Its number.
    pub seq: i64,
    /// The logical id.
    pub id: String,
    /// `meta.versionId`.
    pub version_id: String,
    /// `meta.lastUpdated`.
    pub last_updated: Instant,
    /// Its JSON text.
    pub body: String,
}

/// What is known of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// It is here.
    Here(StoredVersion),
    /// It was here and was deleted.
    Deleted,
    /// It never was here.
    Nothing,
}

const COLUMNS: &str = "seq, id, version_id, last_updated, body";

fn kept(row: &Row<'_>) -> rusqlite::Result<StoredVersion> {
    Ok(StoredVersion {
        seq: row.get(0)?,
        id: row.get(1)?,
        version_id: row.get(2)?,
        last_updated: Instant::from_micros(row.get(3)?),
        body: row.get(4)?,
    })
}

/// A store, as far as a reach goes.
#[derive(Clone)]
pub struct Seen {
    store: Store,
    reach: Reach,
    current: String,
    superseded: String,
}

impl Store {
    /// The store as somebody gets to see it.
    pub(crate) fn seen(&self, reach: Reach) -> Seen {
        let (current, superseded) = (reach.condition("resource"), reach.condition("history"));
        Seen { store: self.clone(), reach, current, superseded }
    }

    /// The number of the last write.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn last_seq(&self) -> Result<i64> {
        setting(&*self.reader()?, "last_seq")
    }
}

impl Seen {
    /// The store as it is now, under a transactionTime that no later write will fall behind.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        Ok(self.store.snapshot()?.within(self.reach))
    }

    /// The store as it was at `seq`, for a manifest that said `time`.
    pub(crate) fn snapshot_at(&self, seq: i64, time: Instant) -> Snapshot {
        self.store.snapshot_at(seq, time).within(self.reach)
    }

    /// The store as it is now, for who needs no transactionTime that later writes stay behind: its
    /// time is that of the last write.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn latest(&self) -> Result<Snapshot> {
        let conn = self.store.reader()?;
        let sql = "SELECT (SELECT value FROM setting WHERE name = 'last_seq'), value
                     FROM setting WHERE name = 'last_write_time'";
        let (seq, time) = one(&conn, sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Snapshot::at(&self.store, seq, Instant::from_micros(time)).within(self.reach))
    }

    /// The current version of a resource.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn read(&self, resource_type: &str, id: &str) -> Result<ReadOutcome> {
        let conn = self.store.reader()?;
        let (current, superseded) = (&self.current, &self.superseded);
        let sql = format!("SELECT {COLUMNS} FROM resource WHERE id = ?2 AND type = ?1{current}");
        if let Some(kept) = maybe(&conn, &sql, (resource_type, id), kept)? {
            return Ok(ReadOutcome::Here(kept));
        }
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM history WHERE type = ?1 AND id = ?2{superseded})"
        );
        Ok(match one(&conn, &sql, (resource_type, id), |row| row.get(0))? {
            true => ReadOutcome::Deleted,
            false => ReadOutcome::Nothing,
        })
    }

    /// A version of a resource, current or not.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn read_version(
        &self,
        resource_type: &str,
        id: &str,
        version_id: &str,
    ) -> Result<Option<StoredVersion>> {
        let conn = self.store.reader()?;
        let (current, superseded) = (&self.current, &self.superseded);
        let key = (resource_type, id, version_id);
        let this = "type = ?1 AND id = ?2 AND version_id = ?3";
        let sql = format!("SELECT {COLUMNS} FROM resource WHERE {this}{current}");
        if let Some(kept) = maybe(&conn, &sql, key, kept)? {
            return Ok(Some(kept));
        }
        // Where two had the same versionId the later one is meant.
        let sql = format!(
            "SELECT {COLUMNS} FROM history WHERE {this} AND size > 0{superseded} ORDER BY ended DESC LIMIT 1"
        );
        maybe(&conn, &sql, key, kept)
    }

    /// Up to `most` current resources of a type after the version numbered `after`, in order.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn after(
        &self,
        resource_type: &str,
        after: i64,
        most: usize,
    ) -> Result<Vec<StoredVersion>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM resource INDEXED BY resource_by_seq
              WHERE type = ?1 AND seq > ?2{} ORDER BY seq LIMIT ?3",
            self.current
        );
        all(&*self.store.reader()?, &sql, (resource_type, after, most), kept)
    }

    /// The ids that a condition finds.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn find(&self, condition: &Condition) -> Result<Vec<String>> {
        find(&*self.store.reader()?, condition, &self.current)
    }

    /// True if there is, or ever was, a resource of this type.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn has_type(&self, resource_type: &str) -> Result<bool> {
        let (current, superseded) = (&self.current, &self.superseded);
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM resource INDEXED BY resource_by_seq
                             WHERE type = ?1{current})
                 OR EXISTS (SELECT 1 FROM history INDEXED BY history_by_seq
                             WHERE type = ?1{superseded})"
        );
        one(&*self.store.reader()?, &sql, [resource_type], |row| row.get(0))
    }
}

/// What a condition finds in the current state, as a connection sees it, where the resource meets
/// `within` too.
pub(super) fn find(
    conn: &rusqlite::Connection,
    condition: &Condition,
    within: &str,
) -> Result<Vec<String>> {
    let resource_type = &condition.resource_type;
    let there =
        format!("SELECT EXISTS (SELECT 1 FROM resource WHERE type = ?1 AND id = ?2{within})");
    let named = format!(
        "SELECT DISTINCT resource.id FROM identifier JOIN resource USING (seq)
          WHERE value = ?1 AND identifier.type = ?2
            AND (?3 IS NULL OR coalesce(system, '') = ?3){within}"
    );
    condition.find(
        |id| one(conn, &there, (resource_type, id), |row| row.get(0)),
        |SearchToken { system, value }| {
            all(conn, &named, (value, resource_type, system), |row| row.get(0))
        },
    )
}
