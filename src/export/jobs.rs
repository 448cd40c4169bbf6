//! The jobs of a store: kick-off, status, cancellation, download.
//!
//! <https://hl7.org/fhir/uv/bulkdata/async.html>. While a job lives, the store keeps every version
//! that its snapshot sees.

use std::sync::Arc;
use std::time::Duration;

use super::job::{Job, JobStatus, KickOff, OpenFile};
use super::permission::Permission;
use super::plan::Plan;
use super::queue::JobQueue;
use super::workers::{Worker, WorkerThreads};
use crate::error::{Error, Kind, Log, Result};
use crate::random;
#[cfg(feature = "page")]
use crate::store::JobState;
use crate::store::{Snapshot, Store};
#[cfg(feature = "page")]
use crate::time::Instant;

/// How long a kick-off waits for its job: a short job is then complete at the first poll.
const MOMENT: Duration = Duration::from_millis(20);

/// The number of seconds before a client with too many jobs should try again.
const RETRY_AFTER: u64 = 5;

/// A job in a list of the last ones.
#[cfg(feature = "page")]
pub struct LastJob {
    /// Its id.
    pub id: String,
    /// When it was accepted.
    pub created_at: Instant,
    /// Its state.
    pub state: JobState,
    /// What was asked for.
    pub kick_off: KickOff,
}

/// The jobs of a store and their threads. Dropping it ends the work; the next start takes it up.
pub struct Jobs {
    worker: Worker,
    /// The most unfinished jobs of one client.
    most_of_client: usize,
    _threads: WorkerThreads,
}

impl Jobs {
    /// Starts the threads, and takes up the jobs that are not finished. A client has `most_of_client` unfinished
    /// jobs at most. A complete job is kept for `ttl`; errors that no client sees go to `log`.
    ///
    /// # Errors
    /// `Io` if the system has no thread left; where the store cannot be read.
    pub fn start(store: &Store, ttl: Duration, most_of_client: usize, log: Log) -> Result<Jobs> {
        let queue = Arc::new(JobQueue::default());
        let worker = Worker { store: store.clone(), ttl, log, queue };
        for id in store.running_jobs(store.now())? {
            worker.take_up(&id);
        }
        let threads = WorkerThreads::start(&worker)?;
        Ok(Jobs { worker, most_of_client, _threads: threads })
    }

    /// Accepts an export of `snapshot`; returns the id of its job. The job is complete on return if
    /// an index alone yields its files, or if it is wanted `at_once`.
    ///
    /// # Errors
    /// `Throttled` if too many jobs of the client are unfinished; `TooMuch` if the request is too long to be
    /// kept; `Busy` if others keep the store busy for too long. There is no job then.
    pub fn accept(&self, snapshot: Snapshot, kick_off: &KickOff, at_once: bool) -> Result<String> {
        let id = random::hex::<16>()?;
        let Worker { store, ttl, queue, .. } = &self.worker;
        if at_once || kick_off.request.is_immediate() {
            let plan = Plan::new(snapshot, &kick_off.request)?;
            Job::keep(store, &id, kick_off, &plan.snapshot, Some(&plan.files), *ttl)?;
            return Ok(id);
        }
        let Some(place) = queue.place(&kick_off.client, self.most_of_client) else {
            let what = format!(
                "{} exports of this client are not done yet; wait until one is, or cancel one",
                self.most_of_client
            );
            return Err(Error::new(Kind::Throttled, what).after(RETRY_AFTER));
        };
        Job::keep(store, &id, kick_off, &snapshot, None, *ttl)?;
        place.fill(&id);
        queue.wait_for(&id, MOMENT);
        Ok(id)
    }

    /// A job and its status. `None` if there is no such job for this permission.
    ///
    /// # Errors
    /// `Forbidden` if the job was started with a wider scope; where the store cannot be read.
    pub fn progress(
        &self,
        id: &str,
        permission: &Permission,
    ) -> Result<Option<(KickOff, JobStatus)>> {
        let store = &self.worker.store;
        let Some(job) = Job::find_for(store, id, permission)? else { return Ok(None) };
        let status = job.status(store, self.worker.queue.progress(id))?;
        Ok(Some((job.kick_off, status)))
    }

    /// Waits until a job is finished, for `time` at most.
    pub fn wait_for(&self, id: &str, time: Duration) {
        self.worker.queue.wait_for(id, time);
    }

    /// Cancels a job, or deletes its files. `false` if there is no such job for this permission.
    ///
    /// # Errors
    /// As [`Jobs::accept`] and [`Jobs::progress`]. The job is then still there.
    pub fn cancel(&self, id: &str, permission: &Permission) -> Result<bool> {
        let Worker { store, queue, .. } = &self.worker;
        if Job::find_for(store, id, permission)?.is_none() {
            return Ok(false);
        }
        let was_there = store.delete_job(id)?;
        queue.cancel(id);
        Ok(was_there)
    }

    /// Opens a file of a complete job. `None` if there is no such file for this permission.
    ///
    /// # Errors
    /// As [`Jobs::progress`].
    pub fn open(&self, id: &str, name: &str, permission: &Permission) -> Result<Option<OpenFile>> {
        let Worker { store, queue, .. } = &self.worker;
        let hold = queue.hold(id);
        match Job::find_for(store, id, permission)? {
            Some(job) => job.open(store, name, hold),
            None => Ok(None),
        }
    }

    /// The last jobs of this permission, the newest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    #[cfg(feature = "page")]
    pub fn last(&self, permission: &Permission, most: u64) -> Result<Vec<LastJob>> {
        let store = &self.worker.store;
        let mut last = Vec::new();
        for id in store.last_jobs(permission.reach, store.now(), most)? {
            match Job::find_for(store, &id, permission) {
                Ok(Some(job)) => {
                    let (created_at, state) = (job.created_at(), job.state());
                    last.push(LastJob { id, created_at, state, kick_off: job.kick_off });
                }
                Ok(None) => {}
                // Its scope was wider.
                Err(error) if error.kind() == Kind::Forbidden => {}
                Err(error) => return Err(error),
            }
        }
        Ok(last)
    }

    /// Ends the work under way. No job is begun any more.
    pub fn stop(&self) {
        self.worker.queue.stop();
    }
}
