//! Writing down who got what, beside what is being answered.
//!
//! Nobody waits for it: an import may keep the store to itself for a while. What was noted is written
//! as soon as that can be, and before a server that is ended in good order is gone.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Log, Result};
use crate::store::{Event, Store};
use crate::sync::lock;

/// So many are written in one transaction.
const AT_ONCE: usize = 1000;
/// So many wait to be written; beyond that whoever notes something waits, too.
const MOST: usize = 10_000;
/// How long one try waits for others' writes, and the one at the end of a server.
const PATIENCE: Duration = Duration::from_secs(1);
const LAST_PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait where the store is kept busy, or the disk is full.
const PAUSE: Duration = Duration::from_secs(1);

/// Where it is noted.
pub struct Audit {
    sender: Mutex<Option<SyncSender<Event>>>,
    thread: Option<JoinHandle<()>>,
}

impl Audit {
    /// For a store.
    ///
    /// # Errors
    /// Where the system has no thread for it.
    pub fn start(store: &Store, log: Log) -> Result<Audit> {
        let (sender, receiver) = sync_channel(MOST);
        let store = store.clone();
        let thread = thread::Builder::new()
            .spawn(move || write(&store, &receiver, &log))
            .map_err(|error| Error::io("no thread for the audit", error))?;
        Ok(Audit { sender: Mutex::new(Some(sender)), thread: Some(thread) })
    }

    /// Notes something.
    pub fn note(&self, event: Event) {
        let sender = lock(&self.sender).clone();
        if let Some(sender) = sender {
            let _ = sender.send(event);
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        drop(lock(&self.sender).take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(store: &Store, receiver: &Receiver<Event>, log: &Log) {
    while let Ok(first) = receiver.recv() {
        let mut events = vec![first];
        let mut is_last = false;
        loop {
            events.extend(receiver.try_iter().take(AT_ONCE.saturating_sub(events.len())));
            let patience = if is_last { LAST_PATIENCE } else { PATIENCE };
            let Err(error) = store.add_audit(&events, patience) else { break };
            if is_last {
                let what = format!("{} events are missing in the audit: {error}", events.len());
                return log.tell(&Error::new(Kind::Io, what));
            }
            if error.kind() != Kind::Busy {
                log.tell(&error);
            }
            // Until the next try, or the end of the server.
            let began = Instant::now();
            while !is_last && began.elapsed() < PAUSE && events.len() < AT_ONCE {
                match receiver.recv_timeout(PAUSE.saturating_sub(began.elapsed())) {
                    Ok(event) => events.push(event),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => is_last = true,
                }
            }
        }
    }
}
