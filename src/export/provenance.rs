//! Provenance resources, by their targets.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html>: "the Data Provider SHALL include all available
//! Provenance resources whose `Provenance.target` is a resource in the Patient compartment in a
//! patient level export request".

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use super::request::AssociatedData;
use super::shape::text;
use crate::error::Result;
use crate::fhir::provenance::{PROVENANCE, Provenance};
use crate::store::{Lookup, Selection, Snapshot};
use crate::time::Instant;

/// So many targets are read before they are looked up, in the order of the index by id.
const TARGETS_AT_ONCE: usize = 1 << 14;

/// The Provenance resources of a snapshot, by the versions of their targets: in order, an entry for each target.
#[derive(Default)]
pub struct ProvenanceIndex(Vec<ProvenanceEntry>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct ProvenanceEntry {
    target: i64,
    /// The time at which it was recorded.
    recorded: Option<Instant>,
    seq: i64,
}

/// A target that is not looked up yet.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct NamedTarget {
    id: String,
    resource_type: String,
    recorded: Option<Instant>,
    /// The number of the Provenance.
    seq: i64,
}

impl ProvenanceIndex {
    /// Reads all Provenance resources of a snapshot.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn read(snapshot: &Snapshot) -> Result<ProvenanceIndex> {
        let all = Selection::all(PROVENANCE, snapshot);
        let mut entries = Vec::new();
        let work = |range: &Selection, _: &AtomicBool| entries_in(snapshot, range);
        snapshot.scan(&all, &work, &mut |found: Vec<ProvenanceEntry>| {
            entries.extend(found);
            Ok(ControlFlow::Continue(()))
        })?;
        entries.sort_unstable();
        Ok(ProvenanceIndex(entries))
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
            return ProvenanceIndex::read(snapshot);
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
        let mut targets = Vec::new();
        for seq in seqs {
            view.read(seq, |_, body| add_targets(&mut targets, seq, body))?;
        }
        let mut entries = found(view, targets)?;
        entries.sort_unstable();
        Ok(ProvenanceIndex(entries))
    }

    /// The entries of a target.
    fn of_target(&self, target: i64) -> &[ProvenanceEntry] {
        let first = self.0.partition_point(|entry| entry.target < target);
        let rest = &self.0[first..];
        &rest[..rest.iter().take_while(|entry| entry.target == target).count()]
    }

    /// The Provenance resources about `versions` (in order), unordered and perhaps repeated.
    pub fn about(&self, versions: &[i64]) -> Vec<i64> {
        // Whichever is shorter is gone through.
        if self.0.len() < versions.len() {
            let is_about = |entry: &&ProvenanceEntry| versions.binary_search(&entry.target).is_ok();
            return self.0.iter().filter(is_about).map(|entry| entry.seq).collect();
        }
        let about = versions.iter().flat_map(|target| self.of_target(*target));
        about.map(|entry| entry.seq).collect()
    }

    /// The Provenance resources that `includeAssociatedData` asks for with the `exported` versions
    /// (in order); in order.
    pub fn associated(&self, exported: &[i64], associated: AssociatedData) -> Vec<i64> {
        let mut found: Vec<i64> = match associated {
            AssociatedData::RelevantProvenance => self.about(exported),
            AssociatedData::LatestProvenance => {
                let latest = exported.iter().filter_map(|target| self.of_target(*target).last());
                latest.map(|entry| entry.seq).collect()
            }
        };
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The entries of Provenance resources in the beginning of a range, and the number to go on from.
fn entries_in(
    snapshot: &Snapshot,
    range: &Selection,
) -> Result<(Vec<ProvenanceEntry>, Option<i64>)> {
    let mut targets = Vec::new();
    let mut read = Ok(());
    let next = snapshot.for_each_body(range, |seq, body| {
        read = text(body).map(|body| add_targets(&mut targets, seq, body));
        match read.is_err() || targets.len() >= TARGETS_AT_ONCE {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    read?;
    Ok((found(&snapshot.lookup()?, targets)?, next))
}

/// Adds the targets of a Provenance.
fn add_targets(targets: &mut Vec<NamedTarget>, seq: i64, body: &str) {
    let Provenance { targets: named, recorded } = Provenance::read(body);
    let new = |(resource_type, id)| NamedTarget { id, resource_type, recorded, seq };
    targets.extend(named.into_iter().map(new));
}

/// The entries of targets, as far as the snapshot shows these.
fn found(view: &Lookup<'_>, mut targets: Vec<NamedTarget>) -> Result<Vec<ProvenanceEntry>> {
    // Neighbours stand on one page of the index.
    targets.sort_unstable();
    let mut entries = Vec::with_capacity(targets.len());
    for NamedTarget { id, resource_type, recorded, seq } in targets {
        if let Some(target) = view.find(&resource_type, &id)? {
            entries.push(ProvenanceEntry { target, recorded, seq });
        }
    }
    Ok(entries)
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
