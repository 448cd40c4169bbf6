//! [`Ranked`]: the first resources in an order, among all that searches find.
//!
//! Only the places of one page are kept, however many resources are found.

use std::collections::{BTreeSet, BinaryHeap};

use super::recipient::Recipient;
use crate::fhir::json::Tree;
use crate::fhir::search::{Candidate, SortOrder, SortPlace};
use crate::store::SeenVersion;

/// Ranks what searches find, and keeps the first ones behind a place.
pub(super) struct Ranked<'r> {
    order: &'r SortOrder,
    /// The type of what is found now.
    pub(super) resource_type: &'r str,
    after: Option<SortPlace>,
    most: usize,
    /// The last place is on top.
    kept: BinaryHeap<(SortPlace, i64)>,
    /// How many there are, also before the place and behind what is kept.
    pub(super) total: u64,
    /// Why the places of some resources are not known. They count as resources without a value.
    pub(super) faults: BTreeSet<String>,
}

impl<'r> Ranked<'r> {
    /// Keeps the `most` first ones behind the place `after`.
    pub(super) fn new(order: &'r SortOrder, after: Option<SortPlace>, most: usize) -> Ranked<'r> {
        let (kept, faults) = (BinaryHeap::new(), BTreeSet::new());
        Ranked { order, resource_type: "", after, most, kept, total: 0, faults }
    }

    /// The numbers of what was kept, in the order.
    pub(super) fn into_seqs(self) -> Vec<i64> {
        self.kept.into_sorted_vec().into_iter().map(|(_, seq)| seq).collect()
    }
}

impl Recipient for Ranked<'_> {
    fn wants_tree(&self) -> bool {
        self.order.needs_body()
    }

    fn take(&mut self, found: &SeenVersion<'_>, body: &Tree<'_>) -> bool {
        self.total += 1;
        let candidate = Candidate { id: found.id, last_updated: found.last_updated, body };
        let place = self.order.place(self.resource_type, &candidate, found.seq);
        let place = place.unwrap_or_else(|fault| {
            self.faults.insert(fault);
            self.order.last_place(found.seq)
        });
        let is_behind = self.after.as_ref().is_none_or(|after| place > *after);
        let is_before_last =
            self.kept.len() < self.most || self.kept.peek().is_some_and(|(last, _)| place < *last);
        if is_behind && is_before_last {
            self.kept.push((place, found.seq));
            if self.kept.len() > self.most {
                self.kept.pop();
            }
        }
        true
    }
}
