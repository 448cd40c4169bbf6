//! The audit: writes down who got what, on a thread of its own.
//!
//! Requests do not wait for the audit, because an import may hold the store's write lock for a while.
//! The thread writes events as soon as the store accepts them, and once more when the server ends.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
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
/// While the store refuses, the log says so once in this time.
const LOG_PERIOD: Duration = Duration::from_secs(60);

/// The audit of a store.
pub struct Audit {
    /// Both are there until the audit ends.
    sender: Option<SyncSender<AuditEvent>>,
    thread: Option<JoinHandle<()>>,
    stop: Arc<StopSignal>,
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
        let mut writer = AuditWriter::new(store.clone(), receiver, log);
        let thread = thread::Builder::new()
            .spawn(move || writer.run(&stopped))
            .map_err(|error| Error::io("no thread for the audit", error))?;
        Ok(Audit { sender: Some(sender), thread: Some(thread), stop })
    }

    /// Notes `event`. Waits only while the queue is full.
    pub fn note(&self, event: AuditEvent) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(event);
        }
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
    /// Events taken from the queue, which the store has not accepted yet.
    events: Vec<AuditEvent>,
    log: Log,
    /// When the store began to refuse, and when the log last said so.
    refused_since: Option<Instant>,
    told: Option<Instant>,
}

impl AuditWriter {
    fn new(store: Store, receiver: Receiver<AuditEvent>, log: Log) -> AuditWriter {
        AuditWriter { store, receiver, events: Vec::new(), log, refused_since: None, told: None }
    }

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
    }

    /// Fills the batch from the queue and writes it.
    fn write(&mut self, patience: Duration) -> Result<()> {
        let room = BATCH.saturating_sub(self.events.len());
        self.events.extend(self.receiver.try_iter().take(room));
        self.store.add_audit(&self.events, patience)?;
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

    /// Writes what is left after the end of the server.
    fn finish(&mut self) {
        let began = Instant::now();
        loop {
            let left = LAST_PATIENCE.saturating_sub(began.elapsed());
            match self.write(left) {
                Ok(()) => match self.receiver.try_recv() {
                    Ok(event) => self.events.push(event),
                    Err(_) => return,
                },
                Err(error) => {
                    let left = LAST_PATIENCE.saturating_sub(began.elapsed());
                    if left.is_zero() {
                        let lost = self.events.len() + self.receiver.try_iter().count();
                        let what = format!("{lost} events are missing in the audit: {error}");
                        return self.log.tell(&Error::new(Kind::Io, what));
                    }
                    thread::sleep(left.min(PAUSE));
                }
            }
        }
    }
}
