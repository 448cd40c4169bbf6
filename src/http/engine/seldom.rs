//! What is said once a minute at most, however often it happens.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sync::lock;

/// The time between two times.
const PERIOD: Duration = Duration::from_secs(60);

/// Remembers when something was said.
#[derive(Default)]
pub struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// True if it may be said now; then not for a minute.
    pub fn is_due(&self) -> bool {
        let mut said = lock(&self.0);
        let is_due = said.is_none_or(|said| said.elapsed() >= PERIOD);
        if is_due {
            *said = Some(Instant::now());
        }
        is_due
    }
}
