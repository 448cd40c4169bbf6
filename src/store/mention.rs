//! The tables `reference`, `reference_target`, `reference_type` and `provenance_target`: what versions
//! mention, so that an export of patients finds it without reading their bodies.
//!
//! What a text mentions is read in `fhir/mentions.rs`.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use twox_hash::XxHash3_64;

use super::lookup::Lookup;
use super::sql::{all, maybe, run};
use crate::error::Result;
use crate::fhir::mentions::Mentions;

/// How many names are remembered. A name has some 50 bytes.
const MOST_NAMES: usize = 1 << 16;

/// The hash that `provenance_target` has of a name.
fn name_hash(resource_type: &str, id: &str) -> i32 {
    XxHash3_64::oneshot(format!("{resource_type}/{id}").as_bytes()) as i32
}

/// Writes what versions mention, and remembers what it wrote. It is to be forgotten where that is undone.
#[derive(Default)]
pub(super) struct Mentioned {
    /// The keys of `reference_target`, by id and then by type.
    keys: HashMap<String, HashMap<String, i64>>,
    /// The rows of `reference_type`: by the type of the version, the types referred to.
    types: HashMap<String, HashSet<String>>,
}

impl Mentioned {
    /// Adds the rows for the version `seq`.
    pub(super) fn insert(
        &mut self,
        conn: &Connection,
        seq: i64,
        resource_type: &str,
        mentions: &Mentions,
    ) -> Result<()> {
        let mut keys = Vec::with_capacity(mentions.resources.len());
        for (name, id) in &mentions.resources {
            keys.push(self.key(conn, name, id)?);
        }
        // In their order, which is the cheapest.
        keys.sort_unstable();
        for key in keys {
            run(conn, "INSERT INTO reference (seq, target) VALUES (?1, ?2)", (seq, key))?;
        }
        for name in &mentions.types {
            let known = self.types.get(resource_type);
            if !known.is_some_and(|known| known.contains(name)) {
                let sql = "INSERT OR IGNORE INTO reference_type (target, type) VALUES (?1, ?2)";
                run(conn, sql, (name, resource_type))?;
                self.types.entry(resource_type.to_owned()).or_default().insert(name.clone());
            }
        }
        for (name, id) in &mentions.targets {
            // Two targets may have one hash.
            let sql = "INSERT OR IGNORE INTO provenance_target (seq, target) VALUES (?1, ?2)";
            run(conn, sql, (seq, name_hash(name, id)))?;
        }
        Ok(())
    }

    /// The key of a resource in `reference_target`, which gets a row where it has none.
    fn key(&mut self, conn: &Connection, resource_type: &str, id: &str) -> Result<i64> {
        if let Some(key) = self.keys.get(id).and_then(|by_type| by_type.get(resource_type)) {
            return Ok(*key);
        }
        let sql = "SELECT key FROM reference_target WHERE id = ?1 AND type = ?2";
        let key = match maybe(conn, sql, (id, resource_type), |row| row.get(0))? {
            Some(key) => key,
            None => {
                let sql = "INSERT INTO reference_target (id, type) VALUES (?1, ?2)";
                run(conn, sql, (id, resource_type))?;
                conn.last_insert_rowid()
            }
        };
        if self.keys.len() >= MOST_NAMES {
            self.keys.clear();
        }
        self.keys.entry(id.to_owned()).or_default().insert(resource_type.to_owned(), key);
        Ok(key)
    }
}

/// True where the tables have for the version `seq` what its body mentions.
pub(super) fn stored_mentions(
    conn: &Connection,
    seq: i64,
    resource_type: &str,
    mentions: &Mentions,
) -> Result<bool> {
    let sql = "SELECT type, id FROM reference LEFT JOIN reference_target ON key = target
                WHERE seq = ?1 ORDER BY type, id";
    let resources: Vec<(String, String)> =
        all(conn, sql, [seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sql = "SELECT target FROM reference_type WHERE type = ?1";
    // A table of few rows that has no index by type is not read for each version.
    let types: Vec<String> = match mentions.types.as_slice() {
        [] => Vec::new(),
        _ => all(conn, sql, [resource_type], |row| row.get(0))?,
    };
    let sql = "SELECT target FROM provenance_target WHERE seq = ?1 ORDER BY target";
    let hashes: Vec<i32> = all(conn, sql, [seq], |row| row.get(0))?;
    let mut expected: Vec<i32> =
        mentions.targets.iter().map(|(name, id)| name_hash(name, id)).collect();
    expected.sort_unstable();
    expected.dedup();
    Ok(resources == mentions.resources
        && mentions.types.iter().all(|name| types.contains(name))
        && hashes == expected)
}

impl Lookup<'_> {
    /// Calls `each` with the versions up to the snapshot and the keys of what their references name, in
    /// order. Versions that the snapshot does not show are among them.
    ///
    /// # Errors
    /// Where the store cannot be read, and those of `each`.
    pub fn for_each_reference(&self, mut each: impl FnMut(i64, i64) -> Result<()>) -> Result<()> {
        let sql = "SELECT seq, target FROM reference WHERE seq <= ?1";
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query([self.seq])?;
        while let Some(row) = rows.next()? {
            each(row.get(0)?, row.get(1)?)?;
        }
        Ok(())
    }

    /// Lists the keys of what the references of a version name.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn references_of(&self, seq: i64) -> Result<Vec<i64>> {
        self.begin()?;
        all(&self.conn, "SELECT target FROM reference WHERE seq = ?1", [seq], |row| row.get(0))
    }

    /// Lists the versions in a patient's compartment with the keys of what their references name. Versions that the
    /// snapshot does not show are among them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn references_in_compartment_of(&self, patient: &str) -> Result<Vec<(i64, i64)>> {
        self.begin()?;
        // CROSS JOIN starts from the compartment, which has few rows.
        let sql = "SELECT seq, target FROM compartment CROSS JOIN reference USING (seq)
                    WHERE patient = ?1 AND seq <= ?2";
        all(&self.conn, sql, (patient, self.seq), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Reads type and id of what has this key.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn reference_target(&self, key: i64) -> Result<Option<(String, String)>> {
        self.begin()?;
        let sql = "SELECT type, id FROM reference_target WHERE key = ?1";
        maybe(&self.conn, sql, [key], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Lists the types whose resources may refer to resources of the type `target`, which can be in a
    /// compartment.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn types_that_refer_to(&self, target: &str) -> Result<Vec<String>> {
        self.begin()?;
        let sql = "SELECT type FROM reference_type WHERE target = ?1";
        all(&self.conn, sql, [target], |row| row.get(0))
    }

    /// Lists the versions of Provenances that may be about a resource, up to the snapshot. Their bodies
    /// say whether they are. Versions that the snapshot does not show are among them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn provenances_perhaps_about(&self, resource_type: &str, id: &str) -> Result<Vec<i64>> {
        self.begin()?;
        let sql = "SELECT seq FROM provenance_target WHERE target = ?1 AND seq <= ?2";
        all(&self.conn, sql, (name_hash(resource_type, id), self.seq), |row| row.get(0))
    }
}
