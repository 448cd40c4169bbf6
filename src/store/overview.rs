//! What the first screen of a store says beside its types, in a moment whatever its size: large numbers are counted up to
//! a bound.

use super::handle::Store;
use super::sql::one;
use crate::error::Result;

/// A number that was counted up to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundedCount {
    /// How many there are, or the bound.
    pub count: u64,
    /// True where there are more.
    pub has_more: bool,
}

impl Store {
    /// Counts versions that were replaced or deleted and are kept, up to `most`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn count_history(&self, most: u64) -> Result<BoundedCount> {
        self.bounded("SELECT 1 FROM ended_version", most)
    }

    /// Counts conditional references of current versions that found nothing or several so far, up to `most`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn count_unresolved(&self, most: u64) -> Result<BoundedCount> {
        self.bounded("SELECT 1 FROM unresolved CROSS JOIN current_version USING (seq)", most)
    }

    fn bounded(&self, rows: &str, most: u64) -> Result<BoundedCount> {
        let sql = format!("SELECT count(*) FROM ({rows} LIMIT ?1)");
        let count: u64 = one(&*self.reader()?, &sql, [most.saturating_add(1)], |row| row.get(0))?;
        Ok(BoundedCount { count: count.min(most), has_more: count > most })
    }
}
