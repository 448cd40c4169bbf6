//! TurnBudget: so many at once, and then so many a second. Time is passed in.

use std::time::Instant;

/// How many turns there are at once, and how many come back each second.
#[derive(Clone, Copy, Debug)]
pub struct TurnRate {
    /// The most turns at once.
    pub most: f64,
    /// The turns that come back each second.
    pub per_second: f64,
}

/// The turns that are left.
#[derive(Clone, Copy, Debug)]
pub struct TurnBudget {
    left: f64,
    at: Instant,
}

impl TurnBudget {
    /// All turns of a rate.
    pub fn all(rate: TurnRate, now: Instant) -> TurnBudget {
        TurnBudget { left: rate.most, at: now }
    }

    /// Adds the turns that have come back by `now`.
    fn refill(&mut self, rate: TurnRate, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + seconds * rate.per_second).min(rate.most);
        self.at = self.at.max(now);
    }

    /// True if a turn is left.
    pub fn has_one(&mut self, rate: TurnRate, now: Instant) -> bool {
        self.refill(rate, now);
        self.left >= 1.0
    }

    /// True if no turn is missing: such turns need not be remembered.
    pub fn has_all(&mut self, rate: TurnRate, now: Instant) -> bool {
        self.refill(rate, now);
        self.left >= rate.most
    }

    /// Takes a turn, if one is left.
    pub fn take(&mut self, rate: TurnRate, now: Instant) -> bool {
        let has_one = self.has_one(rate, now);
        if has_one {
            self.left -= 1.0;
        }
        has_one
    }

    /// Gives a turn back that was not needed.
    pub fn give_back(&mut self, rate: TurnRate) {
        self.left = (self.left + 1.0).min(rate.most);
    }

    /// The whole seconds until there is a turn, at least 1.
    pub fn seconds_until_one(&self, rate: TurnRate) -> u64 {
        ((1.0 - self.left) / rate.per_second).ceil().max(1.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn turns_come_back_with_time_and_never_more_than_there_were() {
        let rate = TurnRate { most: 3.0, per_second: 0.5 };
        let now = Instant::now();
        let mut turns = TurnBudget::all(rate, now);
        assert!(turns.has_all(rate, now));
        assert!((0..3).all(|_| turns.take(rate, now)));
        assert!(!turns.take(rate, now) && turns.seconds_until_one(rate) == 2);
        let later = now + Duration::from_secs(2);
        assert!(turns.take(rate, later) && !turns.take(rate, later));
        turns.give_back(rate);
        assert!(turns.has_one(rate, later) && !turns.has_all(rate, later));
        let much_later = now + Duration::from_secs(3600);
        assert!(turns.has_all(rate, much_later));
        assert!((0..3).all(|_| turns.take(rate, much_later)));
        // A clock that goes back gives nothing.
        assert!(!turns.take(rate, now) && !turns.take(rate, much_later));
    }
}
