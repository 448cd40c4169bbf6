//! Letting versions go that no export can need any more.

use super::open::Store;
use super::sql::{all, maybe, one, run};
use crate::error::{Kind, Result};
use crate::fhir::Instant;

/// So many versions go in one transaction: an import does not wait long for it.
const AT_ONCE: usize = 20_000;

/// The types of which a deleted resource keeps its body: what a Provenance is about stands nowhere
/// else, and `deleted` files are made by it.
const KEEPS_BODY: &str = "Provenance";

impl Store {
    /// Lets go of versions that were replaced or deleted before `before` and that no job sees. That
    /// a resource was deleted stays known. How many went.
    ///
    /// # Errors
    /// Where the store cannot be read or the disk refuses. That somebody else is writing, or that it
    /// cannot be written, is none: there will be another time.
    pub(crate) fn prune(&self, before: Instant) -> Result<u64> {
        let mut gone = 0;
        loop {
            match self.prune_some(before) {
                Ok(0) => return Ok(gone),
                Ok(some) => gone += some,
                Err(error) if matches!(error.kind(), Kind::Busy | Kind::ReadOnly) => {
                    return Ok(gone);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn prune_some(&self, before: Instant) -> Result<u64> {
        // Looked for first, so as not to stand in the way of an import for nothing.
        let oldest = "SELECT ended_at FROM history WHERE size > 0 ORDER BY ended LIMIT 1";
        let oldest: Option<i64> = maybe(&*self.reader()?, oldest, (), |row| row.get(0))?;
        if oldest.is_none_or(|oldest| oldest >= before.micros()) {
            return Ok(0);
        }
        let mut conn = self.job_connection()?;
        let transaction =
            conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        // Under the write lock, or a job might come in between.
        let sql = "SELECT coalesce(min(snapshot), ?1) FROM job";
        let seen: i64 = one(&transaction, sql, [i64::MAX], |row| row.get(0))?;
        let sql = "SELECT seq, deleted FROM history
                    WHERE size > 0 AND ended <= ?1 AND ended_at < ?2
                      AND NOT (deleted = 1 AND type = ?4)
                    ORDER BY ended LIMIT ?3";
        let key = (seen, before.micros(), AT_ONCE, KEEPS_BODY);
        let over: Vec<(i64, bool)> =
            all(&transaction, sql, key, |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (seq, deleted) in &over {
            if *deleted {
                let sql = "UPDATE history SET body = '', size = 0 WHERE seq = ?1";
                run(&transaction, sql, [seq])?;
            } else {
                run(&transaction, "DELETE FROM history WHERE seq = ?1", [seq])?;
                run(&transaction, "DELETE FROM compartment WHERE seq = ?1", [seq])?;
            }
        }
        if !over.is_empty() {
            // What only a body could still be of use for; no index leads from a version to it.
            for table in ["attachment", "identifier", "unresolved"] {
                let sql = format!(
                    "DELETE FROM {table} WHERE seq NOT IN (SELECT seq FROM resource)
                        AND seq NOT IN (SELECT seq FROM history WHERE size > 0)"
                );
                run(&transaction, &sql, ())?;
            }
        }
        transaction.commit()?;
        Ok(over.len() as u64)
    }
}
