//! The start of a server that simulates: its store, its clock and its seed as they were then.
//!
//! Neither faults nor exports change the operator's store: it is copied once, and never touched again. Each reset
//! serves another copy of that copy. Copies are in memory, or, for a store that does not fit there, in a folder.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::error::{Error, Kind, Result};
use crate::http::context::{Context, ContextSource};
use crate::random::{SeedState, return_to, seed_state};
use crate::store::Store;
use crate::time::{Clock, Instant};

/// What a server that simulates was at its start.
pub struct SimulationStart {
    store: Store,
    copies: CopyPlace,
    source: ContextSource,
    seed: SeedState,
    /// How many microseconds the clock is ahead of the machine's.
    ahead: Arc<AtomicI64>,
}

/// Where copies of the store are.
struct CopyPlace {
    /// The folder of their files; `None` for memory.
    folder: Option<PathBuf>,
    /// How many there have been.
    made: AtomicU64,
}

impl CopyPlace {
    fn copy(&self, store: &Store) -> Result<Store> {
        let Some(folder) = &self.folder else { return store.copy_in_memory() };
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        store.copy_to_file(&folder.join(format!("copy-{number}.db")))
    }
}

impl SimulationStart {
    /// Keeps `store` as it is now. Copies are in `folder`, or in memory where there is none.
    ///
    /// # Errors
    /// `Full` for a store that does not fit in memory; where it cannot be read.
    pub fn new(
        store: &Store,
        folder: Option<PathBuf>,
        source: ContextSource,
    ) -> Result<SimulationStart> {
        let copies = CopyPlace { folder, made: AtomicU64::new(0) };
        let copy = copies.copy(store).map_err(|error| match error.kind() {
            Kind::Full if copies.folder.is_none() => Error::new(
                Kind::Full,
                format!(
                    "{}: is larger than 1 GiB, and a simulation serves a copy in memory, which holds no more; \
                     simulate with a part of it",
                    store.path().display()
                ),
            ),
            _ => error.at(store.path().display()),
        })?;
        let ahead = Arc::default();
        Ok(SimulationStart { store: copy, copies, source, seed: seed_state(), ahead })
    }

    /// A context of the store as it was at the start. The clock is right again.
    ///
    /// # Errors
    /// Those of [`ContextSource::open`].
    pub fn open(&self) -> Result<Context> {
        self.ahead.store(0, Ordering::SeqCst);
        return_to(&self.seed);
        let ahead = self.ahead.clone();
        let machine = Clock::system();
        let now = move || {
            let ahead = ahead.load(Ordering::SeqCst);
            Instant::from_micros(machine.now().micros().saturating_add(ahead))
        };
        self.source.open(&self.copies.copy(&self.store)?.with_clock(Clock::from_fn(now)))
    }

    /// Moves the clock ahead. It never goes back.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        let later = |ahead: i64| Some(ahead.saturating_add(micros));
        let _ = self.ahead.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
    }
}
