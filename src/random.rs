//! Random bytes from the operating system; in a process for tests they may follow from a seed.

use std::collections::BTreeMap;
use std::sync::Mutex;

use sha2::{Digest, Sha256};

use crate::error::{Error, Kind, Result};
use crate::shown;
use crate::sync::lock;

/// The seed of this process, if it has one.
static SEED: Mutex<Option<Seed>> = Mutex::new(None);

/// A seed, and how often each number of bytes was asked for. Each has a stream of its own: the ids of requests do
/// not move those of jobs.
#[derive(Clone, Debug)]
struct Seed {
    number: u64,
    asked: BTreeMap<usize, u64>,
}

/// How much of a seed is used up.
#[derive(Clone, Debug)]
pub struct SeedState(Option<Seed>);

/// Lets all ids, keys and tokens of this process follow from a number from now on, so that they are the same at the
/// next start. Whoever knows the number knows them: this is for tests alone.
///
/// Key pairs that clients sign with are not among them.
pub fn fix_randomness(seed: u64) {
    *lock(&SEED) = Some(Seed { number: seed, asked: BTreeMap::new() });
}

/// How much of the seed is used up, for [`return_to`].
pub fn seed_state() -> SeedState {
    SeedState(lock(&SEED).clone())
}

/// Goes back to an earlier state of the seed, so that what came after it comes once more.
pub fn return_to(state: &SeedState) {
    lock(&SEED).clone_from(&state.0);
}

impl Seed {
    /// Fills `bytes` with the next ones of their length.
    fn fill(&mut self, bytes: &mut [u8]) {
        let length = bytes.len() as u64;
        let times = self.asked.entry(bytes.len()).or_default();
        *times += 1;
        for (block, part) in (0_u64..).zip(bytes.chunks_mut(32)) {
            let place = [self.number, length, *times, block];
            let text: Vec<u8> = place.into_iter().flat_map(u64::to_le_bytes).collect();
            part.copy_from_slice(&Sha256::digest(text)[..part.len()]);
        }
    }
}

/// Makes `N` random bytes.
///
/// # Errors
/// `Internal` where the system has no randomness.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    if let Some(seed) = lock(&SEED).as_mut() {
        seed.fill(&mut bytes);
        return Ok(bytes);
    }
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(Kind::Internal, format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// Makes `N` random bytes and writes them as `2 * N` hexadecimal digits.
///
/// # Errors
/// As [`bytes`].
pub fn hex<const N: usize>() -> Result<String> {
    Ok(shown::hex(&bytes::<N>()?))
}

/// Makes a random number of nine digits, which does not reveal how many others exist.
///
/// # Errors
/// As [`bytes`].
pub fn number() -> Result<i64> {
    const LOWEST: u64 = 100_000_000;
    // A length that nothing else has, so that with a seed ids of requests do not move these numbers.
    let random = bytes::<9>()?.iter().fold(0, |all: u64, byte| all << 8 | u64::from(*byte));
    Ok((LOWEST + random % (9 * LOWEST)) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_each_length_a_stream_of_its_own() {
        let seed = || Seed { number: 7, asked: BTreeMap::new() };
        let next = |seed: &mut Seed, length| {
            let mut bytes = vec![0; length];
            seed.fill(&mut bytes);
            bytes
        };
        let (mut one, mut other) = (seed(), seed());
        let first = next(&mut one, 16);
        next(&mut other, 8);
        next(&mut other, 40);
        assert_eq!(next(&mut other, 16), first);
        assert_ne!(next(&mut other, 16), first);
        let mut third = Seed { number: 8, ..seed() };
        assert_ne!(next(&mut third, 16), first);
    }
}
