//! Encodes lists of versions in few bytes, for files that are not a range.
//!
//! A file is a sequence of blocks. A block has the numbers of versions, and a patient's id in files
//! organized by patient. Numbers near each other take a byte each: 600,000 resources are 600 KB.

use crate::error::{Error, Kind, Result};

/// Some versions, with or without a header line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The id of the patient in the header line; `None` without a header.
    pub patient: Option<String>,
    /// The numbers of versions, in the order of the file.
    pub seqs: Vec<i64>,
}

/// Encodes blocks. Each is the length of the patient's id, the id, the count of numbers, and the
/// step from each number to the next (over all blocks, from 0). Lengths, counts and steps are
/// LEB128; steps are in zigzag.
pub fn encode(blocks: &[Block]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last = 0;
    for block in blocks {
        let patient = block.patient.as_deref().unwrap_or_default();
        number(&mut out, patient.len() as u64);
        out.extend_from_slice(patient.as_bytes());
        number(&mut out, block.seqs.len() as u64);
        for seq in &block.seqs {
            let step = seq.wrapping_sub(last);
            number(&mut out, ((step << 1) ^ (step >> 63)) as u64);
            last = *seq;
        }
    }
    out
}

/// Decodes blocks, one after the other.
pub struct Blocks<'a> {
    bytes: &'a [u8],
    last: i64,
}

/// Decodes what [`encode`] made. An item is `Damaged` if the bytes cannot be decoded.
pub fn decode(bytes: &[u8]) -> Blocks<'_> {
    Blocks { bytes, last: 0 }
}

impl Iterator for Blocks<'_> {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Result<Block>> {
        if self.bytes.is_empty() {
            return None;
        }
        let block = self.block();
        if block.is_none() {
            self.bytes = &[];
        }
        Some(block.ok_or_else(|| {
            Error::new(Kind::Damaged, "the list of a file's versions cannot be read")
        }))
    }
}

impl Blocks<'_> {
    fn block(&mut self) -> Option<Block> {
        let length = usize::try_from(self.number()?).ok()?;
        let (header, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        let patient = match header {
            [] => None,
            header => Some(std::str::from_utf8(header).ok()?.to_owned()),
        };
        let count = self.number()?;
        let mut seqs = Vec::new();
        for _ in 0..count {
            let step = self.number()?;
            self.last = self.last.wrapping_add((step >> 1) as i64 ^ -((step & 1) as i64));
            seqs.push(self.last);
        }
        Some(Block { patient, seqs })
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(blocks in prop::collection::vec(
            (prop::option::of("[a-z]{1,200}"), prop::collection::vec(any::<i64>(), 0..50)), 0..20)) {
            let blocks: Vec<_> =
                blocks.into_iter().map(|(patient, seqs)| Block { patient, seqs }).collect();
            let read: Result<Vec<_>> = decode(&encode(&blocks)).collect();
            prop_assert_eq!(read.unwrap(), blocks);
        }

        #[test]
        fn nonsense_ends(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            decode(&bytes).count();
        }
    }

    #[test]
    fn neighbours_cost_a_byte() {
        let block = Block { patient: None, seqs: (1000..2000).collect() };
        assert!(encode(&[block]).len() < 1010);
    }
}
