//! Throttling: after some wrong credentials the next try must wait, longer each time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};
use crate::sync::lock;

/// The failures before the first wait: people mistype.
const FREE_FAILURES: u32 = 5;
/// The first wait. Each further wait is twice as long …
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// … up to this one.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Failures are forgotten after this time without another one.
const MEMORY: Duration = Duration::from_secs(600);
/// The most addresses and names that are remembered.
const MOST_REMEMBERED: usize = 10_000;

/// The address that a try came from, and the name that it used.
type Attempt = (IpAddr, String);

/// Remembers failures by address and name.
#[derive(Default)]
pub struct Throttle(Mutex<HashMap<Attempt, Failures>>);

struct Failures {
    count: u32,
    last: Instant,
    until: Instant,
}

impl Throttle {
    /// Checks that `peer` may try `name` again.
    ///
    /// # Errors
    /// `Throttled` while `peer` must still wait; it says how long.
    pub fn check(&self, peer: IpAddr, name: &str) -> Result<()> {
        let now = Instant::now();
        match self.failures().get(&attempt(peer, name)) {
            Some(failures) if failures.until > now => {
                let seconds = (failures.until - now).as_secs_f64().ceil() as u64;
                let what = "too many wrong credentials; try again later";
                Err(Error::new(Kind::Throttled, what).after(seconds.max(1)))
            }
            _ => Ok(()),
        }
    }

    /// Records that `peer` failed as `name`. A failure during a wait does not prolong it: otherwise one
    /// client could keep out others behind the same address.
    ///
    /// # Errors
    /// Those of [`Throttle::check`].
    pub fn record_failure(&self, peer: IpAddr, name: &str) -> Result<()> {
        self.check(peer, name)?;
        let now = Instant::now();
        let mut all = self.failures();
        make_room(&mut all, now);
        let fresh = Failures { count: 0, last: now, until: now };
        let failures = all.entry(attempt(peer, name)).or_insert(fresh);
        if now - failures.last > MEMORY {
            failures.count = 0;
        }
        failures.count += 1;
        failures.last = now;
        if failures.count >= FREE_FAILURES {
            let doubled = FIRST_WAIT * 2u32.pow((failures.count - FREE_FAILURES).min(6));
            failures.until = now + doubled.min(LONGEST_WAIT);
        }
        Ok(())
    }

    /// Forgets a client's failures after a success.
    pub fn forget_failures(&self, peer: IpAddr, name: &str) {
        self.failures().remove(&attempt(peer, name));
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<Attempt, Failures>> {
        lock(&self.0)
    }
}

/// Drops old failures, and the oldest where all are recent, if no more can be remembered.
fn make_room(all: &mut HashMap<Attempt, Failures>, now: Instant) {
    if all.len() >= MOST_REMEMBERED {
        all.retain(|_, failures| now - failures.last < MEMORY);
    }
    if all.len() >= MOST_REMEMBERED
        && let Some(oldest) = all.iter().min_by_key(|(_, failures)| failures.last)
    {
        let oldest = oldest.0.clone();
        all.remove(&oldest);
    }
}

/// The key of a try. The beginning of a long name is enough.
fn attempt(peer: IpAddr, name: &str) -> Attempt {
    (peer, name.chars().take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_begin_after_some_failures_and_end_with_a_success() {
        let throttle = Throttle::default();
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        for _ in 0..FREE_FAILURES {
            assert!(throttle.record_failure(here, "a").is_ok());
        }
        let error = throttle.record_failure(here, "a").unwrap_err();
        assert_eq!((error.kind(), error.retry_after()), (Kind::Throttled, Some(1)));
        assert!(
            throttle.record_failure(there, "a").is_ok()
                && throttle.record_failure(here, "b").is_ok()
        );
        for times in 1..10 {
            // The wait is over.
            throttle.failures().get_mut(&attempt(here, "a")).unwrap().until = Instant::now();
            throttle.record_failure(here, "a").unwrap();
            let wait = throttle.check(here, "a").unwrap_err().retry_after();
            assert_eq!(wait, Some((1 << times).min(60)));
        }
        throttle.forget_failures(here, "a");
        assert!(throttle.check(here, "a").is_ok());
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let throttle = Throttle::default();
        for number in 0..MOST_REMEMBERED + 10 {
            throttle.record_failure(IpAddr::from([127, 0, 0, 1]), &number.to_string()).unwrap();
        }
        assert_eq!(throttle.failures().len(), MOST_REMEMBERED);
    }
}
