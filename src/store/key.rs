//! The key that signs the names of files in manifests.

use super::audit::{Actor, note_change};
use super::handle::Store;
use super::pool::PATIENCE;
use super::sql::{one, run};
use crate::error::Result;
use crate::random;

impl Store {
    /// The key that signs the names of files.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn signing_key(&self) -> Result<Vec<u8>> {
        let sql = "SELECT value FROM setting WHERE name = 'signing_key'";
        one(&*self.reader()?, sql, (), |row| row.get(0))
    }

    /// Replaces the signing key. File names that the old key signed are no longer accepted.
    ///
    /// # Errors
    /// `ReadOnly`, `Busy`, or where the disk refuses.
    pub fn rotate_signing_key(&self) -> Result<()> {
        let key = random::bytes::<32>()?;
        let sql = "UPDATE setting SET value = ?1 WHERE name = 'signing_key'";
        self.transaction_within(PATIENCE, |conn| {
            run(conn, sql, [key])?;
            let what = "replaced the key that signs file URLs";
            note_change(conn, self.now(), "key", (None, None), Actor::Operator, what)
        })
        .map_err(|error| error.at_file(self.path()))
    }
}
