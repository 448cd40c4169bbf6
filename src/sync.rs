//! What threads share: locks that survive a panic, and the signal that ends background work.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Locks `mutex`, also after a thread panicked while holding it.
///
/// For values that every statement leaves valid, so that a panic leaves nothing half done.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something that one owner has at a time. Unlike a lock it may be given back by another thread.
#[derive(Default)]
pub struct OneAtATime {
    is_taken: Mutex<bool>,
    given_back: Condvar,
}

impl OneAtATime {
    /// Waits until nobody has it, for `time` at most, and takes it. False if somebody still has it.
    pub fn take_within(&self, time: Duration) -> bool {
        let taken = lock(&self.is_taken);
        let waited = self.given_back.wait_timeout_while(taken, time, |is_taken| *is_taken);
        let (mut is_taken, late) = waited.unwrap_or_else(PoisonError::into_inner);
        if !late.timed_out() {
            *is_taken = true;
        }
        !late.timed_out()
    }

    /// Gives it back.
    pub fn give_back(&self) {
        *lock(&self.is_taken) = false;
        self.given_back.notify_one();
    }
}

/// So many shares of something, each of which one owner has at a time.
pub struct Shares {
    left: Mutex<usize>,
}

/// A share. It is given back when this is dropped.
pub struct Share<'a>(&'a Shares);

impl Shares {
    /// That many shares.
    pub const fn new(count: usize) -> Shares {
        Shares { left: Mutex::new(count) }
    }

    /// Takes a share; `None` where others have all of them.
    pub fn take(&self) -> Option<Share<'_>> {
        let mut left = lock(&self.left);
        *left = left.checked_sub(1)?;
        Some(Share(self))
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *lock(&self.0.left) += 1;
    }
}

/// Tells background threads to stop.
#[derive(Default)]
pub struct StopSignal {
    is_given: Mutex<bool>,
    changed: Condvar,
}

impl StopSignal {
    /// Gives the signal and wakes the threads that wait for it.
    pub fn give(&self) {
        *lock(&self.is_given) = true;
        self.changed.notify_all();
    }

    /// True once the signal was given.
    pub fn is_given(&self) -> bool {
        *lock(&self.is_given)
    }

    /// Waits for the signal, for `time` at most. True if it was given.
    pub fn is_given_within(&self, time: Duration) -> bool {
        let is_given = lock(&self.is_given);
        let waited = self.changed.wait_timeout_while(is_given, time, |is_given| !*is_given);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_there_again_once_its_owner_has_dropped_it() {
        let shares = Shares::new(2);
        let (one, other) = (shares.take(), shares.take());
        assert!(one.is_some() && other.is_some() && shares.take().is_none());
        drop(one);
        assert!(shares.take().is_some());
    }

    #[test]
    fn the_signal_ends_a_wait() {
        let signal = StopSignal::default();
        assert!(!signal.is_given() && !signal.is_given_within(Duration::from_millis(1)));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| signal.is_given_within(Duration::from_secs(600)));
            signal.give();
            assert!(waiting.join().unwrap());
        });
        assert!(signal.is_given());
    }
}
