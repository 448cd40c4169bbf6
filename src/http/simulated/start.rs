//! The start of a server that simulates: its store, its clock and its seed as they were then.
//!
//! Neither faults nor exports change the operator's store: it is copied once, and never touched again. Each reset
//! serves another copy of that copy.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::error::{Error, Kind, Result};
use crate::http::context::{Context, ContextSource};
use crate::random::{SeedState, return_to, seed_state};
use crate::store::Store;
use crate::time::{Clock, Instant};

/// What a server that simulates was at its start.
pub struct SimulationStart {
    store: Store,
    source: ContextSource,
    seed: SeedState,
    /// How many microseconds the clock is ahead of the machine's.
    ahead: Arc<AtomicI64>,
}

impl SimulationStart {
    /// Keeps `store` as it is now.
    ///
    /// # Errors
    /// `Full` for a store that does not fit in memory; where it cannot be read.
    pub fn new(store: &Store, source: ContextSource) -> Result<SimulationStart> {
        let copy = store.copy_in_memory().map_err(|error| match error.kind() {
            Kind::Full => Error::new(
                Kind::Full,
                format!(
                    "{}: is larger than 1 GiB, and a simulation serves a copy in memory, which holds no more; \
                     simulate with a part of it",
                    store.path().display()
                ),
            ),
            _ => error.at(store.path().display()),
        })?;
        Ok(SimulationStart { store: copy, source, seed: seed_state(), ahead: Arc::default() })
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
        self.source.open(&self.store.copy_in_memory()?.with_clock(Clock::from_fn(now)))
    }

    /// Moves the clock ahead.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        let later = |ahead: i64| Some(ahead.saturating_add(micros));
        let _ = self.ahead.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
    }
}
