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
    let mut encoder = BlockEncoder::default();
    for block in blocks {
        encoder.encode(block);
    }
    encoder.bytes
}

/// The most numbers that wait to be encoded, where there is no header.
const MOST_OPEN: usize = 4096;

/// Encodes blocks while their numbers are found, so that many take little memory.
#[derive(Default)]
pub struct BlockEncoder {
    bytes: Vec<u8>,
    last: i64,
    open: Block,
}

impl BlockEncoder {
    /// Begins a block: under the header of a patient, or without a header.
    pub fn begin(&mut self, patient: Option<&str>) {
        self.close();
        self.open.patient = patient.map(str::to_owned);
    }

    /// Adds the number of a version to the block. A long block without a header becomes several.
    pub fn add(&mut self, seq: i64) {
        self.open.seqs.push(seq);
        if self.open.patient.is_none() && self.open.seqs.len() == MOST_OPEN {
            self.close();
        }
    }

    /// What [`decode`] decodes.
    pub fn finish(mut self) -> Vec<u8> {
        self.close();
        self.bytes
    }

    fn close(&mut self) {
        let block = std::mem::take(&mut self.open);
        if !block.seqs.is_empty() {
            self.encode(&block);
        }
    }

    fn encode(&mut self, block: &Block) {
        let out = &mut self.bytes;
        let patient = block.patient.as_deref().unwrap_or_default();
        number(out, patient.len() as u64);
        out.extend_from_slice(patient.as_bytes());
        number(out, block.seqs.len() as u64);
        for seq in &block.seqs {
            let step = seq.wrapping_sub(self.last);
            number(out, ((step << 1) ^ (step >> 63)) as u64);
            self.last = *seq;
        }
    }
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
        fn what_is_encoded_step_by_step_is_read(
            blocks in prop::collection::vec(
                (prop::option::of("[a-z]{1,9}"), prop::collection::vec(any::<i64>(), 1..9000)), 0..4)) {
            let mut encoder = BlockEncoder::default();
            for (patient, seqs) in &blocks {
                encoder.begin(patient.as_deref());
                seqs.iter().for_each(|seq| encoder.add(*seq));
            }
            let lines = |patient: &Option<String>, seqs: &[i64]| -> Vec<(Option<String>, i64)> {
                seqs.iter().map(|seq| (patient.clone(), *seq)).collect()
            };
            let given: Vec<_> =
                blocks.iter().flat_map(|(patient, seqs)| lines(patient, seqs)).collect();
            let read: Vec<Block> = decode(&encoder.finish()).collect::<Result<_>>().unwrap();
            let read: Vec<_> =
                read.iter().flat_map(|block| lines(&block.patient, &block.seqs)).collect();
            prop_assert_eq!(read, given);
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
