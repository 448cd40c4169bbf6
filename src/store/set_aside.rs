//! Jobs set aside: exports that are accepted while an import keeps the store to itself.
//!
//! An import of one file is one transaction, and may take long. Jobs that are accepted meanwhile go to a
//! file beside the store, `STORE-jobs`, which is a store without resources. Every server of the store
//! finds them there, also after a restart. They move into the store, and the file goes, as soon as the
//! import's transaction ends.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::file::{beside, create_private, folder_of};
use super::folder_lock::FolderLock;
use super::handle::Store;
use super::job::{FileRow, JobRow, JobState, insert_job, job_with_files, pruned};
use super::pool::PATIENCE;
use super::prune::LAST_PRUNED;
use super::reach::Reach;
use super::sql::{all, maybe, one, run, setting};
use crate::error::{Error, Kind, Result};

impl Store {
    /// The file of jobs set aside. `None` for a store that has no file of its own to write.
    fn aside_path(&self) -> Option<PathBuf> {
        let is_file = !self.pool().is_read_only() && !self.pool().is_in_memory();
        is_file.then(|| beside(self.path(), "-jobs"))
    }

    /// Lets nobody else use the file of jobs set aside. It goes and comes under this lock alone.
    fn lock_aside(&self, path: &Path) -> Result<FolderLock<'_>> {
        FolderLock::take(&folder_of(path), self.pool().lock_aside(), PATIENCE)
    }

    /// Works with the store of jobs set aside; `None` where there is none.
    ///
    /// # Errors
    /// Those of `work`; `Busy` where others use the file for too long; `Io`.
    pub(super) fn with_aside<T>(
        &self,
        work: impl FnOnce(&Store) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(path) = self.aside_path().filter(|path| path.exists()) else { return Ok(None) };
        let _lock = self.lock_aside(&path)?;
        if path.exists() { work(&Store::open_shared(&path)?).map(Some) } else { Ok(None) }
    }

    /// Sets a job aside, with its files if they are known; `false` where this store cannot.
    ///
    /// # Errors
    /// `Busy` where versions that the job sees were pruned; where the disk refuses.
    pub(super) fn set_aside(&self, job: &JobRow, files: &[FileRow]) -> Result<bool> {
        let Some(path) = self.aside_path() else { return Ok(false) };
        let mark = self.snapshot_at(job.snapshot, job.transaction_time).mark()?;
        let _lock = self.lock_aside(&path)?;
        create_private(&path)?;
        let aside = Store::open_shared(&path)?;
        aside.transaction(|conn| {
            // The mark tells whether a job found beside a store is of this store's history.
            let sql = "INSERT OR REPLACE INTO write_mark (seq, mark) VALUES (?1, unhex(?2))";
            run(conn, sql, (job.snapshot, &mark))?;
            insert_job(conn, job, files)
        })?;
        if setting(&*self.reader()?, LAST_PRUNED)? > job.snapshot {
            aside.delete_job_here(&job.id)?;
            return Err(pruned());
        }
        Ok(true)
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
        let Some(path) = self.aside_path().filter(|path| path.exists()) else { return Ok(()) };
        let _lock = self.lock_aside(&path)?;
        if !path.exists() {
            return Ok(());
        }
        let mut jobs = self.jobs_set_aside(&path)?;
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
        std::fs::remove_file(&path).map_err(|error| Error::io(path.display(), error))
    }

    /// Reads the jobs of the file `path` that are of this store's history.
    fn jobs_set_aside(&self, path: &Path) -> Result<Vec<(JobRow, Vec<FileRow>)>> {
        let aside = Store::open_shared(path)?;
        let conn = aside.pool().writing()?.import();
        let ids: Vec<String> = all(&conn, "SELECT id FROM job", (), |row| row.get(0))?;
        let mut jobs = Vec::with_capacity(ids.len());
        for id in &ids {
            if let Some((job, files)) = job_with_files(&conn, id)?
                && self.is_ours(&conn, &job)?
            {
                jobs.push((job, files));
            }
        }
        Ok(jobs)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::{self, ScopedJoinHandle};

    use super::*;

    /// The file goes and comes all the time: jobs are set aside by some threads, and taken up by others, all of them over
    /// two handles, as those of two servers.
    #[test]
    fn jobs_set_aside_are_kept_while_their_file_goes_and_comes() {
        const THREADS: usize = 4;
        const JOBS: usize = 40;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s.db");
        let stores = [Store::create(&path), Store::open(&path)].map(|made| made.expect("a store"));
        let snapshot = stores[0].snapshot().expect("a snapshot");
        let job = |id: String| JobRow {
            id,
            state: JobState::Running,
            reader: Reach::Everything,
            request: "{}".to_owned(),
            snapshot: snapshot.seq(),
            transaction_time: snapshot.time(),
            created_at: snapshot.time(),
            expires_at: snapshot.time(),
            failure: None,
        };
        let set_aside = |thread: usize| {
            let store = &stores[thread % 2];
            for number in 0..JOBS {
                let id = format!("{thread}-{number}");
                let is_aside = store.set_aside(&job(id.clone()), &[]);
                assert!(is_aside.expect("no fault"), "{id} is refused");
                let found = store.job(&id, snapshot.time()).expect("no fault");
                assert!(found.is_some(), "{id} is lost");
            }
        };
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let (set_aside, is_over) = (&set_aside, &is_over);
            let take_up = |store: &Store| {
                while !is_over.load(Ordering::SeqCst) {
                    store.take_up_jobs_set_aside(Duration::from_secs(60)).expect("no fault");
                }
            };
            let setting: Vec<_> =
                (0..THREADS).map(|thread| scope.spawn(move || set_aside(thread))).collect();
            let taking = stores.each_ref().map(|store| scope.spawn(move || take_up(store)));
            let set: Vec<_> = setting.into_iter().map(ScopedJoinHandle::join).collect();
            is_over.store(true, Ordering::SeqCst);
            let taken = taking.map(ScopedJoinHandle::join);
            assert!(set.iter().chain(&taken).all(|end| end.is_ok()), "a thread has met a fault");
        });
        stores[0].take_up_jobs_set_aside(Duration::from_secs(60)).expect("no fault");
        let conn = stores[0].reader().expect("a connection");
        let in_store: usize =
            one(&conn, "SELECT count(*) FROM job", (), |row| row.get(0)).expect("a number");
        assert_eq!(in_store, THREADS * JOBS);
    }
}
