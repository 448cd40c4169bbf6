//! The life of a job: accepted, worked out, polled, cancelled, over.
//!
//! <https://hl7.org/fhir/uv/bulkdata/async.html>. A job is written down before its client hears of
//! it. What it is cut from is a snapshot, so a server that starts anew works it out again, to the
//! same files; and while it lives, nothing that its snapshot sees is let go.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::file::{Content, File};
use super::parameters::Edition;
use super::permission::Permission;
use super::plan::Plan;
use super::request::ExportRequest;
use super::shape::Shape;
use super::work::Work;
use crate::error::{Error, Kind, Result};
use crate::random;
use crate::store::{FileRow, JobRow, Reach, Selection, Snapshot, State, Store};
use crate::sync::lock;
use crate::time::Instant;

/// So many jobs are worked out at once.
const WORKERS: usize = 2;
/// How often jobs that are over are looked for, at most.
const ROUND: Duration = Duration::from_secs(60);
/// A job that has been running for so long, and not here, is taken up here.
const ABANDONED: Duration = Duration::from_secs(60);
/// How long a kick-off waits for its job.
const MOMENT: Duration = Duration::from_millis(20);
/// How long to wait where the store is kept busy by somebody else.
const PAUSE: Duration = Duration::from_secs(1);

/// An export as it was accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KickOff {
    /// What is exported.
    pub request: ExportRequest,
    /// The URL of the kick-off.
    pub url: String,
    /// What the URLs of its files begin with, up to the job's id.
    pub files: String,
    /// What the URLs of its manifest's pages begin with, up to the job's id.
    pub status: String,
    /// In which edition's shape its manifest is.
    pub edition: Edition,
    /// Whether its state is told by `X-Export-Status` instead of the status code.
    pub separate_status: bool,
}

/// How far a job is.
pub enum JobStatus {
    /// Its files are being worked out; what to tell a person of that.
    Running(String),
    /// They could not be worked out, for this reason.
    Failed(String),
    /// It is complete, and goes at a time.
    Complete {
        /// Its transactionTime.
        time: Instant,
        /// When it goes.
        expires_at: Instant,
        /// Its files in the order of the manifest.
        files: Vec<File>,
    },
}

/// A file of a job, open to be read: the job stays while it is.
pub struct Opened {
    /// What it is.
    pub file: File,
    /// What it is cut from.
    pub snapshot: Snapshot,
    /// How its resources go out.
    pub shape: Shape,
    /// Keeps the job.
    pub hold: JobHold,
}

/// Somebody is reading a file of a job.
pub struct JobHold {
    jobs: Arc<Shared>,
    id: String,
}

/// The jobs of a store, and those who work on them. Dropped, the work ends; it is taken up again
/// when the store is served again.
pub struct Jobs {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    store: Store,
    /// How long a complete job lives.
    ttl: Duration,
    log: fn(&Error),
    state: Mutex<Now>,
    changed: Condvar,
}

#[derive(Default)]
struct Now {
    stopping: bool,
    waiting: VecDeque<String>,
    works: HashMap<String, Arc<Work>>,
    reading: HashMap<String, usize>,
}

impl Jobs {
    /// Those of `store`: takes up what was not finished, and looks for what is over.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn start(store: &Store, ttl: Duration, log: fn(&Error)) -> Result<Jobs> {
        let waiting: VecDeque<String> = store.running_jobs(store.now())?.into();
        let works = waiting.iter().map(|id| (id.clone(), Arc::default())).collect();
        let state = Mutex::new(Now { waiting, works, ..Now::default() });
        let shared =
            Arc::new(Shared { store: store.clone(), ttl, log, state, changed: Condvar::new() });
        let mut threads = Vec::new();
        for _ in 0..WORKERS {
            let shared = shared.clone();
            threads.push(spawn(move || shared.work())?);
        }
        let keeper = shared.clone();
        threads.push(spawn(move || keeper.look_after())?);
        Ok(Jobs { shared, threads })
    }

    /// Accepts an export of `snapshot`; the id of its job. What is found by looking at an index alone,
    /// or is wanted `at_once`, is over when this returns, and so may be what takes but a moment.
    ///
    /// # Errors
    /// `Busy` where the store is kept busy for too long: then there is no job.
    pub fn accept(&self, snapshot: Snapshot, accepted: &KickOff, at_once: bool) -> Result<String> {
        let id = random::hex::<16>()?;
        let store = &self.shared.store;
        let request = serde_json::to_string(accepted)
            .map_err(|error| Error::caused(Kind::Internal, "a request", error))?;
        let (seq, time, reader) = (snapshot.seq(), snapshot.time(), snapshot.reach());
        // Made when its turn has come: only then its time begins.
        let row = |state| {
            let now = store.now();
            JobRow {
                id: id.clone(),
                state,
                reader,
                request,
                snapshot: seq,
                transaction_time: time,
                created_at: now,
                expires_at: now.later(self.shared.ttl),
                failure: None,
            }
        };
        if at_once || accepted.request.is_immediate() {
            let plan = Plan::new(snapshot, &accepted.request)?;
            store.add_job(|| row(State::Complete), &rows(&plan))?;
            return Ok(id);
        }
        store.add_job(|| row(State::Running), &[])?;
        let mut state = self.shared.state();
        state.works.insert(id.clone(), Arc::default());
        state.waiting.push_back(id.clone());
        self.shared.changed.notify_all();
        // What is done in a moment is better done at the first poll than a second later.
        let is_open = |state: &mut Now| state.works.contains_key(&id) && !state.stopping;
        drop(self.shared.changed.wait_timeout_while(state, MOMENT, is_open));
        Ok(id)
    }

    /// A job and how far it is; `None` where there is none (any more) for this reader.
    ///
    /// # Errors
    /// `Forbidden` where it was begun with a wider scope; where the store cannot be read.
    pub fn progress(
        &self,
        id: &str,
        permission: &Permission,
    ) -> Result<Option<(KickOff, JobStatus)>> {
        let store = &self.shared.store;
        let Some((job, accepted)) = self.job(id, permission)? else { return Ok(None) };
        let progress = match job.state {
            State::Running => JobStatus::Running(match self.shared.state().works.get(id) {
                Some(work) => work.progress(),
                None => "in progress".to_owned(),
            }),
            State::Failed => JobStatus::Failed(job.failure.unwrap_or_default()),
            State::Complete => {
                let all = selection(&accepted.request, &job);
                let rows = store.job_files(id)?.into_iter();
                JobStatus::Complete {
                    time: job.transaction_time,
                    expires_at: job.expires_at,
                    files: rows.map(|row| File::of_row(row, &all)).collect::<Result<_>>()?,
                }
            }
        };
        Ok(Some((accepted, progress)))
    }

    /// A job that is for this permission.
    fn job(&self, id: &str, permission: &Permission) -> Result<Option<(JobRow, KickOff)>> {
        let store = &self.shared.store;
        let job = store.job(id, store.now())?.filter(|job| job.reader == permission.reach);
        let Some(job) = job else { return Ok(None) };
        let accepted = accepted(&job)?;
        permission.check(&accepted.request)?;
        Ok(Some((job, accepted)))
    }

    /// Cancels a job, or gives its files up; `false` where there is none (any more) for this permission.
    ///
    /// # Errors
    /// As [`Jobs::accept`] and [`Jobs::progress`]; then it is still there.
    pub fn cancel(&self, id: &str, permission: &Permission) -> Result<bool> {
        if self.job(id, permission)?.is_none() {
            return Ok(false);
        }
        let was_there = self.shared.store.delete_job(id)?;
        if let Some(work) = self.shared.state().works.get(id) {
            work.call_off();
        }
        Ok(was_there)
    }

    /// Opens a file of a complete job; `None` where there is none (any more) for this permission.
    ///
    /// # Errors
    /// As [`Jobs::progress`].
    pub fn open(&self, id: &str, name: &str, permission: &Permission) -> Result<Option<Opened>> {
        let store = &self.shared.store;
        *self.shared.state().reading.entry(id.to_owned()).or_default() += 1;
        let hold = JobHold { jobs: self.shared.clone(), id: id.to_owned() };
        let Some((job, accepted)) = self.job(id, permission)? else { return Ok(None) };
        let Some(row) = store.job_file(id, name)? else { return Ok(None) };
        let file = File::of_row(row, &selection(&accepted.request, &job))?;
        let snapshot = store.snapshot_at(job.snapshot, job.transaction_time).within(job.reader);
        let shape = Shape::of(&accepted.request);
        // Users may have come and gone between the two moments that it was made of.
        if snapshot.reach() != Reach::Everything && !is_whole(&snapshot, &file, &shape)? {
            return Ok(None);
        }
        Ok(Some(Opened { file, snapshot, shape, hold }))
    }

    /// Ends the work under way; nothing is begun any more.
    pub fn stop(&self) {
        let mut state = self.shared.state();
        state.stopping = true;
        state.works.values().for_each(|work| work.call_off());
        self.shared.changed.notify_all();
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for JobHold {
    fn drop(&mut self) {
        let mut state = self.jobs.state();
        if let Some(count) = state.reading.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                state.reading.remove(&self.id);
            }
        }
    }
}

fn accepted(job: &JobRow) -> Result<KickOff> {
    serde_json::from_str(&job.request).map_err(|error| {
        Error::caused(Kind::Damaged, format!("the request of job {}: {error}", job.id), error)
    })
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    thread::Builder::new().spawn(work).map_err(|error| Error::io("no thread for jobs", error))
}

fn rows(plan: &Plan) -> Vec<FileRow> {
    plan.files.iter().map(File::to_row).collect()
}

/// What a range in one of its files leaves open.
fn selection(request: &ExportRequest, job: &JobRow) -> Selection {
    Selection {
        resource_type: String::new(),
        since: request.since,
        until: request.until,
        first: 0,
        last: job.snapshot,
    }
}

/// True where a range still holds what it did when it was counted.
fn is_whole(snapshot: &Snapshot, file: &File, shape: &Shape) -> Result<bool> {
    let Content::Range(selection) = &file.content else { return Ok(true) };
    let Some(total) = snapshot.total(selection)? else { return Ok(false) };
    let is_known = !shape.must_be_made(&selection.resource_type);
    Ok(total.count == file.count
        && (!is_known || shape.bytes_of(snapshot, selection, &total)? == file.bytes))
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, Now> {
        lock(&self.state)
    }

    /// Works on one job after the other.
    fn work(&self) {
        while let Some((id, work)) = self.next() {
            let worked = catch_unwind(AssertUnwindSafe(|| self.plan(&id, &work)));
            let planned = worked
                .unwrap_or_else(|_| Err(Error::new(Kind::Internal, "the work on a job panicked")));
            match planned {
                Ok(None) => {}
                Ok(Some(plan)) => self.finish(&id, Ok(plan)),
                // Called off: it was cancelled, or the server ends and it is to be taken up again.
                Err(_) if work.is_called_off() => {}
                // An import keeps the store to itself for a while.
                Err(error) if error.kind() == Kind::Busy => {
                    if !self.stopped_within(PAUSE) {
                        self.state().waiting.push_back(id);
                        continue;
                    }
                }
                Err(error) => self.finish(&id, Err(error)),
            }
            self.state().works.remove(&id);
            self.changed.notify_all();
        }
    }

    fn next(&self) -> Option<(String, Arc<Work>)> {
        let state = self.state();
        let idle = |state: &mut Now| !state.stopping && state.waiting.is_empty();
        let waited = self.changed.wait_while(state, idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.stopping {
            return None;
        }
        let id = state.waiting.pop_front()?;
        let work = state.works.get(&id).cloned().unwrap_or_default();
        Some((id, work))
    }

    /// The files of a job; `None` where it is gone.
    fn plan(&self, id: &str, work: &Work) -> Result<Option<Plan>> {
        let job = self.store.job(id, self.store.now())?;
        let Some(job) = job.filter(|job| job.state == State::Running) else { return Ok(None) };
        let request = accepted(&job)?.request;
        let snapshot =
            self.store.snapshot_at(job.snapshot, job.transaction_time).within(job.reader);
        Plan::work(snapshot, &request, work).map(Some)
    }

    /// Writes down what became of a job, as often as it takes.
    fn finish(&self, id: &str, planned: Result<Plan>) {
        let rows = planned.map(|plan| rows(&plan));
        if let Err(error) = &rows {
            (self.log)(error);
        }
        loop {
            let later = || self.store.now().later(self.ttl);
            let written = match &rows {
                Ok(files) => self.store.complete_job(id, files, later).map(drop),
                Err(error) => self.store.fail_job(id, error.for_clients(), later()),
            };
            match written {
                Ok(()) => return,
                // The disk may be full, or an import take its time: neither for ever.
                Err(error) => {
                    if error.kind() != Kind::Busy {
                        (self.log)(&error);
                    }
                    if self.stopped_within(PAUSE) {
                        return;
                    }
                }
            }
        }
    }

    /// Lets go of jobs that are over, and of what was kept for them.
    fn look_after(&self) {
        let round = (self.ttl / 4).clamp(PAUSE, ROUND);
        loop {
            if let Err(error) = self.sweep() {
                (self.log)(&error);
            }
            if self.stopped_within(round) {
                return;
            }
        }
    }

    fn sweep(&self) -> Result<()> {
        let now = self.store.now();
        // Another server on this store may have died over them. Where it lives, they are worked out
        // twice, to the same files.
        for id in self.store.running_jobs(now.earlier(ABANDONED))? {
            let mut state = self.state();
            if !state.works.contains_key(&id) {
                state.works.insert(id.clone(), Arc::default());
                state.waiting.push_back(id);
                self.changed.notify_all();
            }
        }
        for id in self.store.expired_jobs(now)? {
            let is_read = self.state().reading.contains_key(&id);
            if !is_read {
                match self.store.delete_job(&id) {
                    Err(error) if error.kind() == Kind::Busy => return Ok(()),
                    done => done?,
                };
            }
        }
        self.store.prune(now.earlier(self.ttl)).map(drop)
    }

    fn stopped_within(&self, patience: Duration) -> bool {
        let state = self.state();
        let waited = self.changed.wait_timeout_while(state, patience, |state| !state.stopping);
        waited.unwrap_or_else(PoisonError::into_inner).0.stopping
    }
}
