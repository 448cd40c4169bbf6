//! Bulk loading: leaves indexes out while rows are appended and builds them once at the end, all
//! inside one transaction.
//!
//! That is safe only while no (type, id) comes twice. So the writer remembers a 64-bit hash of each
//! one; the first repetition brings the index of ids back, and the first search by identifier that of
//! identifiers. It loads twice as fast as updating the indexes row by row.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};

use rusqlite::Connection;

use super::sql::all;
use crate::error::Result;

/// The largest number of hashes to remember; more would take more than 150 MB.
const MOST: usize = 14_000_000;
/// The sets that the hashes are spread over. A set grows by moving to twice its room; one set for all would have
/// both rooms at once.
const SETS: usize = 64;

/// Selects the indexes that are left out, by their tables.
const INDEXES: &str = "SELECT name, sql FROM sqlite_schema
    WHERE type = 'index' AND sql IS NOT NULL
      AND tbl_name IN ('current_version', 'identifier', 'compartment', 'provenance_target', 'search_key',
                       'search_range')";

/// The hash of every (type, id) that the store has ever had.
pub(super) struct KnownResources {
    hasher: RandomState,
    sets: [HashSet<u64, BuildIdentityHasher>; SETS],
    count: usize,
}

impl KnownResources {
    /// None yet.
    pub(super) fn new() -> KnownResources {
        let sets = std::array::from_fn(|_| HashSet::default());
        KnownResources { hasher: RandomState::new(), sets, count: 0 }
    }

    /// Adds a resource; `false` if it was, or may have been, there before.
    pub(super) fn insert(&mut self, resource_type: &str, id: &str) -> bool {
        let (set, hash) = self.place(resource_type, id);
        let is_new = self.sets[set].insert(hash);
        self.count += usize::from(is_new);
        is_new
    }

    /// True where a resource is, or may be, among them.
    pub(super) fn contains(&self, resource_type: &str, id: &str) -> bool {
        let (set, hash) = self.place(resource_type, id);
        self.sets[set].contains(&hash)
    }

    /// True where it takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.count >= MOST
    }

    /// The hash of a resource, and the number of its set.
    fn place(&self, resource_type: &str, id: &str) -> (usize, u64) {
        let hash = self.hasher.hash_one((resource_type, id));
        // A set uses the low and the highest bits itself.
        ((hash >> 40) as usize % SETS, hash)
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

/// The index that finds a resource by its type and id.
pub(super) const BY_IDENTITY: &str = "current_identity";
/// The index that finds resources by a business identifier.
pub(super) const BY_IDENTIFIER: &str = "identifier_by_value";

/// The indexes that a transaction has dropped: their names, and the statements that create them again.
#[derive(Clone, Default)]
pub(super) struct DroppedIndexes(Vec<(String, String)>);

/// Drops the indexes for the rest of the transaction.
pub(super) fn drop_indexes(conn: &Connection) -> Result<DroppedIndexes> {
    let indexes: Vec<(String, String)> =
        all(conn, INDEXES, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (name, _) in &indexes {
        conn.execute_batch(&format!("DROP INDEX \"{name}\""))?;
    }
    Ok(DroppedIndexes(indexes))
}

impl DroppedIndexes {
    /// True where one of the wanted indexes, or with `None` any index, is missing.
    pub(super) fn contains(&self, wanted: Option<&str>) -> bool {
        self.0.iter().any(|(name, _)| wanted.is_none_or(|wanted| wanted == name))
    }

    /// Creates the wanted index again, or with `None` all of them, over all rows that there are now.
    pub(super) fn restore(&mut self, conn: &Connection, wanted: Option<&str>) -> Result<()> {
        let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted == name);
        for (name, sql) in &self.0 {
            if is_wanted(name) {
                conn.execute_batch(sql)?;
            }
        }
        self.0.retain(|(name, _)| !is_wanted(name));
        Ok(())
    }
}
