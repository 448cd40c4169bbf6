//! The lines of a patient's block, in their order: the patient, the resources about the patient, which are the roots,
//! Provenance, then the resources that all these reference; each in the order of their numbers.

use crate::fhir::provenance::PROVENANCE;

/// The number and the length of a version in a block.
pub type BlockLine = (i64, u64);

/// Lines that are not in order yet.
pub struct BlockLines<'r> {
    /// The Patient, where there is one.
    own: Option<i64>,
    /// In order.
    roots: &'r [i64],
    placed: Vec<(BlockPlace, u64)>,
}

/// False comes first: not the patient, not a root, not a root and no Provenance; then the number.
type BlockPlace = (bool, bool, bool, i64);

impl<'r> BlockLines<'r> {
    /// No lines yet, of a block with these roots, which are in order.
    pub fn new(own: Option<i64>, roots: &'r [i64]) -> BlockLines<'r> {
        BlockLines { own, roots, placed: Vec::with_capacity(roots.len()) }
    }

    /// Adds a version.
    pub fn add(&mut self, resource_type: &str, seq: i64, length: u64) {
        if self.roots.binary_search(&seq).is_ok() {
            return self.add_root(seq, length);
        }
        self.placed.push(((true, true, resource_type != PROVENANCE, seq), length));
    }

    /// Adds a root.
    pub fn add_root(&mut self, seq: i64, length: u64) {
        self.placed.push(((Some(seq) != self.own, false, false, seq), length));
    }

    /// The lines, in order.
    pub fn in_order(mut self) -> Vec<BlockLine> {
        self.placed.sort_unstable();
        self.placed.into_iter().map(|((.., seq), length)| (seq, length)).collect()
    }
}
