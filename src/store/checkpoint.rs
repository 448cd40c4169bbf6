//! Checkpoints: bring what the write-ahead log holds into the store's file, so that a plain copy of
//! the file alone has it, and so that the log stays small.
//!
//! <https://www.sqlite.org/wal.html#ckpt>. A passive checkpoint waits for nobody and keeps nobody
//! waiting. It leaves out what a reader still needs the log for; the next round brings that.
//!
//! The log begins anew at its start only where a write finds all of it in the file and no reader in the log.
//! Where downloads and searches overlap, no write ever does, so the log grows. A long log is therefore ended by a
//! checkpoint that waits for the readers of the moment, and keeps other writes waiting meanwhile. Those that
//! begin to read then do so from the file alone, so the wait is as long as the longest read.

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, OpenFlags};

use super::file::beside;
use super::handle::Store;
use super::pool::{LOG_BYTES, PATIENCE};
use super::rest::touch_log;
use super::sql::{one, passive_checkpoint};
use crate::error::{Error, Kind, Log, Result};
use crate::sync::StopSignal;

/// The time between two looks at the log.
const ROUND: Duration = Duration::from_millis(200);

/// A log that never rests is brought into the file after so many rounds.
const MOST_ROUNDS: u32 = 10;

/// A log of so many bytes is ended. An import may add as much as one of its transactions writes.
pub(super) const LONG_LOG: u64 = 64 << 20;

/// How long the readers of a long log are waited for: in all, in one attempt, and the pause between two. Other
/// writes wait meanwhile.
const READERS_PATIENCE: Duration = Duration::from_secs(5);
const ATTEMPT: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(5);

/// After readers that stayed, a server tries again where the log has grown by so many bytes.
const GROWN: u64 = LONG_LOG / 2;

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

    /// Ends the `-wal` where it has `least` bytes, before a write makes it longer. Waits for those who read it. Returns
    /// how many bytes it may have before the next attempt.
    ///
    /// # Errors
    /// Where the disk refuses. A reader that stays is no error: the `-wal` then grows, and [`Store::log`] is told the
    /// first time.
    pub(super) fn end_long_log(&self, conn: &Connection, least: u64) -> Result<u64> {
        if self.pool().is_in_memory() || !is_longer(self.path(), least) {
            return Ok(least);
        }
        let is_ended = end_log(conn, self.path())?;
        conn.busy_timeout(PATIENCE)?;
        if is_ended {
            return Ok(LONG_LOG);
        }
        if least == LONG_LOG {
            let what = format!(
                "{}: a program has read in one transaction for more than {} seconds; until it ends, the log \
                 ({0}-wal) grows",
                self.path().display(),
                READERS_PATIENCE.as_secs()
            );
            self.log().tell(&Error::new(Kind::Busy, what));
        }
        Ok(grown(self.path()))
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
    let (mut least, mut conn) = (LONG_LOG, None);
    loop {
        let is_last = stop.is_given();
        // Exports that were accepted during an import. At the end nothing else of this server writes.
        let patience = if is_last { LAST_PATIENCE } else { Duration::ZERO };
        if let Err(error) = store.take_up_jobs_set_aside(patience) {
            log.tell(&error.at_file(store.path()));
        }
        if is_last {
            return;
        }
        if stop.is_given_within(ROUND) {
            continue;
        }
        match end_long_log_in_round(store, least) {
            Ok(next) => least = next,
            Err(error) => log.tell(&error.at_file(store.path())),
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
        match round(store, &mut conn, rests) {
            Ok(is_whole) => {
                (done, has_failed) = (state(store.path()).filter(|_| is_whole), false);
            }
            // Told once: the disk may be full for a while.
            Err(error) => {
                let is_told = !has_failed && error.kind() != Kind::Busy;
                if is_told || error.kind() == Kind::Replaced {
                    log.tell(&error.at_file(store.path()));
                }
                has_failed = true;
            }
        }
    }
}

/// Ends the log where it has `least` bytes, whoever writes to it. Returns how many it may have before the next
/// attempt.
fn end_long_log_in_round(store: &Store, least: u64) -> Result<u64> {
    if !is_longer(store.path(), least) {
        return Ok(least);
    }
    let conn = store.pool().connect(OpenFlags::SQLITE_OPEN_READ_WRITE, ATTEMPT)?;
    conn.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    if end_log(&conn, store.path())? {
        return Ok(LONG_LOG);
    }
    Ok(grown(store.path()))
}

/// How many bytes a `-wal` that could not be ended may have before the next attempt.
fn grown(path: &Path) -> u64 {
    state(path).map_or(LONG_LOG, |(length, _)| length + GROWN)
}

/// Brings all of the log into the file, and begins the log anew. Waits for readers and writers; false where one
/// stays for longer than [`READERS_PATIENCE`].
fn end_log(conn: &Connection, path: &Path) -> Result<bool> {
    conn.busy_timeout(ATTEMPT)?;
    let begun = Instant::now();
    loop {
        // Most of the work is done before others have to wait.
        passive_checkpoint(conn)?;
        match end_readable_log(conn) {
            Ok(true) => return Ok(true),
            Err(error) if error.kind() != Kind::Busy => return Err(error),
            _ if begun.elapsed() >= READERS_PATIENCE => return Ok(false),
            // SQLite does not wait for a checkpoint of another connection, which may have done the same.
            _ if !is_longer(path, LONG_LOG) => return Ok(true),
            _ => thread::sleep(RETRY),
        }
    }
}

fn end_readable_log(conn: &Connection) -> Result<bool> {
    let sql = "PRAGMA wal_checkpoint(RESTART)";
    let is_ended = one(conn, sql, (), |row| Ok(row.get::<_, i64>(0)? == 0))?;
    if is_ended {
        // The first write also cuts the log's file, to `journal_size_limit`.
        touch_log(conn)?;
    }
    Ok(is_ended)
}

/// Brings the log into the file; empties a long log that `rests`. True where nothing is left to do.
///
/// `conn` stays open between the rounds: one that is opened anew could meet another file.
fn round(store: &Store, conn: &mut Option<Connection>, rests: bool) -> Result<bool> {
    store.enter_wal_mode()?;
    let conn = match conn {
        Some(conn) => conn,
        None => {
            conn.insert(store.pool().connect(OpenFlags::SQLITE_OPEN_READ_WRITE, Duration::ZERO)?)
        }
    };
    store.in_place()?;
    let is_whole = passive_checkpoint(conn)?;
    let is_long = || is_longer(store.path(), LOG_BYTES);
    if is_whole && rests && is_long() {
        empty(conn)?;
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

fn is_longer(path: &Path, bytes: u64) -> bool {
    state(path).is_some_and(|(length, _)| length > bytes)
}

fn state(path: &Path) -> LogState {
    let meta = std::fs::metadata(beside(path, "-wal")).ok()?;
    Some((meta.len(), meta.modified().ok()))
}
