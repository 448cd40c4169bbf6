//! What conditions have found in a transaction: many resources refer to the same Practitioner or Organization.

use std::collections::HashMap;

use crate::fhir::search::Condition;

/// The most conditions of a type whose finds are kept.
const MOST_OF_TYPE: usize = 10_000;

/// What conditions have found, by type. What was found for a type is forgotten with the next write of that type.
#[derive(Default)]
pub(super) struct FoundIds(HashMap<String, HashMap<Condition, Vec<String>>>);

impl FoundIds {
    pub(super) fn get(&self, condition: &Condition) -> Option<&Vec<String>> {
        self.0.get(&condition.resource_type)?.get(condition)
    }

    pub(super) fn keep(&mut self, condition: &Condition, ids: &[String]) {
        let of_type = self.0.entry(condition.resource_type.clone()).or_default();
        if of_type.len() < MOST_OF_TYPE {
            of_type.insert(condition.clone(), ids.to_vec());
        }
    }

    /// Forgets what was found of a type.
    pub(super) fn forget(&mut self, resource_type: &str) {
        if !self.0.is_empty() {
            self.0.remove(resource_type);
        }
    }
}
