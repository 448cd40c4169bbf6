//! References that the store could not resolve yet, conditional ones and `urn:` links: which they are,
//! which versions hold them, and how a version is revised once they resolve.

use std::collections::BTreeMap;

use super::sql::{all, maybe, one, run};
use super::version::VersionRest;
use super::writer::Writer;
use crate::error::Result;
use crate::fhir::resource::{Assigned, Resource};

/// A current version that still holds open references.
pub struct UnresolvedVersion {
    /// Its number.
    pub seq: i64,
    /// Its stored text.
    pub body: String,
    hash: Vec<u8>,
    assigned: Assigned,
    version_id: String,
}

impl Writer<'_> {
    /// Finds the first open reference after `link`, in alphabetical order, that a current
    /// version holds.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn next_unresolved(&self, link: &str) -> Result<Option<String>> {
        let sql = "SELECT reference FROM unresolved CROSS JOIN resource USING (seq)
                    WHERE reference > ?1 ORDER BY reference LIMIT 1";
        maybe(&self.conn, sql, [link], |row| row.get(0))
    }

    /// Lists the current versions that hold an open reference, by owner and by whether they are
    /// Groups.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn versions_holding(&self, link: &str) -> Result<BTreeMap<(i64, bool), Vec<i64>>> {
        let sql =
            "SELECT owner, type = 'Group', seq FROM unresolved CROSS JOIN resource USING (seq)
                    WHERE reference = ?1";
        let holders =
            all(&self.conn, sql, [link], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
        let mut versions: BTreeMap<(i64, bool), Vec<i64>> = BTreeMap::new();
        for (kind, seq) in holders {
            versions.entry(kind).or_default().push(seq);
        }
        Ok(versions)
    }

    /// Reads the number and the body of the current version of a resource that `self.owner` owns.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn current_body(&self, resource_type: &str, id: &str) -> Result<Option<(i64, String)>> {
        let sql = "SELECT seq, body FROM resource WHERE type = ?1 AND id = ?2 AND owner = ?3";
        maybe(&self.conn, sql, (resource_type, id, self.owner), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    /// Notes that a current version holds open references, unless that is noted already.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn note_unresolved(&mut self, seq: i64, links: &[String]) -> Result<()> {
        for link in links {
            let sql = "INSERT OR IGNORE INTO unresolved (reference, seq) VALUES (?1, ?2)";
            run(&self.conn, sql, (link, seq))?;
        }
        Ok(())
    }

    /// True where a version is noted for an open reference.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn is_noted(&self, link: &str, seq: i64) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM unresolved WHERE reference = ?1 AND seq = ?2)";
        one(&self.conn, sql, (link, seq), |row| row.get(0))
    }

    /// Deletes the rows of versions that are no longer current.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn delete_stale_unresolved(&self) -> Result<()> {
        let sql = "DELETE FROM unresolved WHERE seq NOT IN (SELECT seq FROM resource)";
        run(&self.conn, sql, ()).map(drop)
    }

    /// Reads a current version, to revise it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn unresolved_version(&self, seq: i64) -> Result<UnresolvedVersion> {
        let sql = "SELECT body, hash, assigned, version_id FROM resource WHERE seq = ?1";
        one(&self.conn, sql, [seq], |row| {
            let assigned: i64 = row.get(2)?;
            Ok(UnresolvedVersion {
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

    /// Replaces a version by `resource`, which has the same content with references resolved. In
    /// `meta`, values that an import assigned are assigned anew; values that came with the resource
    /// stay.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn revise(
        &mut self,
        version: &UnresolvedVersion,
        resource: &Resource,
        unresolved: &[String],
    ) -> Result<()> {
        let version_id = self.version_after(&version.version_id);
        self.end((&resource.resource_type, version.seq), self.seq + 1, false)?;
        let rest = VersionRest { unresolved, made: None };
        self.insert(resource, &version_id, version.assigned, &version.hash, rest)
    }
}
