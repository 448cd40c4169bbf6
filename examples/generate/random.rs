//! Reproducible choices for the generator.
//!
//! ChaCha is specified bit by bit, so a seed gives the same data on each
//! machine and with each release. Every patient and every region draws from a
//! stream of its own: that is why the first k patients are the same for any
//! number of patients. Choices are made from whole numbers only, as rounding
//! of floats need not agree between platforms.

use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

use crate::json::{ToJson, push_fmt};

/// What a stream of random numbers is used for: no two purposes share one.
#[derive(Clone, Copy)]
pub enum Purpose {
    Region = 1,
    Patient = 2,
    Payer = 3,
    Group = 4,
}

pub struct Rng(ChaCha8Rng);

impl Rng {
    pub fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = purpose as u8;
        let mut stream = ChaCha8Rng::from_seed(key);
        stream.set_stream(index);
        Rng(stream)
    }

    /// A number from `low` to `high`, both included.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        let width = high.abs_diff(low) as u128 + 1;
        low + ((u128::from(self.0.next_u64()) * width) >> 64) as i64
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: i64) -> bool {
        self.range(0, 99) < percent
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.range(0, items.len() as i64 - 1) as usize]
    }

    /// Picks by relative weight; the weights must not all be zero.
    pub fn pick_weighted<'a, T>(&mut self, items: &'a [T], weight: impl Fn(&T) -> i64) -> &'a T {
        let mut left = self.range(1, items.iter().map(&weight).sum());
        for item in items {
            left -= weight(item);
            if left <= 0 {
                return item;
            }
        }
        &items[items.len() - 1]
    }

    pub fn uuid(&mut self) -> Uuid {
        let bits = u128::from(self.0.next_u64()) << 64 | u128::from(self.0.next_u64());
        // The version (4) and variant bits of a random UUID.
        const FIXED: u128 = 0xF000 << 64 | 0xC000 << 48;
        Uuid(bits & !FIXED | 0x4000 << 64 | 0x8000 << 48)
    }
}

#[derive(Clone, Copy)]
pub struct Uuid(u128);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DASHES: [usize; 4] = [8, 13, 18, 23];
        let mut text = [b'-'; 36];
        let mut bits = self.0;
        for at in (0..text.len()).rev().filter(|at| !DASHES.contains(at)) {
            text[at] = b"0123456789abcdef"[(bits & 15) as usize];
            bits >>= 4;
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl ToJson for Uuid {
    fn write(&self, out: &mut String) {
        push_fmt(out, format_args!("\"{self}\""));
    }
}
