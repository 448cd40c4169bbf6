//! The queue of jobs: those that wait for a worker, those under way, those whose files are read.
//!
//! Clients take turns: of those with jobs that wait, the one that has waited for longest gives its next job to a
//! worker. A client has so many unfinished jobs at most.

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
    /// The ids of each client's jobs that no worker has taken yet.
    waiting: HashMap<String, VecDeque<String>>,
    /// The clients with such jobs, in rotation.
    rotation: VecDeque<String>,
    /// All jobs that are not finished.
    unfinished: HashMap<String, UnfinishedJob>,
    /// How many unfinished jobs each client has, with the places that it has taken.
    of_client: HashMap<String, usize>,
    /// For each job how many clients read one of its files.
    readers: HashMap<String, usize>,
}

struct UnfinishedJob {
    client: String,
    progress: Arc<JobProgress>,
}

/// A place for one more job of a client.
pub struct JobPlace {
    queue: Arc<JobQueue>,
    /// `None` once the job is here.
    client: Option<String>,
}

/// Keeps a job and its files while a client reads one of them.
pub struct JobHold {
    queue: Arc<JobQueue>,
    id: String,
}

impl JobQueue {
    /// Takes a place for a job of a client; `None` where `most` of its jobs are unfinished.
    pub fn place(self: &Arc<Self>, client: &str, most: usize) -> Option<JobPlace> {
        let mut state = lock(&self.state);
        let count = state.of_client.entry(client.to_owned()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(JobPlace { queue: self.clone(), client: Some(client.to_owned()) })
    }

    /// True if a job is here and not finished.
    pub fn has(&self, id: &str) -> bool {
        lock(&self.state).unfinished.contains_key(id)
    }

    /// Adds a job that was accepted before, by another process perhaps, unless it is here already.
    pub fn add(&self, id: &str, client: &str) {
        let mut state = lock(&self.state);
        if !state.unfinished.contains_key(id) {
            *state.of_client.entry(client.to_owned()).or_default() += 1;
            state.enter(id, client);
            self.changed.notify_all();
        }
    }

    /// Puts a job that a worker took back at the end.
    pub fn put_back(&self, id: String) {
        let mut state = lock(&self.state);
        if let Some(client) = state.unfinished.get(&id).map(|job| job.client.clone()) {
            state.line_up(id, &client);
            self.changed.notify_all();
        }
    }

    /// Waits for a job and takes it. `None` once the queue is stopped.
    pub fn take(&self) -> Option<(String, Arc<JobProgress>)> {
        let is_idle = |state: &mut QueueState| state.rotation.is_empty() && !self.stop.is_given();
        let waited = self.changed.wait_while(lock(&self.state), is_idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if self.stop.is_given() {
            return None;
        }
        let id = state.next()?;
        let progress = state.unfinished.get(&id).map(|job| job.progress.clone());
        Some((id, progress.unwrap_or_default()))
    }

    /// Removes a finished job.
    pub fn remove(&self, id: &str) {
        lock(&self.state).leave(id);
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
        lock(&self.state).unfinished.get(id).map(|job| job.progress.to_text())
    }

    /// Cancels a job if it is under way. One that waits leaves the queue.
    pub fn cancel(&self, id: &str) {
        let mut state = lock(&self.state);
        if let Some(job) = state.unfinished.get(id) {
            job.progress.cancel();
        }
        if state.is_waiting(id) {
            state.leave(id);
            self.changed.notify_all();
        }
    }

    /// Ends the work under way. No job is begun any more.
    pub fn stop(&self) {
        self.stop.give();
        let state = lock(&self.state);
        state.unfinished.values().for_each(|job| job.progress.cancel());
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

impl QueueState {
    /// Lets an unfinished job wait.
    fn enter(&mut self, id: &str, client: &str) {
        let job = UnfinishedJob { client: client.to_owned(), progress: Arc::default() };
        self.unfinished.insert(id.to_owned(), job);
        self.line_up(id.to_owned(), client);
    }

    fn line_up(&mut self, id: String, client: &str) {
        let jobs = self.waiting.entry(client.to_owned()).or_default();
        if jobs.is_empty() {
            self.rotation.push_back(client.to_owned());
        }
        jobs.push_back(id);
    }

    /// Takes the next job of the client whose turn it is.
    fn next(&mut self) -> Option<String> {
        let client = self.rotation.pop_front()?;
        let jobs = self.waiting.get_mut(&client)?;
        let id = jobs.pop_front();
        if jobs.is_empty() {
            self.waiting.remove(&client);
        } else {
            self.rotation.push_back(client);
        }
        id
    }

    fn is_waiting(&self, id: &str) -> bool {
        let client = self.unfinished.get(id).map(|job| &job.client);
        let jobs = client.and_then(|client| self.waiting.get(client));
        jobs.is_some_and(|jobs| jobs.iter().any(|waiting| waiting == id))
    }

    /// Forgets a job, also where it waits.
    fn leave(&mut self, id: &str) {
        let Some(UnfinishedJob { client, .. }) = self.unfinished.remove(id) else { return };
        if let Some(jobs) = self.waiting.get_mut(&client) {
            jobs.retain(|waiting| waiting != id);
            if jobs.is_empty() {
                self.waiting.remove(&client);
                self.rotation.retain(|waiting| *waiting != client);
            }
        }
        self.give_back(&client);
    }

    fn give_back(&mut self, client: &str) {
        if let Some(count) = self.of_client.get_mut(client) {
            *count -= 1;
            if *count == 0 {
                self.of_client.remove(client);
            }
        }
    }
}

impl JobPlace {
    /// Lets a job of the client have the place.
    pub fn fill(mut self, id: &str) {
        if let Some(client) = self.client.take() {
            lock(&self.queue.state).enter(id, &client);
            self.queue.changed.notify_all();
        }
    }
}

/// Gives the place back where no job has it.
impl Drop for JobPlace {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            lock(&self.queue.state).give_back(&client);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_take_turns_and_have_so_many_unfinished_jobs_at_most() {
        let queue = Arc::new(JobQueue::default());
        let accept = |client: &str, id: &str| queue.place(client, 3).map(|place| place.fill(id));
        for id in ["a1", "a2", "a3"] {
            assert!(accept("a", id).is_some());
        }
        assert!(accept("a", "a4").is_none());
        for id in ["b1", "b2"] {
            assert!(accept("b", id).is_some());
        }
        queue.add("c1", "c");
        queue.add("c1", "c");
        let taken: Vec<String> = (0..5).filter_map(|_| Some(queue.take()?.0)).collect();
        assert_eq!(taken, ["a1", "b1", "c1", "a2", "b2"]);
        // A job counts until it is finished; one that waits leaves at once when it is cancelled.
        assert!(accept("a", "a4").is_none());
        queue.cancel("a3");
        assert!(accept("a", "a4").is_some() && accept("a", "a5").is_none());
        queue.remove("a1");
        let place = queue.place("a", 3);
        assert!(place.is_some() && queue.place("a", 3).is_none());
        drop(place);
        assert!(queue.place("a", 3).is_some());
        queue.put_back("b1".to_owned());
        let taken: Vec<String> = (0..2).filter_map(|_| Some(queue.take()?.0)).collect();
        assert_eq!(taken, ["a4", "b1"]);
        for id in ["a2", "a4", "b1", "b2", "c1"] {
            queue.remove(id);
        }
        let state = lock(&queue.state);
        assert!(state.of_client.is_empty() && state.unfinished.is_empty());
        assert!(state.waiting.is_empty() && state.rotation.is_empty());
    }
}
