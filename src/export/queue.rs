//! The queue of jobs: those that wait for a worker, those under way, those whose files are read.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::progress::JobProgress;
use crate::sync::{StopSignal, lock};

/// The jobs that this process works on.
#[derive(Default)]
pub struct JobQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
    stop: StopSignal,
}

#[derive(Default)]
struct QueueState {
    /// The ids of jobs that no worker has taken yet.
    waiting: VecDeque<String>,
    /// The progress of all jobs that are not finished.
    unfinished: HashMap<String, Arc<JobProgress>>,
    /// For each job how many clients read one of its files.
    readers: HashMap<String, usize>,
}

/// Keeps a job and its files while a client reads one of them.
pub struct JobHold {
    queue: Arc<JobQueue>,
    id: String,
}

impl JobQueue {
    /// Adds a job, unless it is here already.
    pub fn add(&self, id: &str) {
        let mut state = lock(&self.state);
        if !state.unfinished.contains_key(id) {
            state.unfinished.insert(id.to_owned(), Arc::default());
            state.waiting.push_back(id.to_owned());
            self.changed.notify_all();
        }
    }

    /// Puts a job that a worker took back at the end.
    pub fn put_back(&self, id: String) {
        lock(&self.state).waiting.push_back(id);
        self.changed.notify_all();
    }

    /// Waits for a job and takes it. `None` once the queue is stopped.
    pub fn take(&self) -> Option<(String, Arc<JobProgress>)> {
        let is_idle = |state: &mut QueueState| state.waiting.is_empty() && !self.stop.is_given();
        let waited = self.changed.wait_while(lock(&self.state), is_idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if self.stop.is_given() {
            return None;
        }
        let id = state.waiting.pop_front()?;
        let progress = state.unfinished.get(&id).cloned().unwrap_or_default();
        Some((id, progress))
    }

    /// Removes a finished job.
    pub fn remove(&self, id: &str) {
        lock(&self.state).unfinished.remove(id);
        self.changed.notify_all();
    }

    /// Waits until a job is finished, for `time` at most.
    pub fn wait_for(&self, id: &str, time: Duration) {
        let is_unfinished =
            |state: &mut QueueState| state.unfinished.contains_key(id) && !self.stop.is_given();
        drop(self.changed.wait_timeout_while(lock(&self.state), time, is_unfinished));
    }

    /// The progress of a job, for a person; `None` if the job is not here.
    pub fn progress(&self, id: &str) -> Option<String> {
        lock(&self.state).unfinished.get(id).map(|progress| progress.to_text())
    }

    /// Cancels a job if it is under way.
    pub fn cancel(&self, id: &str) {
        if let Some(progress) = lock(&self.state).unfinished.get(id) {
            progress.cancel();
        }
    }

    /// Ends the work under way. No job is begun any more.
    pub fn stop(&self) {
        self.stop.give();
        let state = lock(&self.state);
        state.unfinished.values().for_each(|progress| progress.cancel());
        self.changed.notify_all();
    }

    /// Waits for the stop, for `time` at most. True once the queue is stopped.
    pub fn is_stopped_within(&self, time: Duration) -> bool {
        self.stop.is_given_within(time)
    }

    /// Keeps a job until the hold is dropped.
    pub fn hold(self: &Arc<Self>, id: &str) -> JobHold {
        *lock(&self.state).readers.entry(id.to_owned()).or_default() += 1;
        JobHold { queue: self.clone(), id: id.to_owned() }
    }

    /// True while a client reads a file of the job.
    pub fn is_held(&self, id: &str) -> bool {
        lock(&self.state).readers.contains_key(id)
    }
}

impl Drop for JobHold {
    fn drop(&mut self) {
        let mut state = lock(&self.queue.state);
        if let Some(count) = state.readers.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                state.readers.remove(&self.id);
            }
        }
    }
}
