//! [`SeqSet`]: a set of versions, a bit for each number.
//!
//! An export of all patients asks for most of the versions that there are. A set of ten million has
//! little more than a megabyte.

/// A set of versions, by their numbers.
#[derive(Default)]
pub struct SeqSet(Vec<u64>);

impl SeqSet {
    /// Adds a number, which is not negative.
    pub fn insert(&mut self, seq: i64) {
        let (word, bit) = place(seq);
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= bit;
    }

    /// True where a number is in the set.
    pub fn contains(&self, seq: i64) -> bool {
        let (word, bit) = place(seq);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// The numbers in it, in order.
    pub fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        let bits = |(word, bits): (usize, &u64)| {
            let (first, bits) = (word as i64 * 64, *bits);
            (0..64).filter(move |at| bits >> at & 1 == 1).map(move |at| first + at)
        };
        self.0.iter().enumerate().filter(|(_, bits)| **bits != 0).flat_map(bits)
    }
}

fn place(seq: i64) -> (usize, u64) {
    ((seq / 64) as usize, 1 << (seq % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_plain_set_holds(seqs in prop::collection::vec(0i64..2000, 0..200)) {
            let mut set = SeqSet::default();
            seqs.iter().for_each(|seq| set.insert(*seq));
            let plain: BTreeSet<i64> = seqs.into_iter().collect();
            prop_assert!((0..2100).all(|seq| set.contains(seq) == plain.contains(&seq)));
            prop_assert!(set.iter().eq(plain));
        }
    }
}
