//! The threads behind the jobs: workers plan their files, a sweeper removes those that have ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::job::{Job, rows};
use super::plan::Plan;
use super::progress::JobProgress;
use super::queue::JobQueue;
use crate::error::{Error, Kind, Log, Result};
use crate::store::Store;

/// The number of jobs that are planned at once.
const WORKERS: usize = 2;
/// The longest time between two sweeps.
const ROUND: Duration = Duration::from_secs(60);
/// A job that has run this long without being in the queue is taken up.
const ABANDONED: Duration = Duration::from_secs(60);
/// The time to wait before a store that is busy or refuses is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What every thread works with.
#[derive(Clone)]
pub struct Worker {
    pub store: Store,
    /// How long a complete job is kept.
    pub ttl: Duration,
    pub log: Log,
    pub queue: Arc<JobQueue>,
}

/// The threads of the jobs. Dropping them stops the queue and waits for the threads.
pub struct WorkerThreads {
    queue: Arc<JobQueue>,
    handles: Vec<JoinHandle<()>>,
}

impl WorkerThreads {
    /// Starts the threads.
    ///
    /// # Errors
    /// `Io` if the system has no thread left. Then none runs.
    pub fn start(worker: &Worker) -> Result<WorkerThreads> {
        let mut threads = WorkerThreads { queue: worker.queue.clone(), handles: Vec::new() };
        for _ in 0..WORKERS {
            threads.spawn(worker, Worker::work)?;
        }
        threads.spawn(worker, Worker::keep_sweeping)?;
        Ok(threads)
    }

    fn spawn(&mut self, worker: &Worker, run: fn(&Worker)) -> Result<()> {
        let worker = worker.clone();
        let spawned = thread::Builder::new().spawn(move || run(&worker));
        self.handles.push(spawned.map_err(|error| Error::io("no thread for jobs", error))?);
        Ok(())
    }
}

impl Drop for WorkerThreads {
    fn drop(&mut self) {
        self.queue.stop();
        for handle in self.handles.drain(..) {
            let _ = handle.join();
        }
    }
}

impl Worker {
    /// Plans one job after the other.
    fn work(&self) {
        while let Some((id, progress)) = self.queue.take() {
            let worked = catch_unwind(AssertUnwindSafe(|| self.plan(&id, &progress)));
            let planned = worked
                .unwrap_or_else(|_| Err(Error::new(Kind::Internal, "the work on a job panicked")));
            match planned {
                Ok(None) => {}
                Ok(Some(plan)) => self.finish(&id, Ok(plan)),
                // The client cancelled the job, or the server ends and takes it up at its next start.
                Err(_) if progress.is_cancelled() => {}
                // An import keeps the store to itself for a while, or the file may be put back.
                Err(error) if matches!(error.kind(), Kind::Busy | Kind::Full | Kind::Replaced) => {
                    if !self.queue.is_stopped_within(PAUSE) {
                        self.queue.put_back(id);
                        continue;
                    }
                }
                Err(error) => self.finish(&id, Err(error)),
            }
            self.queue.remove(&id);
        }
    }

    /// Plans the files of a job. `None` if the job has ended.
    fn plan(&self, id: &str, progress: &JobProgress) -> Result<Option<Plan>> {
        let Some(job) = Job::find(&self.store, id)?.filter(Job::is_running) else {
            return Ok(None);
        };
        let snapshot = job.snapshot(&self.store);
        let request = job.kick_off.request.unpacked(&snapshot)?;
        let plan = Plan::with_progress(snapshot, &request, progress)?;
        match &request.views {
            Some(views) => views.planned(plan, progress).map(Some),
            None => Ok(Some(plan)),
        }
    }

    /// Takes up a job that runs and is not in the queue.
    pub fn take_up(&self, id: &str) {
        if !self.queue.has(id) {
            // A job that cannot be read fails on its worker.
            let job = Job::find(&self.store, id).ok().flatten();
            let client = job.map(|job| job.kick_off.client).unwrap_or_default();
            self.queue.add(id, &client);
        }
    }

    /// Keeps the result of a job; tries again until the store takes it.
    fn finish(&self, id: &str, planned: Result<Plan>) {
        let rows = planned.map(|plan| rows(plan.files));
        if let Err(error) = &rows {
            // The whole id would give whoever reads the log the files of an open server.
            let begin = id.get(..8).unwrap_or(id);
            self.log
                .tell(&Error::new(error.kind(), format!("the export {begin}... failed: {error}")));
        }
        loop {
            let expires_at = || self.store.now().later(self.ttl);
            let kept = match &rows {
                Ok(files) => self.store.complete_job(id, files, expires_at).map(drop),
                Err(error) => self.store.fail_job(id, error.for_clients(), expires_at()),
            };
            // The disk may be full, or an import may take its time: neither lasts for ever.
            let Err(error) = kept else { return };
            if error.kind() != Kind::Busy {
                self.log.tell(&error);
            }
            if self.queue.is_stopped_within(PAUSE) {
                return;
            }
        }
    }

    /// Sweeps until the queue is stopped.
    fn keep_sweeping(&self) {
        let round = (self.ttl / 4).clamp(PAUSE, ROUND);
        loop {
            if let Err(error) = self.sweep() {
                self.log.tell(&error);
            }
            if self.queue.is_stopped_within(round) {
                return;
            }
        }
    }

    /// Takes up abandoned jobs, then deletes expired jobs and the versions kept for them.
    fn sweep(&self) -> Result<()> {
        let now = self.store.now();
        // Another server on this store may have died over them. If it still lives, both plan them,
        // to the same files.
        for id in self.store.running_jobs(now.earlier(ABANDONED))? {
            self.take_up(&id);
        }
        for id in self.store.expired_jobs(now)? {
            if self.queue.is_held(&id) {
                continue;
            }
            match self.store.delete_job(&id) {
                Err(error) if error.kind() == Kind::Busy => return Ok(()),
                deleted => deleted?,
            };
        }
        self.store.prune(now.earlier(self.ttl))
    }
}
