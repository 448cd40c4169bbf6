//! Lists of jobs: those of a reader, the last ones first. Single jobs are in `job.rs`.

use rusqlite::Connection;

use super::handle::Store;
use super::job::{JobRow, job_of_row};
use super::reach::Reach;
use super::sql::all;
use crate::error::Result;
use crate::time::Instant;

/// Which jobs are listed.
#[derive(Clone, Copy, Debug)]
pub struct JobQuery<'q> {
    /// The reader that has them.
    pub reader: Reach,
    /// Only those that this client takes turns with; `None` for all.
    pub client: Option<&'q str>,
    /// Only those that were accepted before this; `None` for all.
    pub before: Option<Instant>,
    /// The most that are listed.
    pub most: usize,
}

impl Store {
    /// Lists jobs that have not expired by `now`, the last ones first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn jobs_of(&self, query: &JobQuery<'_>, now: Instant) -> Result<Vec<JobRow>> {
        let sql = "SELECT id, state, reader, request, snapshot, transaction_time, created_at,
                          expires_at, failure
                     FROM job
                    WHERE reader = ?1 AND (?2 IS NULL OR request ->> '$.client' = ?2)
                      AND created_at < ?3 AND (state = 'running' OR expires_at > ?4)
                    ORDER BY created_at DESC LIMIT ?5";
        let before = query.before.map_or(i64::MAX, Instant::micros);
        let values = (query.reader.to_string(), query.client, before, now.micros(), query.most);
        let listed = |conn: &Connection| all(conn, sql, values.clone(), job_of_row);
        let store = self.writable()?;
        let aside = store.with_aside(|aside| {
            let conn = aside.pool().writing()?.import();
            let mut ours = Vec::new();
            for job in listed(&conn)? {
                if store.is_ours(&conn, &job)? {
                    ours.push(job);
                }
            }
            Ok(ours)
        })?;
        let mut jobs = listed(&*store.reader()?)?;
        for job in aside.unwrap_or_default() {
            // It may have moved into the store in the meantime.
            if jobs.iter().all(|known| known.id != job.id) {
                jobs.push(job);
            }
        }
        jobs.sort_by_key(|job| std::cmp::Reverse(job.created_at));
        jobs.truncate(query.most);
        Ok(jobs)
    }
}
