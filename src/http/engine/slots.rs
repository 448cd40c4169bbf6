//! Limits the number of requests that are answered at once.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::sync::lock;

/// The number of requests that are answered at once. Slow readers count, so it is not small.
const MOST: usize = 256;
/// The number of requests beyond these that are answered with 503. Further requests wait.
const TURNED_AWAY: usize = 64;

/// Counts the requests that are being answered.
///
/// Threads hold the count apart from the store, so that a thread releases the store before its slot.
#[derive(Default)]
pub struct RequestSlots {
    count: Mutex<usize>,
    released: Condvar,
}

/// A slot for one request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum RequestSlot {
    /// To answer the request.
    Answer,
    /// To answer with 503.
    TurnAway,
}

impl RequestSlots {
    /// Waits for a slot and takes it; `None` if `is_stopping` comes first.
    pub fn take(&self, is_stopping: impl Fn() -> bool) -> Option<RequestSlot> {
        let count = lock(&self.count);
        let is_full = |count: &mut usize| *count >= MOST + TURNED_AWAY && !is_stopping();
        let waited = self.released.wait_while(count, is_full);
        let mut count = waited.unwrap_or_else(PoisonError::into_inner);
        if is_stopping() {
            return None;
        }
        *count += 1;
        Some(if *count > MOST { RequestSlot::TurnAway } else { RequestSlot::Answer })
    }

    /// Releases a slot.
    pub fn release(&self) {
        *lock(&self.count) -= 1;
        self.released.notify_all();
    }

    /// Wakes the threads that wait in [`RequestSlots::take`], once the engine stops.
    pub fn wake_waiting(&self) {
        // Locked, so that the signal cannot fall between a thread's check and its wait.
        let _count = lock(&self.count);
        self.released.notify_all();
    }

    /// True if the next request would be answered.
    pub fn has_room(&self) -> bool {
        *lock(&self.count) < MOST
    }

    /// Waits until no request is being answered, for `time` at most. True if none is.
    pub fn wait_until_empty(&self, time: Duration) -> bool {
        let count = lock(&self.count);
        let waited = self.released.wait_timeout_while(count, time, |count| *count > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0 == 0
    }
}
