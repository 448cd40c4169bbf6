//! Provenance resources, by their targets.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html>: "the Data Provider SHALL include all available
//! Provenance resources whose `Provenance.target` is a resource in the Patient compartment in a
//! patient level export request".

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use super::request::AssociatedData;
use super::versions::all_of;
use crate::error::Result;
use crate::fhir::provenance::{PROVENANCE, Provenance};
use crate::store::{Lookup, Selection, Snapshot};
use crate::time::Instant;

/// The Provenance resources of a snapshot, by the versions of their targets.
#[derive(Default)]
pub struct ProvenanceIndex(HashMap<i64, Vec<ProvenanceEntry>>);

#[derive(Clone, Copy)]
struct ProvenanceEntry {
    /// The time at which it was recorded.
    recorded: Option<Instant>,
    seq: i64,
}

impl ProvenanceIndex {
    /// Reads all Provenance resources of a snapshot.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn read(snapshot: &Snapshot, view: &Lookup<'_>) -> Result<ProvenanceIndex> {
        ProvenanceIndex::of(view, all_of(snapshot, PROVENANCE)?)
    }

    /// Reads the Provenance resources about some `versions` of a snapshot, and perhaps others.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn read_about(
        snapshot: &Snapshot,
        view: &Lookup<'_>,
        versions: &[i64],
    ) -> Result<ProvenanceIndex> {
        // Whichever is shorter is gone through.
        if !has_more_than(snapshot, versions.len())? {
            return ProvenanceIndex::read(snapshot, view);
        }
        let mut candidates = BTreeSet::new();
        for seq in versions {
            if let Some(version) = view.version(*seq)? {
                let found = view.provenances_perhaps_about(&version.resource_type, &version.id)?;
                candidates.extend(found);
            }
        }
        ProvenanceIndex::of(view, candidates)
    }

    /// Reads these Provenance resources, as far as the snapshot shows them.
    fn of(view: &Lookup<'_>, seqs: impl IntoIterator<Item = i64>) -> Result<ProvenanceIndex> {
        let mut by_target: HashMap<i64, Vec<ProvenanceEntry>> = HashMap::new();
        for seq in seqs {
            let read = view.read(seq, |_, body| Provenance::read(body))?;
            let Some(Provenance { targets, recorded }) = read else { continue };
            for (resource_type, id) in targets {
                if let Some(target) = view.find(&resource_type, &id)? {
                    by_target.entry(target).or_default().push(ProvenanceEntry { recorded, seq });
                }
            }
        }
        Ok(ProvenanceIndex(by_target))
    }

    /// The Provenance resources about `versions` (in order), unordered and perhaps repeated.
    pub fn about(&self, versions: &[i64]) -> Vec<i64> {
        let seqs = |entries: &Vec<ProvenanceEntry>| {
            entries.iter().map(|entry| entry.seq).collect::<Vec<_>>()
        };
        // Whichever is shorter is gone through.
        if self.0.len() < versions.len() {
            let about = |(target, entries)| versions.binary_search(target).ok().map(|_| entries);
            return self.0.iter().filter_map(about).flat_map(seqs).collect();
        }
        versions.iter().filter_map(|seq| self.0.get(seq)).flat_map(seqs).collect()
    }

    /// The Provenance resources that `includeAssociatedData` asks for with the `exported` versions
    /// (in order); in order.
    pub fn associated(&self, exported: &[i64], associated: AssociatedData) -> Vec<i64> {
        let mut found: Vec<i64> = match associated {
            AssociatedData::RelevantProvenance => self.about(exported),
            AssociatedData::LatestProvenance => exported
                .iter()
                .filter_map(|seq| self.0.get(seq))
                .filter_map(|entries| {
                    entries.iter().max_by_key(|entry| (entry.recorded, entry.seq))
                })
                .map(|entry| entry.seq)
                .collect(),
        };
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// True where a snapshot has more Provenance resources than `number`.
fn has_more_than(snapshot: &Snapshot, number: usize) -> Result<bool> {
    let mut left = number;
    let mut has_more = false;
    snapshot.for_each_size(&Selection::all(PROVENANCE, snapshot), |_| {
        has_more = left == 0;
        left = left.saturating_sub(1);
        if has_more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(has_more)
}

/// True if a target of a Provenance is among the versions that `holds` has.
///
/// # Errors
/// Where the store cannot be read.
pub fn is_about(view: &Lookup<'_>, seq: i64, holds: impl Fn(i64) -> bool) -> Result<bool> {
    let Some(Provenance { targets, .. }) = view.read(seq, |_, body| Provenance::read(body))? else {
        return Ok(false);
    };
    for (resource_type, id) in targets {
        if view.find(&resource_type, &id)?.is_some_and(&holds) {
            return Ok(true);
        }
    }
    Ok(false)
}
