//! Bulk loading: leaves indexes out while rows are appended and builds them once at the end, all
//! inside the one transaction of an input file.
//!
//! That is safe only while no (type, id) comes twice. So the writer remembers a 64-bit hash of each
//! one; the first repetition ends bulk loading. It loads twice as fast as updating the indexes row by
//! row.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};

use rusqlite::Connection;

use super::sql::all;
use crate::error::Result;

/// The largest number of hashes to remember; more would take too much memory.
const MOST: usize = 7_000_000;

/// Selects the indexes that are left out, by their tables.
const INDEXES: &str = "SELECT name, sql FROM sqlite_schema
    WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('current_version', 'identifier', 'compartment_version')";

/// The hash of every (type, id) that the store has ever had.
#[derive(Default)]
pub(super) struct KnownResources {
    hasher: RandomState,
    hashes: HashSet<u64, BuildIdentityHasher>,
}

impl KnownResources {
    /// Adds a resource; `false` if it was, or may have been, there before.
    pub(super) fn insert(&mut self, resource_type: &str, id: &str) -> bool {
        self.hashes.insert(self.hasher.hash_one((resource_type, id)))
    }

    /// True where a resource is, or may be, among them.
    pub(super) fn contains(&self, resource_type: &str, id: &str) -> bool {
        self.hashes.contains(&self.hasher.hash_one((resource_type, id)))
    }

    /// True where it takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.hashes.len() >= MOST
    }
}

/// Makes hashers that return their input, because the keys are hashes already.
#[derive(Clone, Default)]
struct BuildIdentityHasher;

struct IdentityHasher(u64);

impl BuildHasher for BuildIdentityHasher {
    type Hasher = IdentityHasher;
    fn build_hasher(&self) -> IdentityHasher {
        IdentityHasher(0)
    }
}

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// The statements that create the dropped indexes again.
pub(super) struct DroppedIndexes(Vec<String>);

/// Drops the indexes for the rest of the transaction.
pub(super) fn drop_indexes(conn: &Connection) -> Result<DroppedIndexes> {
    let indexes: Vec<(String, String)> =
        all(conn, INDEXES, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (name, _) in &indexes {
        conn.execute_batch(&format!("DROP INDEX \"{name}\""))?;
    }
    Ok(DroppedIndexes(indexes.into_iter().map(|(_, sql)| sql).collect()))
}

impl DroppedIndexes {
    /// Creates the indexes again, over all rows that there are now.
    pub(super) fn restore(self, conn: &Connection) -> Result<()> {
        for sql in self.0 {
            conn.execute_batch(&sql)?;
        }
        Ok(())
    }
}
