//! Reads and searches: single resources as they are now or were.

use std::sync::{Arc, OnceLock};

use rusqlite::{Connection, Row};

use super::condition::find;
use super::fhir_version::fhir_version;
use super::handle::Store;
use super::large::{LargeBodyRight, body, small_body};
use super::reach::Reach;
use super::snapshot::Snapshot;
use super::sql::{maybe, one, setting};
use crate::error::Result;
use crate::fhir::search::Condition;
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

/// What a read of a resource finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// The resource exists.
    Here(StoredVersion),
    /// It existed and was deleted.
    Deleted,
    /// It never existed.
    Nothing,
}

/// A store, limited to the resources that a reader may see.
#[derive(Clone)]
pub struct VisibleStore {
    store: Store,
    reach: Reach,
    /// The right to a large body, once one was read. It ends with the request that this serves.
    right: Arc<OnceLock<LargeBodyRight>>,
    /// The condition of the reach for rows of `resource`.
    current: String,
    /// The condition of the reach for rows of `history`.
    superseded: String,
}

impl Store {
    /// Limits the store to the resources within a reach.
    pub(crate) fn limited_to(&self, reach: Reach) -> VisibleStore {
        let (current, superseded) = (reach.condition("resource"), reach.condition("history"));
        VisibleStore { store: self.clone(), reach, right: Arc::default(), current, superseded }
    }

    /// The number of the last write.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn last_seq(&self) -> Result<i64> {
        setting(&*self.reader()?, "last_seq")
    }

    /// Reads the JSON text of a resource's current version.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn get(&self, resource_type: &str, id: &str) -> Result<Option<String>> {
        let sql = "SELECT body FROM resource WHERE type = ?1 AND id = ?2";
        maybe(&*self.reader()?, sql, (resource_type, id), |row| row.get(0))
    }
}

impl VisibleStore {
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn reach(&self) -> Reach {
        self.reach
    }

    /// The store as it is now, with a transactionTime that every later write comes after.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        Ok(self.store.snapshot()?.limited_to(self.reach))
    }

    /// The store as it was at `seq`, with the `time` that its manifest gave.
    pub(crate) fn snapshot_at(&self, seq: i64, time: Instant) -> Snapshot {
        self.store.snapshot_at(seq, time).limited_to(self.reach)
    }

    /// The store as it is now, at the time of its last write, for answers without a transactionTime.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn latest(&self) -> Result<Snapshot> {
        Ok(self.store.latest_snapshot()?.limited_to(self.reach))
    }

    /// Reads the current version of a resource.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn read(&self, resource_type: &str, id: &str) -> Result<ReadOutcome> {
        let conn = self.store.reader()?;
        let (current, superseded) = (&self.current, &self.superseded);
        let columns = columns();
        let sql = format!("SELECT {columns} FROM resource WHERE id = ?2 AND type = ?1{current}");
        if let Some(version) = maybe(&conn, &sql, (resource_type, id), stored_version)? {
            return Ok(ReadOutcome::Here(self.with_body(&conn, version)?));
        }
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM history WHERE type = ?1 AND id = ?2{superseded})"
        );
        let existed: bool = one(&conn, &sql, (resource_type, id), |row| row.get(0))?;
        Ok(if existed { ReadOutcome::Deleted } else { ReadOutcome::Nothing })
    }

    /// Reads the version of a resource that has this `versionId`, current or not.
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
        let columns = columns();
        let is_meant = "type = ?1 AND id = ?2 AND version_id = ?3";
        let sql = format!("SELECT {columns} FROM resource WHERE {is_meant}{current}");
        if let Some(version) = maybe(&conn, &sql, key, stored_version)? {
            return self.with_body(&conn, version).map(Some);
        }
        // Where two versions came with the same versionId, the later one is meant.
        let sql = format!(
            "SELECT {columns} FROM history WHERE {is_meant} AND size > 0{superseded}
              ORDER BY ended DESC LIMIT 1"
        );
        let version = maybe(&conn, &sql, key, stored_version)?;
        version.map(|version| self.with_body(&conn, version)).transpose()
    }

    /// Reads the body that a statement has left out because it is large.
    fn with_body(&self, conn: &Connection, version: KeptVersion) -> Result<StoredVersion> {
        let KeptVersion { mut version, is_large } = version;
        if is_large {
            self.right.get_or_init(|| self.store.large_body_right());
            version.body = body(conn, version.seq, |text| Ok(text.to_owned()))?;
        }
        Ok(version)
    }

    /// Lists up to `most` current resources of a type after the version numbered `after`, in order. There are
    /// fewer where their bodies are long; none where there are no more.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn resources_after(
        &self,
        resource_type: &str,
        after: i64,
        most: usize,
    ) -> Result<Vec<StoredVersion>> {
        let columns = columns();
        let sql = format!(
            "SELECT {columns} FROM resource INDEXED BY resource_by_seq
              WHERE type = ?1 AND seq > ?2{} ORDER BY seq LIMIT ?3",
            self.current
        );
        let conn = self.store.reader()?;
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query((resource_type, after, most))?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()?.filter(|_| bytes < MOST_BYTES) {
            let version = self.with_body(&conn, stored_version(row)?)?;
            bytes += version.body.len();
            found.push(version);
        }
        Ok(found)
    }

    /// Finds the ids of the current resources that meet a condition.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn find(&self, condition: &Condition) -> Result<Vec<String>> {
        find(&*self.store.reader()?, condition, &self.current)
    }

    /// True for a type of the store's version of FHIR, and for one that [`VisibleStore::has_type`] finds.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn knows_type(&self, name: &str) -> Result<bool> {
        let version = fhir_version(&*self.store.reader()?)?.unwrap_or_default();
        Ok(version.knows(name) || self.has_type(name)?)
    }

    /// True if a resource of this type exists or ever existed.
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

/// A list ends with the resource whose body makes it as long as this, in bytes.
const MOST_BYTES: usize = 8 << 20;

/// A version as a row tells it: without a body that is large.
struct KeptVersion {
    version: StoredVersion,
    is_large: bool,
}

fn columns() -> String {
    format!("seq, id, version_id, last_updated, {}", small_body())
}

fn stored_version(row: &Row<'_>) -> rusqlite::Result<KeptVersion> {
    let body: Option<String> = row.get(4)?;
    let is_large = body.is_none();
    let version = StoredVersion {
        seq: row.get(0)?,
        id: row.get(1)?,
        version_id: row.get(2)?,
        last_updated: Instant::from_micros(row.get(3)?),
        body: body.unwrap_or_default(),
    };
    Ok(KeptVersion { version, is_large })
}
