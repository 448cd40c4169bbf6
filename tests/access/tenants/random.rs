//! Random cases: changes of a store, and requests to its server.

use proptest::prelude::*;

use super::requests::{Ask, ask};
use super::steps::{OWNERS, Step, item, step};

#[derive(Clone, Debug)]
pub struct Case {
    pub steps: Vec<Step>,
    pub asks: Vec<Ask>,
}

pub fn case() -> impl Strategy<Value = Case> {
    // Every owner has resources, in random order.
    let import = (any::<bool>(), prop::collection::vec(item(), 12..30));
    let first = prop::collection::vec(import, OWNERS.len());
    let order = Just((0..OWNERS.len()).collect::<Vec<_>>()).prop_shuffle();
    let steps = prop::collection::vec(step(), 4..14);
    let asks = prop::collection::vec(ask(), 8..16);
    (first, order, steps, asks).prop_map(|(first, order, steps, asks)| {
        let imports = order.into_iter().zip(first);
        let imports =
            imports.map(|(owner, (is_bundle, items))| Step::Import { owner, is_bundle, items });
        Case { steps: imports.chain(steps).collect(), asks }
    })
}
