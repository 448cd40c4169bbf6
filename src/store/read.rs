//! Reads: single resources as they are now or were.

use rusqlite::{Connection, Row};

use super::checksum::{damaged, damaged_version, is_intact, is_intact_but_for_large};
use super::fhir_version::fhir_version;
use super::handle::Store;
use super::large::{large_body, small_body};
use super::large_right::KeptRight;
use super::reach::Reach;
use super::snapshot::Snapshot;
use super::sql::{maybe, one};
use crate::error::Result;
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
    right: KeptRight,
    /// The condition of the reach for rows of `resource`.
    current: String,
    /// The condition of the reach for rows of `history`.
    superseded: String,
}

impl Store {
    /// Limits the store to the resources within a reach.
    pub(crate) fn limited_to(&self, reach: Reach) -> VisibleStore {
        let (current, superseded) = (reach.condition("resource"), reach.condition("history"));
        VisibleStore {
            store: self.clone(),
            reach,
            right: KeptRight::default(),
            current,
            superseded,
        }
    }

    /// Reads the JSON text of a resource's current version.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn get(&self, resource_type: &str, id: &str) -> Result<Option<String>> {
        let sql = format!(
            "SELECT {}, body FROM resource WHERE type = ?1 AND id = ?2",
            is_intact("resource", &IDENTITY)
        );
        let found = maybe(&*self.reader()?, &sql, (resource_type, id), |row| {
            let is_intact: Option<bool> = row.get(0)?;
            Ok(if is_intact == Some(true) { Some(row.get(1)?) } else { None })
        })?;
        found.map(|body| body.ok_or_else(|| damaged(&format!("{resource_type}/{id}")))).transpose()
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

    /// The store as it is now, at the time of its last write, for answers without a transactionTime. Large bodies that are
    /// read from it may be kept for the answer.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn latest(&self) -> Result<Snapshot> {
        Ok(self.store.latest_snapshot()?.limited_to(self.reach).keeping(self.right.clone()))
    }

    /// The store as it was at `seq`, for the same use; `None` where it has no such state, or not any more: pruning has
    /// removed some of it, or the store was set back to an earlier copy. `mark` is the beginning of the
    /// snapshot's mark.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn earlier(&self, seq: i64, mark: &str) -> Result<Option<Snapshot>> {
        let latest = self.latest()?;
        let earlier = self.snapshot_at(seq, latest.time()).keeping(self.right.clone());
        let is_there = seq > 0 && seq <= latest.seq() && earlier.is_whole()?;
        Ok((is_there && earlier.has_mark_with(mark)?).then_some(earlier))
    }

    /// Reads the current version of a resource.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn read(&self, resource_type: &str, id: &str) -> Result<ReadOutcome> {
        let conn = self.store.reader()?;
        let (current, superseded) = (&self.current, &self.superseded);
        let columns = columns("resource", &IDENTITY);
        let sql = format!("SELECT {columns} FROM resource WHERE id = ?2 AND type = ?1{current}");
        if let Some(version) = maybe(&conn, &sql, (resource_type, id), found_version)? {
            return self.intact(&conn, resource_type, version).map(ReadOutcome::Here);
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
        let is_meant = "type = ?1 AND id = ?2 AND version_id = ?3";
        let columns_of = |table| columns(table, &IDENTITY);
        let sql =
            format!("SELECT {} FROM resource WHERE {is_meant}{current}", columns_of("resource"));
        if let Some(version) = maybe(&conn, &sql, key, found_version)? {
            return self.intact(&conn, resource_type, version).map(Some);
        }
        // Where two versions came with the same versionId, the later one is meant.
        let sql = format!(
            "SELECT {} FROM history WHERE {is_meant} AND size > 0{superseded}
              ORDER BY ended DESC LIMIT 1",
            columns_of("history")
        );
        let found = maybe(&conn, &sql, key, found_version)?;
        found.map(|version| self.intact(&conn, resource_type, version)).transpose()
    }

    /// The version, with its body if that was left out.
    ///
    /// # Errors
    /// `Damaged` where it is not as it was stored.
    pub(super) fn intact(
        &self,
        conn: &Connection,
        resource_type: &str,
        found: FoundVersion,
    ) -> Result<StoredVersion> {
        let FoundVersion { mut version, is_intact, is_large } = found;
        if !is_intact {
            return Err(damaged_version(conn, version.seq));
        }
        if is_large {
            self.right.take(&self.store)?;
            version.body = large_body(conn, (resource_type, version.seq), str::to_owned)?;
        }
        Ok(version)
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
            "SELECT EXISTS (SELECT 1 FROM resource
                             WHERE type = ?1{current})
                 OR EXISTS (SELECT 1 FROM history
                             WHERE type = ?1{superseded})"
        );
        one(&*self.store.reader()?, &sql, [resource_type], |row| row.get(0))
    }
}

/// What a statement asks for takes the place of these columns in a checksum: an index that is damaged may
/// lead to another row.
const IDENTITY: [(&str, &str); 2] = [("type", "?1"), ("id", "?2")];

/// A version as it was found.
pub(super) struct FoundVersion {
    pub(super) version: StoredVersion,
    /// False where it is not as it was stored.
    pub(super) is_intact: bool,
    /// True where the statement left out its body, which is large.
    is_large: bool,
}

/// The columns of a [`FoundVersion`] in `table`.
pub(super) fn columns(table: &str, instead: &[(&str, &str)]) -> String {
    let is_intact = is_intact_but_for_large(table, instead);
    format!("seq, id, version_id, last_updated, {is_intact}, {}", small_body())
}

/// The version in a row of [`columns`].
pub(super) fn found_version(row: &Row<'_>) -> rusqlite::Result<FoundVersion> {
    let is_intact = row.get::<_, Option<bool>>(4)? == Some(true);
    let body: Option<String> = if is_intact { row.get(5)? } else { Some(String::new()) };
    let is_large = body.is_none();
    let version = StoredVersion {
        seq: row.get(0)?,
        id: if is_intact { row.get(1)? } else { String::new() },
        version_id: if is_intact { row.get(2)? } else { String::new() },
        last_updated: Instant::from_micros(if is_intact { row.get(3)? } else { 0 }),
        body: body.unwrap_or_default(),
    };
    Ok(FoundVersion { version, is_intact, is_large })
}
