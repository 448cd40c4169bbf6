//! Provenance: which are about what.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html>: "the Data Provider SHALL include all available
//! Provenance resources whose `Provenance.target` is a resource in the Patient compartment in a
//! patient level export request".

use std::collections::HashMap;

use serde::Deserialize;

use super::request::Associated;
use super::scope::all_of;
use crate::error::Result;
use crate::fhir::name::local_reference;
use crate::store::{Snapshot, View};
use crate::time::{Instant, span};

/// The Provenance resources of a snapshot, by the versions that they are about.
#[derive(Default)]
pub struct Provenances(HashMap<i64, Vec<Provenance>>);

#[derive(Clone, Copy)]
struct Provenance {
    recorded: Option<Instant>,
    seq: i64,
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    target: Vec<Target>,
    #[serde(default)]
    recorded: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    #[serde(default)]
    reference: Option<String>,
}

/// The resources that a Provenance is about; none of one that cannot be read.
pub fn targets(text: &str) -> Vec<(String, String)> {
    read(text).0
}

fn read(text: &str) -> (Vec<(String, String)>, Option<Instant>) {
    let Ok(Head { target, recorded }) = serde_json::from_str(text) else {
        return Default::default();
    };
    let links = target.iter().filter_map(|target| local_reference(target.reference.as_deref()?));
    let targets =
        links.map(|(resource_type, id)| (resource_type.to_owned(), id.to_owned())).collect();
    (targets, recorded.and_then(|text| span(&text)).map(|(first, _)| first))
}

impl Provenances {
    /// Reads those of a snapshot.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn read(snapshot: &Snapshot, view: &View<'_>) -> Result<Provenances> {
        let mut by_target: HashMap<i64, Vec<Provenance>> = HashMap::new();
        for seq in all_of(snapshot, "Provenance")? {
            let Some((targets, recorded)) = view.read(seq, |_, body| read(body))? else { continue };
            for (resource_type, id) in targets {
                if let Some(target) = view.find(&resource_type, &id)? {
                    by_target.entry(target).or_default().push(Provenance { recorded, seq });
                }
            }
        }
        Ok(Provenances(by_target))
    }

    /// Those about any of `versions`, in no order and perhaps repeated.
    pub fn about(&self, versions: &[i64]) -> Vec<i64> {
        let about = |all: &Vec<Provenance>| all.iter().map(|one| one.seq).collect::<Vec<_>>();
        match self.0.len() < versions.len() {
            true => self
                .0
                .iter()
                .filter(|(target, _)| versions.binary_search(target).is_ok())
                .flat_map(|(_, all)| about(all))
                .collect(),
            false => versions.iter().filter_map(|seq| self.0.get(seq)).flat_map(about).collect(),
        }
    }

    /// Those that are asked for with resources that are returned, in order.
    pub fn associated(&self, returned: &[i64], associated: Associated) -> Vec<i64> {
        let mut found: Vec<i64> = match associated {
            Associated::RelevantProvenance => self.about(returned),
            Associated::LatestProvenance => returned
                .iter()
                .filter_map(|seq| self.0.get(seq))
                .filter_map(|all| all.iter().max_by_key(|one| (one.recorded, one.seq)))
                .map(|one| one.seq)
                .collect(),
        };
        found.sort_unstable();
        found.dedup();
        found
    }
}
