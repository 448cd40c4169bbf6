//! Numbers about a store that are read again and again: sizes of its files, resources by type, jobs.

use std::collections::BTreeMap;
use std::path::Path;

use super::file::beside;
use super::handle::Store;
use super::job::JobState;
use super::sql::{all, maybe, pages};
use crate::error::Result;
use crate::time::Instant;

impl Store {
    /// Bytes of the store's `file`, of its `log`, and of the file of `jobs` set aside. A file that is
    /// missing has none; a store in memory has what its pages take.
    ///
    /// # Errors
    /// Where a store in memory cannot be read.
    pub(crate) fn file_sizes(&self) -> Result<[(&'static str, u64); 3]> {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
        let file = match self.pool().is_in_memory() {
            true => pages(&*self.reader()?)?.used_bytes(),
            false => size(self.path()),
        };
        let log = size(&beside(self.path(), "-wal"));
        Ok([("store", file), ("log", log), ("jobs", size(&beside(self.path(), "-jobs")))])
    }

    /// Counts the resources of the current state by type.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn count_by_type(&self) -> Result<BTreeMap<String, u64>> {
        let sql = "SELECT name, resources FROM type_total JOIN resource_type ON code = type
                    WHERE resources > 0";
        let counted = all(&*self.reader()?, sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(counted.into_iter().collect())
    }

    /// The time that the last write gave its resources; `None` before the first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn last_write_time(&self) -> Result<Option<Instant>> {
        let sql = "SELECT value FROM setting WHERE name = 'last_write_time' AND value > 0";
        maybe(&*self.reader()?, sql, (), |row| Ok(Instant::from_micros(row.get(0)?)))
    }

    /// Counts the jobs by state, those set aside too. A job that had expired by `now` does not count.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn count_jobs(&self, now: Instant) -> Result<[(&'static str, u64); 3]> {
        let mut counts = [JobState::Running, JobState::Complete, JobState::Failed]
            .map(|state| (state.name(), 0));
        let store = self.writable()?;
        let mut add = |conn: &rusqlite::Connection| -> Result<()> {
            let sql = "SELECT state, count(*) FROM job WHERE state = 'running' OR expires_at > ?1
                        GROUP BY state";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let counted: Vec<(String, u64)> = all(conn, sql, [now.micros()], row)?;
            for (state, count) in counted {
                let of_state = counts.iter_mut().filter(|(known, _)| *known == state);
                of_state.for_each(|(_, sum)| *sum += count);
            }
            Ok(())
        };
        add(&*store.reader()?)?;
        store.with_aside(|aside| add(&aside.pool().writing()?.import()))?;
        Ok(counts)
    }
}
