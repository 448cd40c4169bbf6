//! How far a piece of work is, and whether it is still wanted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::{Error, Kind, Result};

/// Shared between who works and who waits for it.
#[derive(Debug, Default)]
pub struct Work {
    called_off: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
}

impl Work {
    /// Begins with so many steps to do.
    pub(super) fn begin(&self, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// One step is done.
    ///
    /// # Errors
    /// `Gone` where it is called off.
    pub(super) fn step(&self) -> Result<()> {
        self.done.fetch_add(1, Ordering::Relaxed);
        match self.is_called_off() {
            true => Err(Error::new(Kind::Gone, "it was called off")),
            false => Ok(()),
        }
    }

    /// Ends the work at its next step.
    pub(super) fn call_off(&self) {
        self.called_off.store(true, Ordering::Relaxed);
    }

    /// True once it is called off.
    pub(super) fn is_called_off(&self) -> bool {
        self.called_off.load(Ordering::Relaxed)
    }

    /// For a person, below 100 characters: `X-JobStatus`.
    pub(super) fn progress(&self) -> String {
        match self.total.load(Ordering::Relaxed) {
            0 => "waiting to begin".to_owned(),
            total => {
                let done = self.done.load(Ordering::Relaxed).min(total);
                format!("{}% of {total} resources looked at", done * 100 / total)
            }
        }
    }
}
