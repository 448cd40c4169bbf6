//! Loading much into little: indexes are left out while rows are appended and built once at the
//! end, all inside the one transaction of the file.
//!
//! That is safe only while no (type, id) comes twice, so the ones seen are remembered as 64-bit
//! hashes; the first repetition ends the shortcut. Measured: twice the speed of keeping the
//! indexes up row by row.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};

use rusqlite::Connection;

use super::sql;
use crate::error::Result;

/// Beyond this many the set would take more memory than an import may have.
const MOST: usize = 7_000_000;
/// The indexes that are left out, by the tables they are on.
const INDEXES: &str = "SELECT name, sql FROM sqlite_schema
    WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('resource', 'identifier', 'compartment')";

/// Every (type, id) that the store has ever had, as hashes.
#[derive(Default)]
pub(super) struct Known {
    hasher: RandomState,
    keys: HashSet<u64, Identity>,
}

impl Known {
    /// Notes one; `false` if it was (or may have been) there before.
    pub(super) fn insert(&mut self, resource_type: &str, id: &str) -> bool {
        self.keys.insert(self.hasher.hash_one((resource_type, id)))
    }

    /// True where it may take no more.
    pub(super) fn is_full(&self) -> bool {
        self.keys.len() >= MOST
    }
}

/// The keys are hashes already.
#[derive(Clone, Default)]
struct Identity;

struct Same(u64);

impl BuildHasher for Identity {
    type Hasher = Same;
    fn build_hasher(&self) -> Same {
        Same(0)
    }
}

impl Hasher for Same {
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

/// The statements that make the indexes again.
pub(super) struct Dropped(Vec<String>);

/// Takes the indexes away for the rest of the transaction.
pub(super) fn drop_indexes(conn: &Connection) -> Result<Dropped> {
    let indexes: Vec<(String, String)> =
        sql::all(conn, INDEXES, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (name, _) in &indexes {
        conn.execute_batch(&format!("DROP INDEX \"{name}\""))?;
    }
    Ok(Dropped(indexes.into_iter().map(|(_, made_by)| made_by).collect()))
}

impl Dropped {
    /// Builds them again over all that is there now.
    pub(super) fn restore(self, conn: &Connection) -> Result<()> {
        for made_by in self.0 {
            conn.execute_batch(&made_by)?;
        }
        Ok(())
    }
}
