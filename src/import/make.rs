//! Making the resources of a Bundle's entries ahead, where the store is not needed yet.
//!
//! What an entry becomes follows from the `Type/id` of every entry that its links lead to. Nearly always that is
//! what the Bundle says: so the resources are made for these names. Where the store knows better, because a
//! search finds a resource, the writing side makes them again.

use std::sync::Arc;

use super::links::BundleLinks;
use super::step::{BundleSteps, EntryAction};
use crate::fhir::search::IndexedParameters;
use crate::fhir::view::{KeptViews, MadeViewRows};

/// The largest text whose Bundles' resources are made ahead, in bytes: they need as much memory again.
const LARGEST: usize = 16 << 20;

/// True where the resources of Bundles in `text` are made ahead.
pub(super) fn are_made_ahead(text: &str) -> bool {
    text.len() <= LARGEST
}

/// What is made of a resource ahead.
#[derive(Clone, Default)]
pub(super) struct MadeAhead {
    /// The search parameters that the store keeps indexed.
    pub(super) indexed: Arc<IndexedParameters>,
    /// The views whose rows it keeps.
    pub(super) views: Arc<KeptViews>,
}

/// Makes the resources of a Bundle in `text`, unless that is too large.
pub(super) fn make_resources(text: &str, bundle: &mut BundleSteps, ahead: &MadeAhead) {
    if !are_made_ahead(text) {
        return;
    }
    let name = |action: &EntryAction| match action {
        EntryAction::Put(put) => Some(format!("{}/{}", put.resource_type, put.id)),
        _ => None,
    };
    let names = bundle.steps.iter().map(|step| name(&step.action)).collect();
    let links = BundleLinks { text, full_urls: &bundle.full_urls, names };
    for step in &mut bundle.steps {
        if let EntryAction::Put(put) = &step.action {
            let mut made = links.resource(step, &put.id);
            if let Ok(resource) = &mut made.resource {
                resource.index(&ahead.indexed);
                made.rows =
                    MadeViewRows::ahead(&ahead.views, &resource.resource_type, &resource.text);
            }
            step.made = Some(Box::new(made));
            step.minified = None;
        }
    }
    bundle.made_for = links.names;
}
