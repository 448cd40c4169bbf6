//! A soak of faults: processes that are killed, disks that are full, folders that become read-only, processes that meet at
//! one store. After each fault the store is whole.
//!
//! `cargo test soak::` runs twenty rounds, and `FHIRLITE_SOAK_ROUNDS=300 cargo test soak::` three hundred. Each round
//! draws its fault and its moment from a seed. A failed test prints the seed, and `FHIRLITE_SOAK_SEED` sets it. The same
//! seed draws the same faults, but a moment depends on the speed of the machine too.

mod attacks;
mod kills;
mod limits;
mod pairs;
mod store;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

use store::SoakedStore;

/// The number of rounds without `FHIRLITE_SOAK_ROUNDS`.
const ROUNDS: u64 = 20;

/// What a test draws from.
struct Chance(ChaCha8Rng);

impl Chance {
    /// Takes the seed from `FHIRLITE_SOAK_SEED`, else from the clock, and prints it.
    fn new() -> Chance {
        let now = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
            u64::from(since.subsec_nanos())
        };
        let seed = number("FHIRLITE_SOAK_SEED").unwrap_or_else(now);
        println!("FHIRLITE_SOAK_SEED={seed}");
        Chance(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Draws a number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    /// Draws a moment of a run that takes `whole`, sometimes a little after its end.
    fn moment(&mut self, whole: Duration) -> Duration {
        whole.mul_f64(self.below(1_100) as f64 / 1_000.0)
    }
}

/// The number of rounds of kills.
fn rounds() -> u64 {
    number("FHIRLITE_SOAK_ROUNDS").unwrap_or(ROUNDS)
}

/// The number of rounds of every other fault: one for twenty kills, and at least two.
fn few_rounds() -> u64 {
    (rounds() / 20).max(2)
}

/// Reads a number from the environment.
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no whole number")))
}
