//! Owners of resources. A resource stays with its owner: no other user takes it over.

use super::found_ids::FoundIds;
use super::reach::NOBODY;
use super::sql::{maybe, one};
use super::writer::Writer;
use crate::error::Result;

impl Writer<'_> {
    /// Sets the owner of all that is written from now on ([`NOBODY`] or a user).
    pub fn set_owner(&mut self, owner: i64) {
        if self.owner != owner {
            self.found = FoundIds::default();
        }
        self.owner = owner;
    }

    /// Returns the owner of a resource, if `self.owner` is another one. A user's resource stays that
    /// user's after its deletion; a deleted resource of [`NOBODY`] is free for every owner.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn other_owner(&mut self, resource_type: &str, id: &str) -> Result<Option<i64>> {
        if !self.has_users {
            return Ok(None);
        }
        self.restore_identity()?;
        let key = (resource_type, id);
        let sql = "SELECT owner FROM resource WHERE type = ?1 AND id = ?2";
        let mut owner: Option<i64> = maybe(&self.conn, sql, key, |row| row.get(0))?;
        if owner.is_none() && self.has_history {
            let sql = "SELECT owner FROM history WHERE type = ?1 AND id = ?2 AND owner > 0
                        ORDER BY ended DESC LIMIT 1";
            owner = maybe(&self.conn, sql, key, |row| row.get(0))?;
        }
        Ok(owner.filter(|owner| *owner != self.owner))
    }

    /// True where the store has users. Without users everything belongs to [`NOBODY`].
    pub(super) fn store_has_users(&self) -> Result<bool> {
        one(&self.conn, "SELECT EXISTS (SELECT 1 FROM user)", (), |row| row.get(0))
    }

    /// The SQL condition for resources that references of `self.owner` may lead to: the owner's, and
    /// those of [`NOBODY`].
    pub(super) fn reach_of_references(&self) -> String {
        if self.has_users {
            format!(" AND resource.owner IN ({NOBODY}, {})", self.owner)
        } else {
            String::new()
        }
    }

    /// Names an owner for a message.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn owner_name(&self, owner: i64) -> Result<String> {
        let sql = "SELECT app_user_id FROM user WHERE id = ?1";
        let name: Option<String> = maybe(&self.conn, sql, [owner], |row| row.get(0))?;
        Ok(name.map_or_else(|| "nobody in particular".to_owned(), |name| format!("user {name:?}")))
    }
}
