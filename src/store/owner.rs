//! To whom what is written belongs. A resource stays with who has it: nobody takes over another's.

use super::sql::{maybe, one};
use super::writer::Writer;
use crate::error::Result;

/// Who owns what has no owner.
pub const NOBODY: i64 = 0;

impl Writer<'_> {
    /// From now on everything that is written belongs to this user ([`NOBODY`]: to nobody).
    pub fn write_for(&mut self, owner: i64) {
        self.owner = owner;
    }

    /// Finds out whether anything can belong to anybody. At the beginning of a transaction.
    pub(super) fn look_for_users(&mut self) -> Result<()> {
        let sql = "SELECT EXISTS (SELECT 1 FROM user)";
        self.has_users = one(&self.conn, sql, (), |row| row.get(0))?;
        Ok(())
    }

    /// Whose a resource is, where it is not theirs for whom this writes. One that a user had and that
    /// was deleted stays that user's; what was nobody's can be had again.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn another_owner(&mut self, resource_type: &str, id: &str) -> Result<Option<i64>> {
        if !self.has_users {
            return Ok(None);
        }
        self.restore_indexes()?;
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

    /// What references of the owner may lead to: what is theirs, or nobody's.
    pub(super) fn within_reach(&self) -> String {
        match self.has_users {
            true => format!(" AND resource.owner IN ({NOBODY}, {})", self.owner),
            false => String::new(),
        }
    }

    /// What a message calls the owner of a resource.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn name_of(&self, owner: i64) -> Result<String> {
        let sql = "SELECT app_user_id FROM user WHERE id = ?1";
        let name: Option<String> = maybe(&self.conn, sql, [owner], |row| row.get(0))?;
        Ok(name.map_or_else(|| "nobody in particular".to_owned(), |name| format!("user {name:?}")))
    }
}
