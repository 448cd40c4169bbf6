//! What a writer asks about the versions that a resource has and had.

use super::sql::{maybe, one};
use super::writer::Writer;
use crate::error::Result;

impl Writer<'_> {
    /// The `versionId` and the content hash of the current version.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn current_version(
        &mut self,
        resource_type: &str,
        id: &str,
    ) -> Result<Option<(String, Vec<u8>)>> {
        self.restore_identity()?;
        let sql = "SELECT version_id, hash FROM resource WHERE type = ?1 AND id = ?2";
        maybe(&self.conn, sql, (resource_type, id), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// True where the resource had this content when the transaction began.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn began_with(&mut self, resource_type: &str, id: &str, hash: &[u8]) -> Result<bool> {
        self.restore_identity()?;
        let sql = "SELECT EXISTS (SELECT 1 FROM history WHERE type = ?1 AND id = ?2
                                     AND ended > ?3 AND seq <= ?3 AND hash = ?4)";
        one(&self.conn, sql, (resource_type, id, self.began, hash), |row| row.get(0))
    }

    /// The content hash of the last version that `self.owner` has or had of a resource, deleted or not.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn last_hash(&mut self, resource_type: &str, id: &str) -> Result<Option<Vec<u8>>> {
        if !self.has_had(resource_type, id) {
            return Ok(None);
        }
        let current = self.current_hash(resource_type, id)?;
        if current.is_some() || !self.has_history {
            return Ok(current);
        }
        let sql = "SELECT hash FROM history WHERE type = ?1 AND id = ?2 AND owner = ?3
                    ORDER BY ended DESC LIMIT 1";
        maybe(&self.conn, sql, (resource_type, id, self.owner), |row| row.get(0))
    }
}
