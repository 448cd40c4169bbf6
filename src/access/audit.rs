//! The audit: writes down who got what and who was refused, on a thread of its own.
//!
//! No data leave without their event: a request takes a place in the queue before its answer, and where the queue
//! is full for some seconds it is refused. Requests do not wait for the store, because an import may hold its write
//! lock for a while. The thread writes events as soon as the store accepts them, and once more when the server
//! ends. What changes who gets in is written with the change itself (`store/audit.rs`).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::address_block::AddressBlock;
use super::refusals::{Refusals, RefusedCredential};
use crate::error::{Error, Kind, Log, Result};
use crate::store::{AuditEvent, Store};
use crate::sync::{StopSignal, lock};

/// The most events in one transaction.
const BATCH: usize = 1000;
/// The most events that wait in the queue, with the places that were taken for others.
const MOST_QUEUED: usize = 10_000;
/// How long requests wait for a place from the moment at which the queue was full. Those that come later do
/// not wait.
const PLACE_PATIENCE: Duration = Duration::from_secs(5);
/// How long one try waits for other writers.
const PATIENCE: Duration = Duration::from_secs(1);
/// The pause after a failed try.
const PAUSE: Duration = Duration::from_secs(1);
/// How long all tries after the end of the server may take together.
const LAST_PATIENCE: Duration = Duration::from_secs(5);
/// While the store refuses or the queue is full, the log says so once in this time.
const LOG_PERIOD: Duration = Duration::from_secs(60);

/// The audit of a store.
pub struct Audit {
    queue: Arc<AuditQueue>,
    thread: Option<JoinHandle<()>>,
    stop: Arc<StopSignal>,
}

/// What requests and the thread share.
struct AuditQueue {
    state: Mutex<AuditState>,
    /// Something in the state has changed.
    changed: Condvar,
    /// The store, for the time of events.
    store: Store,
    log: Log,
}

#[derive(Default)]
struct AuditState {
    events: VecDeque<AuditEvent>,
    refusals: Refusals,
    /// The places that were taken and have no event yet.
    taken: usize,
    /// Since when there has been no place.
    full_since: Option<Instant>,
    /// When the log last said that the queue is full.
    told: Option<Instant>,
    /// True once requests no longer wait for a place.
    is_closed: bool,
    /// True once no event comes any more.
    has_ended: bool,
}

/// A place in the queue, for the event of one answer.
pub struct AuditPlace(Arc<AuditQueue>);

impl Audit {
    /// Starts the thread that writes to `store`.
    ///
    /// # Errors
    /// `Io` where the system has no more threads.
    pub fn start(store: &Store, log: Log) -> Result<Audit> {
        let queue = Arc::new(AuditQueue {
            state: Mutex::default(),
            changed: Condvar::new(),
            store: store.clone(),
            log: log.clone(),
        });
        let stop = Arc::<StopSignal>::default();
        let stopped = stop.clone();
        let mut writer = AuditWriter {
            queue: queue.clone(),
            events: Vec::new(),
            log,
            refused_since: None,
            told: None,
        };
        let thread = thread::Builder::new()
            .spawn(move || writer.run(&stopped))
            .map_err(|error| Error::io("no thread for the audit", error))?;
        Ok(Audit { queue, thread: Some(thread), stop })
    }

    /// Takes a place for an event.
    ///
    /// # Errors
    /// `Busy` where the queue is full for some seconds, or is full and the audit is closed.
    pub fn place(&self) -> Result<AuditPlace> {
        let queue = &self.queue;
        let mut state = queue.lock();
        while state.is_full() {
            let since = *state.full_since.get_or_insert_with(Instant::now);
            let left = PLACE_PATIENCE.saturating_sub(since.elapsed());
            if left.is_zero() || state.is_closed {
                return Err(queue.refusal(state));
            }
            let waited = queue.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.full_since = None;
        state.taken += 1;
        Ok(AuditPlace(queue.clone()))
    }

    /// Counts refused credentials of a client's name, if one was named, from an address.
    pub fn note_refusal(&self, name: Option<&str>, peer: IpAddr, what: RefusedCredential) {
        let now = self.queue.store.now();
        self.queue.lock().refusals.count(name, AddressBlock::of(peer), what, now);
        self.queue.changed.notify_all();
    }

    /// Notes an event that no data depend on, unless the queue is full.
    pub fn note_if_room(&self, event: AuditEvent) {
        let mut state = self.queue.lock();
        if !state.is_full() {
            state.events.push_back(event);
            self.queue.changed.notify_all();
        }
    }

    /// How many events are not written yet, and wait in the queue.
    pub fn waiting(&self) -> u64 {
        self.queue.lock().events.len() as u64
    }

    /// Lets requests end although the store refuses: from now on none waits for a place.
    pub fn close(&self) {
        self.queue.lock().is_closed = true;
        self.queue.changed.notify_all();
    }
}

/// Writes the events that still wait, for [`LAST_PATIENCE`] at most. The log says how many are lost.
impl Drop for Audit {
    fn drop(&mut self) {
        self.queue.lock().has_ended = true;
        self.queue.changed.notify_all();
        self.stop.give();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl AuditPlace {
    /// Notes the event that the place was taken for.
    pub fn note(self, event: AuditEvent) {
        self.0.lock().events.push_back(event);
    }
}

/// Gives the place back.
impl Drop for AuditPlace {
    fn drop(&mut self) {
        self.0.lock().taken -= 1;
        self.0.changed.notify_all();
    }
}

impl AuditQueue {
    fn lock(&self) -> MutexGuard<'_, AuditState> {
        lock(&self.state)
    }

    /// What a request without a place gets to hear. The log hears of it once a period.
    fn refusal(&self, mut state: MutexGuard<'_, AuditState>) -> Error {
        let is_due = state.told.is_none_or(|told| told.elapsed() >= LOG_PERIOD);
        if is_due {
            state.told = Some(Instant::now());
        }
        drop(state);
        if is_due {
            let what = format!(
                "the audit cannot be written and {MOST_QUEUED} events wait: requests for data are refused until it can"
            );
            self.log.tell(&Error::new(Kind::Busy, what));
        }
        let what = "the audit cannot be written now, and no data leave without it; try again later";
        Error::new(Kind::Busy, what).after(PLACE_PATIENCE.as_secs())
    }

    /// Waits for events, or for refusals that are due; `false` once the audit has ended and nothing is left.
    fn wait(&self) -> bool {
        let mut state = self.lock();
        loop {
            let due = state.refusals.due_in();
            if state.has_ended || due.is_some_and(|left| left.is_zero()) {
                let refusals = state.refusals.take();
                state.events.extend(refusals);
            }
            if !state.events.is_empty() || state.has_ended {
                return !state.events.is_empty();
            }
            let waited = match due {
                Some(left) => self
                    .changed
                    .wait_timeout(state, left)
                    .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state),
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state = waited;
        }
    }

    /// Moves up to `room` events from the queue to `events`.
    fn move_to(&self, events: &mut Vec<AuditEvent>, room: usize) {
        let mut state = self.lock();
        let count = room.min(state.events.len());
        events.extend(state.events.drain(..count));
        drop(state);
        self.changed.notify_all();
    }
}

impl AuditState {
    fn is_full(&self) -> bool {
        self.events.len() + self.taken >= MOST_QUEUED
    }
}

/// The thread's side of an [`Audit`].
struct AuditWriter {
    queue: Arc<AuditQueue>,
    /// Events taken from the queue, which the store has not accepted yet.
    events: Vec<AuditEvent>,
    log: Log,
    /// When the store began to refuse, and when the log last said so.
    refused_since: Option<Instant>,
    told: Option<Instant>,
}

impl AuditWriter {
    fn run(&mut self, stop: &StopSignal) {
        while self.queue.wait() {
            while let Err(error) = self.write(PATIENCE) {
                self.report(&error);
                if stop.is_given_within(PAUSE) {
                    return self.finish();
                }
            }
        }
    }

    /// Fills the batch from the queue and writes it.
    fn write(&mut self, patience: Duration) -> Result<()> {
        let room = BATCH.saturating_sub(self.events.len());
        self.queue.move_to(&mut self.events, room);
        if self.events.is_empty() {
            return Ok(());
        }
        self.queue.store.add_audit(&self.events, patience)?;
        self.events.clear();
        (self.refused_since, self.told) = (None, None);
        Ok(())
    }

    /// Reports that the store refuses: once a period. A store that is only busy is reported after the
    /// first period.
    fn report(&mut self, error: &Error) {
        let since = self.refused_since.get_or_insert_with(Instant::now);
        let is_due = match self.told {
            Some(told) => told.elapsed() >= LOG_PERIOD,
            None => error.kind() != Kind::Busy || since.elapsed() >= LOG_PERIOD,
        };
        if is_due {
            self.told = Some(Instant::now());
            let what = format!("the audit cannot be written now, its events wait: {error}");
            self.log.tell(&Error::new(error.kind(), what));
        }
    }

    /// Writes what is left after the end of the server, for [`LAST_PATIENCE`] at most, and reports what is lost.
    fn finish(&mut self) {
        let began = Instant::now();
        while self.queue.wait() || !self.events.is_empty() {
            let Err(error) = self.write(LAST_PATIENCE.saturating_sub(began.elapsed())) else {
                continue;
            };
            let left = LAST_PATIENCE.saturating_sub(began.elapsed());
            if left.is_zero() {
                self.queue.move_to(&mut self.events, usize::MAX);
                let lost = self.events.len();
                let what = format!("{lost} events are missing in the audit: {error}");
                return self.log.tell(&Error::new(Kind::Io, what));
            }
            thread::sleep(left.min(PAUSE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_requests_and_holds_nobody_up_once_the_audit_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        let store = Store::create(&path).unwrap();
        let refuse =
            "CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'full'); END";
        rusqlite::Connection::open(&path).unwrap().execute_batch(refuse).unwrap();
        let told = Arc::<Mutex<Vec<String>>>::default();
        let lines = told.clone();
        let log = Log::new(move |error| lock(&lines).push(error.to_string()));
        let audit = Audit::start(&store, log).unwrap();
        // A download that goes on has its place too.
        let download = audit.place().unwrap();
        let mut noted = 0;
        let refused = loop {
            match audit.place() {
                Ok(place) => place.note(AuditEvent::default()),
                Err(error) => break error,
            }
            noted += 1;
        };
        assert_eq!((refused.kind(), refused.retry_after()), (Kind::Busy, Some(5)));
        assert!((MOST_QUEUED - 1..MOST_QUEUED + BATCH).contains(&noted), "{noted}");
        // Nobody waits a second time, and the log says it once.
        assert!((0..1000).all(|_| audit.place().is_err()));
        let full = |line: &&String| line.contains("requests for data are refused");
        assert_eq!(lock(&told).iter().filter(full).count(), 1);
        audit.close();
        download.note(AuditEvent::default());
        drop(audit);
        let lost = format!("{} events are missing in the audit: ", noted + 1);
        let told = lock(&told);
        assert!(told.last().unwrap().starts_with(&lost), "{told:?}");
    }
}
