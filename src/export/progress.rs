//! How far a job is, and whether it is cancelled.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::{Error, Kind, Result};

/// The progress of a job: the worker counts steps, others read the count and may cancel.
#[derive(Debug, Default)]
pub struct JobProgress {
    is_cancelled: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
}

impl JobProgress {
    /// Begins anew, with `total` steps to do.
    pub fn begin(&self, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Counts a step.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled.
    pub fn step(&self) -> Result<()> {
        self.advance(1)
    }

    /// Counts several steps.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled.
    pub fn advance(&self, steps: u64) -> Result<()> {
        self.done.fetch_add(steps, Ordering::Relaxed);
        if self.is_cancelled() {
            return Err(Error::new(Kind::Gone, "the export was cancelled"));
        }
        Ok(())
    }

    /// Ends the job at its next step.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// True once the job is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    /// The value of `X-Progress`: text for a person, below 100 characters.
    pub fn to_text(&self) -> String {
        match self.total.load(Ordering::Relaxed) {
            0 => "waiting to begin".to_owned(),
            total => {
                let done = self.done.load(Ordering::Relaxed).min(total);
                format!("{}% of {total} resources looked at", done * 100 / total)
            }
        }
    }
}
