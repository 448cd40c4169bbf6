//! [`Tombstone`]: a deleted resource, for the `deleted` files of exports.
//!
//! A deletion stands while no later version of its resource exists; after that it says nothing more.
//! That rule is here, for lookups and for pruning alike.

use rusqlite::Row;

use super::checksum::{damaged_version, is_intact_but_for_large};
use super::large::{large_body, small_body};
use super::lookup::Lookup;
use super::reach::Reach;
use super::sql::{all, maybe};
use super::tables::{CURRENT, ENDED};
use crate::error::Result;
use crate::time::Instant;

/// A resource that was deleted and does not exist again.
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

/// The SQL condition that the deletion in the row `old` of the table behind `history` stands in the snapshot with the
/// number ?1: no later version of the resource, within reach, is in the snapshot.
pub(super) fn deletion_stands(reach: Reach) -> String {
    let (current, superseded) = (reach.condition(CURRENT), reach.condition(ENDED));
    format!(
        "(NOT EXISTS (SELECT 1 FROM {CURRENT}
                       WHERE id = old.id AND type = old.type AND seq <= ?1{current})
          AND NOT EXISTS (SELECT 1 FROM {ENDED}
                           WHERE type = old.type AND id = old.id
                             AND ended > old.ended AND seq <= ?1{superseded}))"
    )
}

impl Lookup<'_> {
    /// Lists the resources that were deleted after `since` and before `until` and do not exist in
    /// the snapshot, in order of deletion.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn tombstones(&self, since: Instant, until: Option<Instant>) -> Result<Vec<Tombstone>> {
        let sql = format!("{} ORDER BY ended", self.select_tombstones());
        let until = until.map_or(i64::MAX, Instant::micros);
        all(&self.conn, &sql, (self.seq, since.micros(), until), tombstone)
    }

    /// Finds the tombstone of one resource, by the same rule.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn tombstone(
        &self,
        resource_type: &str,
        id: &str,
        since: Instant,
        until: Option<Instant>,
    ) -> Result<Option<Tombstone>> {
        let sql = format!("{} AND name = ?4 AND id = ?5", self.select_tombstones());
        let until = until.map_or(i64::MAX, Instant::micros);
        maybe(&self.conn, &sql, (self.seq, since.micros(), until, resource_type, id), tombstone)
    }

    /// Selects what was deleted after the time ?2 and before ?3, in the snapshot with the number ?1.
    fn select_tombstones(&self) -> String {
        format!(
            "SELECT seq, ended, name, id FROM {ENDED} AS old JOIN resource_type ON code = type
              WHERE deleted = 1 AND ended <= ?1 AND ended_at > ?2 AND ended_at < ?3{}
                AND {}",
            self.reach.condition("old"),
            deletion_stands(self.reach)
        )
    }

    /// Reads type and id of a deleted version.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn deleted(&self, seq: i64) -> Result<Option<(String, String)>> {
        let sql = format!(
            "SELECT {}, type, id FROM history WHERE seq = ?1 AND deleted = 1{}",
            is_intact_but_for_large("history", &[]),
            self.reach.condition("history")
        );
        let found = maybe(&self.conn, &sql, [seq], |row| {
            let is_intact = row.get::<_, Option<bool>>(0)? == Some(true);
            Ok(if is_intact { Some((row.get(1)?, row.get(2)?)) } else { None })
        })?;
        found.map(|named| named.ok_or_else(|| damaged_version(&self.conn, seq))).transpose()
    }

    /// Reads the body of a deleted version; `None` where pruning has removed it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn last_body(&self, seq: i64) -> Result<Option<String>> {
        let sql = format!(
            "SELECT {}, type, {} FROM history WHERE seq = ?1 AND size > 0{}",
            is_intact_but_for_large("history", &[]),
            small_body(),
            self.reach.condition("history")
        );
        let found = maybe(&self.conn, &sql, [seq], |row| {
            let is_intact = row.get::<_, Option<bool>>(0)? == Some(true);
            Ok(if is_intact { Some((row.get(1)?, row.get(2)?)) } else { None })
        })?;
        let Some(found) = found else { return Ok(None) };
        let (resource_type, body): (String, Option<String>) =
            found.ok_or_else(|| damaged_version(&self.conn, seq))?;
        if body.is_some() {
            return Ok(body);
        }
        let _right = self.snapshot.large_body_right()?;
        large_body(&self.conn, (&resource_type, seq), str::to_owned).map(Some)
    }
}

fn tombstone(row: &Row<'_>) -> rusqlite::Result<Tombstone> {
    Ok(Tombstone {
        seq: row.get(0)?,
        ended: row.get(1)?,
        resource_type: row.get(2)?,
        id: row.get(3)?,
    })
}
