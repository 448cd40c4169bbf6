//! The audit: writes down who got what, on a thread of its own.
//!
//! Requests do not wait for the audit, because an import may hold the store's write lock for a while.
//! The thread writes events as soon as the store accepts them, and once more when the server ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Log, Result};
use crate::store::{AuditEvent, Store};
use crate::sync::StopSignal;

/// The most events in one transaction.
const BATCH: usize = 1000;
/// The most events that wait in the queue; then `note` waits too.
const MOST_QUEUED: usize = 10_000;
/// How long one try waits for other writers.
const PATIENCE: Duration = Duration::from_secs(1);
/// The pause after a failed try.
const PAUSE: Duration = Duration::from_secs(1);
/// How long all tries after the end of the server may take together.
const LAST_PATIENCE: Duration = Duration::from_secs(5);
/// The pause between two tries to queue an event while the queue is full.
const ROOM_PAUSE: Duration = Duration::from_millis(20);
/// While the store refuses, the log says so once in this time.
const LOG_PERIOD: Duration = Duration::from_secs(60);

/// The audit of a store.
pub struct Audit {
    /// Both are there until the audit ends.
    sender: Option<SyncSender<AuditEvent>>,
    thread: Option<JoinHandle<()>>,
    stop: Arc<StopSignal>,
    /// Given when events no longer wait for room in the queue.
    closed: StopSignal,
    /// How many events found no room.
    dropped: Arc<AtomicU64>,
    /// How many events are not written yet.
    waiting: Arc<AtomicU64>,
}

impl Audit {
    /// Starts the thread that writes to `store`.
    ///
    /// # Errors
    /// `Io` where the system has no more threads.
    pub fn start(store: &Store, log: Log) -> Result<Audit> {
        let (sender, receiver) = sync_channel(MOST_QUEUED);
        let stop = Arc::<StopSignal>::default();
        let stopped = stop.clone();
        let dropped = Arc::<AtomicU64>::default();
        let waiting = Arc::<AtomicU64>::default();
        let mut writer = AuditWriter {
            store: store.clone(),
            receiver,
            dropped: dropped.clone(),
            waiting: waiting.clone(),
            events: Vec::new(),
            log,
            refused_since: None,
            told: None,
        };
        let thread = thread::Builder::new()
            .spawn(move || writer.run(&stopped))
            .map_err(|error| Error::io("no thread for the audit", error))?;
        let closed = StopSignal::default();
        Ok(Audit { sender: Some(sender), thread: Some(thread), stop, closed, dropped, waiting })
    }

    /// Notes `event`. Waits only while the queue is full and the audit is not closed.
    pub fn note(&self, mut event: AuditEvent) {
        let Some(sender) = &self.sender else { return };
        self.waiting.fetch_add(1, Ordering::Relaxed);
        while let Err(TrySendError::Full(refused)) = sender.try_send(event) {
            if self.closed.is_given_within(ROOM_PAUSE) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                return;
            }
            event = refused;
        }
    }

    /// How many events are not written yet.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Lets requests end although the store refuses: from now on an event that finds the queue full is
    /// lost, and counted.
    pub fn close(&self) {
        self.closed.give();
    }
}

/// Writes the events that still wait, for [`LAST_PATIENCE`] at most. The log says how many are lost.
impl Drop for Audit {
    fn drop(&mut self) {
        drop(self.sender.take());
        self.stop.give();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's side of an [`Audit`].
struct AuditWriter {
    store: Store,
    receiver: Receiver<AuditEvent>,
    /// How many events found no room in the queue.
    dropped: Arc<AtomicU64>,
    /// How many events are not written yet.
    waiting: Arc<AtomicU64>,
    /// Events taken from the queue, which the store has not accepted yet.
    events: Vec<AuditEvent>,
    log: Log,
    /// When the store began to refuse, and when the log last said so.
    refused_since: Option<Instant>,
    told: Option<Instant>,
}

impl AuditWriter {
    fn run(&mut self, stop: &StopSignal) {
        while let Ok(first) = self.receiver.recv() {
            self.events.push(first);
            while let Err(error) = self.write(PATIENCE) {
                self.report(&error);
                if stop.is_given_within(PAUSE) {
                    return self.finish();
                }
            }
        }
        self.finish();
    }

    /// Fills the batch from the queue and writes it.
    fn write(&mut self, patience: Duration) -> Result<()> {
        let room = BATCH.saturating_sub(self.events.len());
        self.events.extend(self.receiver.try_iter().take(room));
        if self.events.is_empty() {
            return Ok(());
        }
        self.store.add_audit(&self.events, patience)?;
        self.waiting.fetch_sub(self.events.len() as u64, Ordering::Relaxed);
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

    /// Writes what is left after the end of the server, and reports what is lost.
    fn finish(&mut self) {
        let mut lost = self.dropped.load(Ordering::Relaxed);
        let mut reason = "the store refused for too long".to_owned();
        if let Err(error) = self.write_rest() {
            lost += (self.events.len() + self.receiver.try_iter().count()) as u64;
            reason = error.to_string();
        }
        if lost > 0 {
            let what = format!("{lost} events are missing in the audit: {reason}");
            self.log.tell(&Error::new(Kind::Io, what));
        }
    }

    /// Writes what is left, for [`LAST_PATIENCE`] at most.
    fn write_rest(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            match self.write(LAST_PATIENCE.saturating_sub(began.elapsed())) {
                Ok(()) => match self.receiver.try_recv() {
                    Ok(event) => self.events.push(event),
                    Err(_) => return Ok(()),
                },
                Err(error) => {
                    let left = LAST_PATIENCE.saturating_sub(began.elapsed());
                    if left.is_zero() {
                        return Err(error);
                    }
                    thread::sleep(left.min(PAUSE));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::sync::lock;

    #[test]
    fn a_full_queue_holds_nobody_up_once_the_audit_is_closed() {
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
        let more = BATCH + MOST_QUEUED + 500;
        thread::scope(|scope| {
            let noting = scope.spawn(|| (0..more).for_each(|_| audit.note(AuditEvent::default())));
            // The queue and the thread's batch take the others.
            while audit.dropped.load(Ordering::Relaxed) == 0 {
                audit.close();
                thread::yield_now();
            }
            noting.join().unwrap();
        });
        drop(audit);
        let lost = format!("{more} events are missing in the audit: ");
        let told = lock(&told);
        assert!(told.last().unwrap().starts_with(&lost), "{told:?}");
    }
}
