//! Letting versions go that no export can need any more.

use std::time::Duration;

use super::open::Store;
use super::sql::{all, maybe, one, run, set_setting, setting};
use super::writer::SHORT;
use crate::error::{Kind, Result};
use crate::time::Instant;

/// So many versions go in one transaction: an import does not wait long for it.
const AT_ONCE: usize = 20_000;

/// The setting that says by which write the last version that was let go had ended: what a snapshot
/// before that sees is not all there.
pub(super) const PRUNED: &str = "last_pruned";

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
        // The time of a short transaction is that of its beginning.
        let before = Instant::from_micros(before.micros().saturating_sub(SHORT));
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
        let oldest = "SELECT ended_at FROM history
                       WHERE size > 0 AND NOT (deleted = 1 AND type = ?1) ORDER BY ended LIMIT 1";
        let oldest: Option<i64> = maybe(&*self.reader()?, oldest, [KEEPS_BODY], |row| row.get(0))?;
        if oldest.is_none_or(|oldest| oldest >= before.micros()) {
            return Ok(0);
        }
        // Whoever is writing goes first.
        let mut conn = self.job_connection(Duration::ZERO)?;
        let transaction =
            conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        // Under the write lock, or a job might come in between.
        let sql = "SELECT coalesce(min(snapshot), ?1) FROM job";
        let seen: i64 = one(&transaction, sql, [i64::MAX], |row| row.get(0))?;
        // Of a resource that is there again, or was deleted again, an older deletion says nothing.
        let sql = "SELECT seq, says, ended FROM
                    (SELECT seq, type, ended, deleted = 1
                            AND NOT EXISTS (SELECT 1 FROM resource
                                             WHERE id = old.id AND type = old.type AND seq <= ?1)
                            AND NOT EXISTS (SELECT 1 FROM history
                                             WHERE type = old.type AND id = old.id
                                               AND seq > old.seq AND seq <= ?1)
                            AS says
                       FROM history AS old WHERE size > 0 AND ended <= ?1 AND ended_at < ?2)
                    WHERE NOT (says AND type = ?4)
                    ORDER BY ended LIMIT ?3";
        let key = (seen, before.micros(), AT_ONCE, KEEPS_BODY);
        let over: Vec<(i64, bool, i64)> =
            all(&transaction, sql, key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let Some((.., last)) = over.last() else { return Ok(0) };
        // They do not go strictly in order: some wait for others.
        let last = setting(&transaction, PRUNED)?.max(*last);
        set_setting(&transaction, PRUNED, last)?;
        transaction
            .execute_batch("CREATE TEMP TABLE IF NOT EXISTS over (seq INTEGER PRIMARY KEY)")?;
        for (seq, says, _) in &over {
            if *says {
                run(&transaction, "UPDATE history SET body = '', size = 0 WHERE seq = ?1", [seq])?;
            } else {
                run(&transaction, "DELETE FROM history WHERE seq = ?1", [seq])?;
                run(&transaction, "DELETE FROM compartment WHERE seq = ?1", [seq])?;
            }
            run(&transaction, "DELETE FROM attachment WHERE seq = ?1", [seq])?;
            run(&transaction, "INSERT INTO over VALUES (?1)", [seq])?;
        }
        // Of use for conditional references only while there is a body; no index leads from a
        // version to these, so they are gone through once.
        for table in ["identifier", "unresolved"] {
            let sql = format!("DELETE FROM {table} WHERE seq IN (SELECT seq FROM over)");
            run(&transaction, &sql, ())?;
        }
        run(&transaction, "DELETE FROM over", ())?;
        // Deletions that said something when their bodies went, and say nothing any more.
        let sql = "INSERT INTO over SELECT seq FROM history AS old
                    WHERE deleted = 1 AND size = 0 AND ended <= ?1
                      AND (EXISTS (SELECT 1 FROM resource
                                    WHERE id = old.id AND type = old.type AND seq <= ?1)
                           OR EXISTS (SELECT 1 FROM history
                                       WHERE type = old.type AND id = old.id
                                         AND seq > old.seq AND seq <= ?1))";
        if run(&transaction, sql, [seen])? > 0 {
            for table in ["history", "compartment"] {
                let sql = format!("DELETE FROM {table} WHERE seq IN (SELECT seq FROM over)");
                run(&transaction, &sql, ())?;
            }
            run(&transaction, "DELETE FROM over", ())?;
        }
        transaction.commit()?;
        Ok(over.len() as u64)
    }
}
