//! Jobs set aside: exports that are accepted while an import keeps the store to itself.
//!
//! An import of one file is one transaction, and may take long. Jobs that are accepted meanwhile go to a
//! file beside the store, `STORE-jobs`, which is a store without resources. Every server of the store
//! finds them there, also after a restart. They move into the store, and the file goes, as soon as the
//! import's transaction ends.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::file::{beside, create_private, identity, unless_gone};
use super::handle::Store;
use super::job::{FileRow, JobRow, JobState, insert_job, job_with_files, pruned};
use super::prune::LAST_PRUNED;
use super::reach::Reach;
use super::sql::{all, maybe, one, run, setting};
use crate::error::{Error, Kind, Result};

/// How often the file of jobs set aside is opened anew, because it went at that moment.
const TRIES: u32 = 5;

impl Store {
    /// The file of jobs set aside. `None` for a store that has no file of its own to write.
    fn aside_path(&self) -> Option<PathBuf> {
        let is_file = !self.pool().is_read_only() && !self.pool().is_in_memory();
        is_file.then(|| beside(self.path(), "-jobs"))
    }

    /// The store of jobs set aside, if there is one. It is read by a connection that writes: those have
    /// the file open, also when it goes. What was in it is then in this store.
    pub(super) fn aside(&self) -> Result<Option<Store>> {
        let Some(path) = self.aside_path() else { return Ok(None) };
        for _ in 0..TRIES {
            if !path.exists() {
                return Ok(None);
            }
            if let Some(aside) = unless_gone(Store::open_shared(&path))? {
                return Ok(Some(aside));
            }
        }
        // It went again and again: its jobs are in the store.
        Ok(None)
    }

    /// Sets a job aside, with its files if they are known; `false` where this store cannot.
    ///
    /// # Errors
    /// `Busy` where versions that the job sees were pruned; where the disk refuses.
    pub(super) fn set_aside(&self, job: &JobRow, files: &[FileRow]) -> Result<bool> {
        let Some(path) = self.aside_path() else { return Ok(false) };
        let mark = self.snapshot_at(job.snapshot, job.transaction_time).mark()?;
        for _ in 0..TRIES {
            create_private(&path)?;
            let Some(aside) = unless_gone(Store::open_shared(&path))? else { continue };
            let opened = identity(&path);
            let is_kept = unless_gone(aside.transaction(|conn| {
                // Who removes the file has its lock then. Where it is another file by now, the job
                // would be lost.
                if identity(&path) != opened {
                    return Ok(false);
                }
                // The mark tells whether a job found beside a store is of this store's history.
                let sql = "INSERT OR REPLACE INTO write_mark (seq, mark) VALUES (?1, unhex(?2))";
                run(conn, sql, (job.snapshot, &mark))?;
                insert_job(conn, job, files)?;
                Ok(true)
            }))?;
            if is_kept != Some(true) {
                continue;
            }
            if setting(&*self.reader()?, LAST_PRUNED)? > job.snapshot {
                aside.delete_job_here(&job.id)?;
                return Err(pruned());
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// True if a job set aside is of the history of this store. The file may have stayed where another
    /// store was, or an earlier copy of this one.
    pub(super) fn is_ours(&self, aside: &Connection, job: &JobRow) -> Result<bool> {
        let sql = "SELECT lower(hex(mark)) FROM write_mark WHERE seq = ?1";
        let mark: Option<String> = maybe(aside, sql, [job.snapshot], |row| row.get(0))?;
        match mark {
            Some(mark) => {
                self.snapshot_at(job.snapshot, job.transaction_time).has_mark(Some(&mark))
            }
            None => Ok(false),
        }
    }

    /// Moves the jobs set aside into the store and removes their file. Waits at most `patience` for
    /// other writes.
    ///
    /// # Errors
    /// Where the disk refuses. A store that is busy is no error: the next call moves them.
    pub(crate) fn take_up_jobs_set_aside(&self, patience: Duration) -> Result<()> {
        match self.try_to_take_up(patience) {
            Err(error) if error.kind() == Kind::Busy => Ok(()),
            done => done,
        }
    }

    fn try_to_take_up(&self, patience: Duration) -> Result<()> {
        let (Some(path), Some(aside)) = (self.aside_path(), self.aside()?) else { return Ok(()) };
        let mut conn = aside.pool().short(patience)?;
        // Nobody adds a job until this ends.
        let from = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let ids: Vec<String> = all(&from, "SELECT id FROM job", (), |row| row.get(0))?;
        let mut jobs = Vec::with_capacity(ids.len());
        for id in &ids {
            if let Some((job, files)) = job_with_files(&from, id)?
                && self.is_ours(&from, &job)?
            {
                jobs.push((job, files));
            }
        }
        self.transaction_within(patience, |conn| {
            let last_pruned = setting(conn, LAST_PRUNED)?;
            for (job, files) in &mut jobs {
                if last_pruned > job.snapshot && job.state != JobState::Failed {
                    job.state = JobState::Failed;
                    job.failure = Some(pruned().to_string());
                    files.clear();
                }
                // A move that was interrupted may have brought it already.
                let sql = "SELECT EXISTS (SELECT 1 FROM job WHERE id = ?1)";
                let is_there: bool = one(conn, sql, [&job.id], |row| row.get(0))?;
                if !is_there && has_reader(conn, job.reader)? {
                    insert_job(conn, job, files)?;
                }
            }
            Ok(())
        })?;
        from.execute_batch("DELETE FROM job_file; DELETE FROM job; DELETE FROM write_mark")?;
        from.commit()?;
        // The file goes under its lock, and without a change, so that no journal is left of it.
        let from = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !one(&from, "SELECT EXISTS (SELECT 1 FROM job)", (), |row| row.get::<_, bool>(0))? {
            std::fs::remove_file(&path).map_err(|error| Error::io(path.display(), error))?;
        }
        Ok(())
    }
}

/// True if the reader of a job may still read something.
fn has_reader(conn: &Connection, reader: Reach) -> Result<bool> {
    let client = "SELECT EXISTS (SELECT 1 FROM client WHERE id = ?1 AND removed_at IS NULL)";
    let user = "SELECT EXISTS (SELECT 1 FROM user WHERE id = ?1 AND active = 1)";
    match reader {
        Reach::Everything => Ok(true),
        Reach::User(id) => one(conn, user, [id], |row| row.get(0)),
        Reach::Users(id) | Reach::Client(id) => one(conn, client, [id], |row| row.get(0)),
    }
}
