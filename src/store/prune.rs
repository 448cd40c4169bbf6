//! Letting versions go that no export can need any more.

use super::open::Store;
use super::sql::{all, one, run};
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
        let mut conn = self.job_connection()?;
        let transaction =
            conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        // Under the write lock, or a job might come in between.
        let sql = "SELECT coalesce(min(snapshot), ?1) FROM job";
        let seen: i64 = one(&transaction, sql, [i64::MAX], |row| row.get(0))?;
        // Of a resource that is there again, or was deleted again, an older deletion says nothing.
        let sql = "SELECT seq FROM history AS old
                    WHERE ended <= ?1 AND ended_at < ?2
                      AND (deleted = 0
                           OR EXISTS (SELECT 1 FROM resource
                                    WHERE id = old.id AND type = old.type AND seq <= ?1)
                           OR EXISTS (SELECT 1 FROM history WHERE type = old.type AND id = old.id
                                                              AND ended > old.ended AND ended <= ?1
                                                              AND deleted = 1))
                    LIMIT ?3";
        let replaced: Vec<i64> =
            all(&transaction, sql, (seen, before.micros(), AT_ONCE), |row| row.get(0))?;
        for seq in &replaced {
            for table in ["history", "compartment"] {
                run(&transaction, &format!("DELETE FROM {table} WHERE seq = ?1"), [seq])?;
            }
        }
        let sql = "UPDATE history SET body = '', size = 0
                    WHERE seq IN (SELECT seq FROM history
                                   WHERE deleted = 1 AND size > 0 AND type <> ?4
                                     AND ended <= ?1 AND ended_at < ?2 LIMIT ?3)";
        let emptied = run(&transaction, sql, (seen, before.micros(), AT_ONCE, KEEPS_BODY))?;
        if replaced.len() + emptied > 0 {
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
        Ok((replaced.len() + emptied) as u64)
    }
}
