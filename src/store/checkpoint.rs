//! Checkpoints: bring what the write-ahead log holds into the store's file, so that a plain copy of
//! the file alone has it, and so that the log stays small.
//!
//! <https://www.sqlite.org/wal.html#ckpt>. A passive checkpoint waits for nobody and keeps nobody
//! waiting. It leaves out what a reader still needs the log for; the next round brings that.

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags};

use super::file::beside;
use super::handle::Store;
use super::pool::{LOG_BYTES, connect};
use super::rest::touch_log;
use super::sql::{one, passive_checkpoint};
use crate::error::{Error, Kind, Log, Result};
use crate::sync::StopSignal;

/// The time between two looks at the log.
const ROUND: Duration = Duration::from_millis(200);

/// A log that never rests is brought into the file after so many rounds.
const MOST_ROUNDS: u32 = 10;

/// How long the end of a server waits for an import, to move jobs into the store.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// The thread that brings the log into the file while a server runs. Dropping it ends the thread.
pub struct Checkpoints {
    stop: Arc<StopSignal>,
    handle: Option<JoinHandle<()>>,
}

/// How the log's file was at one look: its bytes, and when it was written.
type LogState = Option<(u64, Option<SystemTime>)>;

impl Store {
    /// Brings the log into the file, as far as no reader needs it. Waits for nobody.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        if self.pool().is_read_only() {
            return Ok(());
        }
        passive_checkpoint(&*self.reader()?).map(drop)
    }

    /// Brings the log into the file again and again, whoever wrote it, until the returned value is
    /// dropped. Errors go to `log`.
    ///
    /// # Errors
    /// `Io` where the system has no thread left.
    pub(crate) fn keep_checkpointed(&self, log: Log) -> Result<Checkpoints> {
        let stop = Arc::new(StopSignal::default());
        if self.pool().is_read_only() || self.pool().is_in_memory() {
            return Ok(Checkpoints { stop, handle: None });
        }
        let (store, signal) = (self.clone(), stop.clone());
        let handle = thread::Builder::new()
            .spawn(move || keep(&store, &signal, &log))
            .map_err(|error| Error::io("no thread for checkpoints", error))?;
        Ok(Checkpoints { stop, handle: Some(handle) })
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.stop.give();
        if let Some(handle) = self.handle.take() {
            let _ = handle.join();
        }
    }
}

/// Looks at the log round by round.
fn keep(store: &Store, stop: &StopSignal, log: &Log) {
    let (mut before, mut done, mut rounds) = (None, None, 0);
    let mut has_failed = false;
    loop {
        let is_last = stop.is_given();
        // Exports that were accepted during an import. At the end nothing else of this server writes.
        let patience = if is_last { LAST_PATIENCE } else { Duration::ZERO };
        if let Err(error) = store.take_up_jobs_set_aside(patience) {
            log.tell(&error);
        }
        if is_last {
            return;
        }
        if stop.is_given_within(ROUND) {
            continue;
        }
        let now = state(store.path());
        let rests = now == before;
        before = now;
        // Without a log the file is not in WAL mode yet: another program held it at the start.
        if now == done && now.is_some() {
            continue;
        }
        rounds += 1;
        if !rests && rounds < MOST_ROUNDS {
            continue;
        }
        rounds = 0;
        match round(store, rests) {
            Ok(is_whole) => {
                (done, has_failed) = (state(store.path()).filter(|_| is_whole), false);
            }
            // Told once: the disk may be full for a while.
            Err(error) => {
                if !has_failed && error.kind() != Kind::Busy {
                    log.tell(&error);
                }
                has_failed = true;
            }
        }
    }
}

/// Brings the log into the file; empties a long log that `rests`. True where nothing is left to do.
fn round(store: &Store, rests: bool) -> Result<bool> {
    store.enter_wal_mode()?;
    let conn = connect(store.pool().uri(), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.busy_timeout(Duration::ZERO)?;
    let is_whole = passive_checkpoint(&conn)?;
    let is_long = || state(store.path()).is_some_and(|(bytes, _)| bytes > LOG_BYTES);
    if is_whole && rests && is_long() {
        empty(&conn)?;
    }
    Ok(is_whole && !is_long())
}

/// Empties the log, where nobody reads or writes it. The connection must not be one that waits.
fn empty(conn: &Connection) -> Result<()> {
    match one(conn, "PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())) {
        Err(error) if error.kind() == Kind::Busy => Ok(()),
        Err(error) => Err(error),
        Ok(()) => touch_log(conn),
    }
}

fn state(path: &Path) -> LogState {
    let meta = std::fs::metadata(beside(path, "-wal")).ok()?;
    Some((meta.len(), meta.modified().ok()))
}
