//! [`Store`]: the handle on an open store. What it does lies in the files of each capability.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rusqlite::Connection;

use super::pool::{Pool, SHORT_PATIENCE};
use super::readers::ReadConnection;
use super::rest::{Mode, leave_rest};
use crate::error::{Error, Kind, Log, Result};
use crate::sync::lock;
use crate::time::{Clock, Instant};

/// Whether a store can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading and writing.
    ReadWrite,
    /// The file or its folder cannot be written.
    ReadOnly,
}

/// An open store. Clones share the connections; when the last one is dropped, a single file remains.
#[derive(Clone)]
pub struct Store {
    shared: Arc<SharedStore>,
    clock: Clock,
    is_in_doubt: bool,
    log: Log,
    /// Set where this handle should wait for nobody any more.
    stop: Arc<AtomicBool>,
}

struct SharedStore {
    pool: Pool,
    /// Takes the jobs, tokens and audit rows of a read-only store, in memory.
    stand_in: OnceLock<Store>,
    /// Closes after the pool: the upgraded copy of an older store, which is a database in memory, or
    /// the connection that removes an empty log.
    kept: Mutex<Option<Connection>>,
}

impl Store {
    /// A handle on the connections in `pool`, with the system's clock.
    pub(super) fn new(pool: Pool) -> Store {
        let shared = SharedStore { pool, stand_in: OnceLock::new(), kept: Mutex::default() };
        Store {
            shared: Arc::new(shared),
            clock: Clock::system(),
            is_in_doubt: false,
            log: Log::default(),
            stop: Arc::default(),
        }
    }

    /// Keeps a connection open until the store's own ones are closed.
    pub(super) fn keeping(self, conn: Option<Connection>) -> Store {
        if conn.is_some() {
            *lock(&self.shared.kept) = conn;
        }
        self
    }

    /// Notes whether the file lacked its log when it was opened.
    pub(super) fn in_doubt(mut self, is_in_doubt: bool) -> Store {
        self.is_in_doubt = is_in_doubt;
        self
    }

    /// Why the store may lack its last writes: its file was copied alone while a program had it open.
    /// `None` where there is no such doubt.
    pub fn doubt(&self) -> Option<String> {
        self.is_in_doubt.then(|| {
            format!(
                "{}: was copied while a program had the store open, or was closed by another program \
                 than fhirlite; it may lack the last writes (`fhirlite backup` makes whole copies)",
                self.path().display()
            )
        })
    }

    /// The same store with another clock, for this handle and the clones made of it. Other handles
    /// keep their own clock.
    #[must_use = "the clock is that of the returned handle"]
    pub fn with_clock(mut self, clock: Clock) -> Store {
        self.clock = clock;
        self
    }

    /// The same store with a log, for this handle and the clones made of it. The log is told what an
    /// import or a deletion waits for, once it has waited for a second.
    #[must_use = "the log is that of the returned handle"]
    pub fn with_log(mut self, log: Log) -> Store {
        self.log = log;
        self
    }

    /// The same store with a flag, for this handle and the clones made of it. Once it is set, an import or a
    /// deletion that waits for other programs ends with `Interrupted`.
    #[must_use = "the flag is that of the returned handle"]
    pub fn with_stop(mut self, stop: Arc<AtomicBool>) -> Store {
        self.stop = stop;
        self
    }

    /// Ends a wait that should not go on.
    ///
    /// # Errors
    /// `Interrupted`.
    pub(super) fn check_stopped(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            let what = "interrupted while another program held the store";
            return Err(Error::new(Kind::Interrupted, what).at(self.path().display()));
        }
        Ok(())
    }

    /// What is told of waits.
    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// The time by this handle's clock.
    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Whether the store can be written.
    pub fn access(&self) -> Access {
        if self.pool().is_read_only() { Access::ReadOnly } else { Access::ReadWrite }
    }

    /// The store's file.
    pub fn path(&self) -> &Path {
        self.pool().path()
    }

    /// Says whether the file that was opened is still in its place, and so whether the store can be used.
    /// Costs three looks at the folder.
    ///
    /// # Errors
    /// `Replaced` where the file or its log was moved, replaced or removed. Then nothing is read or written
    /// until it is back.
    pub fn in_place(&self) -> Result<()> {
        self.pool().place().check()
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.shared.pool
    }

    /// Borrows a reading connection.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn reader(&self) -> Result<ReadConnection<'_>> {
        self.pool().reader()
    }

    /// Runs `work` in a short write transaction, which waits some seconds for an import.
    ///
    /// # Errors
    /// `Busy` where the import takes longer, `ReadOnly`, the errors of `work`, or where the disk
    /// refuses. Then nothing is written.
    pub(super) fn transaction<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.transaction_within(SHORT_PATIENCE, work)
    }

    /// Does the same, waiting at most `patience`.
    pub(super) fn transaction_within<T>(
        &self,
        patience: Duration,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        self.pool().transaction(patience, work)
    }

    /// Switches the file to WAL mode, in which readers and a writer do not wait for each other. For
    /// processes that keep the store open.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub(crate) fn enter_wal_mode(&self) -> Result<()> {
        let entered = match self.pool().times()? {
            Some(conn) if !self.pool().is_in_memory() => leave_rest(&conn),
            _ => return Ok(()),
        };
        match entered {
            Ok(Mode::Wal) => self.pool().place().note_log(),
            // A file that another program holds, or whose disk is full, keeps its mode, which is slower but
            // no error.
            Err(error) if error.kind() != Kind::Full => return Err(error),
            _ => {}
        }
        Ok(())
    }

    /// The store in memory that takes the jobs, tokens and audit rows of a read-only store; `make`
    /// makes it the first time. `None` for a store that can be written.
    pub(super) fn stand_in_or(
        &self,
        make: impl FnOnce() -> Result<Store>,
    ) -> Result<Option<&Store>> {
        if !self.pool().is_read_only() {
            return Ok(None);
        }
        let stand_in = &self.shared.stand_in;
        match stand_in.get() {
            Some(store) => Ok(Some(store)),
            None => {
                let made = make()?.with_clock(self.clock.clone());
                Ok(Some(stand_in.get_or_init(|| made)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_belongs_to_its_handle_also_when_the_store_is_shared() {
        let store = Store::in_memory().unwrap();
        let noon = Instant::from_micros(0);
        let at_noon = store.clone().with_clock(Clock::from_fn(move || noon));
        assert_eq!(at_noon.clone().now(), noon);
        assert_eq!(at_noon.snapshot().unwrap().time(), noon);
        assert!(store.now() > noon);
    }
}
