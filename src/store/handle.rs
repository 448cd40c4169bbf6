//! [`Store`]: the handle on an open store. What it does lies in the files of each capability.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rusqlite::Connection;

use super::pool::{Pool, ReadConnection, SHORT_PATIENCE};
use crate::error::Result;
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
}

struct SharedStore {
    pool: Pool,
    /// Takes the jobs, tokens and audit rows of a read-only store, in memory.
    stand_in: OnceLock<Store>,
    /// Keeps the upgraded copy of an older store alive, which is a database in memory.
    _copy: Option<Mutex<Connection>>,
}

impl Store {
    /// A handle on the connections in `pool`, with the system's clock.
    pub(super) fn new(pool: Pool, copy: Option<Connection>) -> Store {
        let shared = SharedStore { pool, stand_in: OnceLock::new(), _copy: copy.map(Mutex::new) };
        Store { shared: Arc::new(shared), clock: Clock::system() }
    }

    /// The same store with another clock, for this handle and the clones made of it. Other handles
    /// keep their own clock.
    #[must_use = "the clock is that of the returned handle"]
    pub fn with_clock(mut self, clock: Clock) -> Store {
        self.clock = clock;
        self
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
        self.pool().enter_wal_mode()
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
