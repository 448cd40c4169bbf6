//! Whoever fails again and again has to wait, longer each time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};
use crate::sync::lock;

/// So many failures cost nothing: people mistype.
const FREE: u32 = 5;
/// The first wait; each further one is twice as long …
const FIRST: Duration = Duration::from_secs(1);
/// … up to this.
const LONGEST: Duration = Duration::from_secs(60);
/// After so long without one, failures are forgotten.
const MEMORY: Duration = Duration::from_secs(600);
/// So many who failed are remembered.
const MOST: usize = 10_000;

/// From where, and as whom.
type Key = (IpAddr, String);

/// Who failed.
#[derive(Default)]
pub struct Throttle(Mutex<HashMap<Key, Failures>>);

struct Failures {
    count: u32,
    last: Instant,
    until: Instant,
}

impl Throttle {
    /// That one who failed, from `peer` as `name`, has waited.
    ///
    /// # Errors
    /// `Throttled`, saying how long to wait.
    pub fn check(&self, peer: IpAddr, name: &str) -> Result<()> {
        let now = Instant::now();
        match self.failures().get(&key(peer, name)) {
            Some(failures) if failures.until > now => {
                let seconds = (failures.until - now).as_secs_f64().ceil() as u64;
                let what = "too many wrong credentials; try again later";
                Err(Error::new(Kind::Throttled, what).after(seconds.max(1)))
            }
            _ => Ok(()),
        }
    }

    /// One has failed. While one has to wait that changes nothing: else who goes on would keep out who
    /// comes from the same place.
    ///
    /// # Errors
    /// Those of [`Throttle::check`].
    pub fn failed(&self, peer: IpAddr, name: &str) -> Result<()> {
        self.check(peer, name)?;
        let now = Instant::now();
        let mut all = self.failures();
        if all.len() >= MOST {
            all.retain(|_, failures| now - failures.last < MEMORY);
        }
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, failures)| failures.last)
        {
            let oldest = oldest.0.clone();
            all.remove(&oldest);
        }
        let fresh = Failures { count: 0, last: now, until: now };
        let failures = all.entry(key(peer, name)).or_insert(fresh);
        if now - failures.last > MEMORY {
            failures.count = 0;
        }
        failures.count += 1;
        failures.last = now;
        if failures.count >= FREE {
            let doubled = FIRST * 2u32.pow((failures.count - FREE).min(6));
            failures.until = now + doubled.min(LONGEST);
        }
        Ok(())
    }

    /// One has not.
    pub fn succeeded(&self, peer: IpAddr, name: &str) {
        self.failures().remove(&key(peer, name));
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<Key, Failures>> {
        lock(&self.0)
    }
}

/// Of a name as long as anybody likes a part will do.
fn key(peer: IpAddr, name: &str) -> Key {
    (peer, name.chars().take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_begin_after_some_failures_and_end_with_a_success() {
        let throttle = Throttle::default();
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        for _ in 0..FREE {
            assert!(throttle.failed(here, "a").is_ok());
        }
        let error = throttle.failed(here, "a").unwrap_err();
        assert_eq!((error.kind(), error.retry_after()), (Kind::Throttled, Some(1)));
        assert!(throttle.failed(there, "a").is_ok() && throttle.failed(here, "b").is_ok());
        for times in 1..10 {
            // It has waited.
            throttle.failures().get_mut(&key(here, "a")).unwrap().until = Instant::now();
            throttle.failed(here, "a").unwrap();
            let wait = throttle.check(here, "a").unwrap_err().retry_after();
            assert_eq!(wait, Some((1 << times).min(60)));
        }
        throttle.succeeded(here, "a");
        assert!(throttle.check(here, "a").is_ok());
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let throttle = Throttle::default();
        for number in 0..MOST + 10 {
            throttle.failed(IpAddr::from([127, 0, 0, 1]), &number.to_string()).unwrap();
        }
        assert_eq!(throttle.failures().len(), MOST);
    }
}
