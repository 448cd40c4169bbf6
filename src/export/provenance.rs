//! Provenance resources, by their targets.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html>: "the Data Provider SHALL include all available
//! Provenance resources whose `Provenance.target` is a resource in the Patient compartment in a
//! patient level export request".

use std::collections::HashMap;

use serde::Deserialize;

use super::request::AssociatedData;
use super::versions::all_of;
use crate::error::Result;
use crate::fhir::name::local_reference;
use crate::store::{Lookup, Snapshot};
use crate::time::{Instant, span};

/// The Provenance resources of a snapshot, by the versions of their targets.
#[derive(Default)]
pub struct ProvenanceIndex(HashMap<i64, Vec<ProvenanceEntry>>);

#[derive(Clone, Copy)]
struct ProvenanceEntry {
    /// The time at which it was recorded.
    recorded: Option<Instant>,
    seq: i64,
}

/// The elements of a Provenance that matter here.
#[derive(Deserialize)]
struct ProvenanceBody {
    #[serde(default)]
    target: Vec<ProvenanceTarget>,
    #[serde(default)]
    recorded: Option<String>,
}

#[derive(Deserialize)]
struct ProvenanceTarget {
    #[serde(default)]
    reference: Option<String>,
}

/// Types and ids of the targets of a Provenance; none if its text cannot be read.
pub fn targets(text: &str) -> Vec<(String, String)> {
    read(text).0
}

fn read(text: &str) -> (Vec<(String, String)>, Option<Instant>) {
    let Ok(ProvenanceBody { target, recorded }) = serde_json::from_str(text) else {
        return Default::default();
    };
    let links = target.iter().filter_map(|target| local_reference(target.reference.as_deref()?));
    let targets =
        links.map(|(resource_type, id)| (resource_type.to_owned(), id.to_owned())).collect();
    (targets, recorded.and_then(|text| span(&text)).map(|(first, _)| first))
}

impl ProvenanceIndex {
    /// Reads all Provenance resources of a snapshot.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn read(snapshot: &Snapshot, view: &Lookup<'_>) -> Result<ProvenanceIndex> {
        let mut by_target: HashMap<i64, Vec<ProvenanceEntry>> = HashMap::new();
        for seq in all_of(snapshot, "Provenance")? {
            let Some((targets, recorded)) = view.read(seq, |_, body| read(body))? else { continue };
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
