//! [`IndexedParameters`]: the search parameters that a store keeps indexed, and the keys that they make of a
//! resource.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::definition::SearchParameter;
use super::index_entry::{IndexEntry, entries, unindexable};
use crate::fhir::json::Tree;

/// Search parameters with the numbers by which a store names them.
#[derive(Debug, Default)]
pub struct IndexedParameters(BTreeMap<String, Vec<(i64, &'static SearchParameter)>>);

/// The keys of a resource.
#[derive(Clone, Debug)]
pub struct MadeEntries {
    /// The parameters that they are made for.
    pub made_for: Arc<IndexedParameters>,
    /// Each with the number of its parameter.
    pub entries: Vec<(i64, IndexEntry)>,
}

impl IndexedParameters {
    /// Parameters by number, type and code. One that cannot be indexed is left out.
    pub fn new(parameters: impl IntoIterator<Item = (i64, String, String)>) -> IndexedParameters {
        let mut by_type: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (number, resource_type, code) in parameters {
            let parameter = SearchParameter::of(&resource_type, &code);
            if let Some(parameter) = parameter.filter(|found| unindexable(found).is_none()) {
                by_type.entry(resource_type).or_default().push((number, parameter));
            }
        }
        for of_type in by_type.values_mut() {
            of_type.sort_by_key(|(number, _)| *number);
        }
        IndexedParameters(by_type)
    }

    /// True where a type has indexed parameters.
    pub fn has(&self, resource_type: &str) -> bool {
        self.0.contains_key(resource_type)
    }

    /// The keys that a body has, each with the number of its parameter.
    pub fn entries(&self, resource_type: &str, body: &str) -> Vec<(i64, IndexEntry)> {
        let Some(parameters) = self.0.get(resource_type) else { return Vec::new() };
        let tree = Tree::parse(body);
        let of_parameter = |(number, parameter): &(i64, &'static SearchParameter)| {
            let found = match &tree {
                Ok(tree) => entries(parameter, tree),
                Err(_) => vec![IndexEntry::Unknown],
            };
            let number = *number;
            found.into_iter().map(move |entry| (number, entry))
        };
        parameters.iter().flat_map(of_parameter).collect()
    }
}

impl PartialEq for IndexedParameters {
    fn eq(&self, other: &IndexedParameters) -> bool {
        let names = |of: &IndexedParameters| -> Vec<(String, i64, &'static str)> {
            let all = of.0.iter().flat_map(|(resource_type, parameters)| {
                let name = |(number, parameter): &(i64, &'static SearchParameter)| {
                    (resource_type.clone(), *number, parameter.code)
                };
                parameters.iter().map(name).collect::<Vec<_>>()
            });
            all.collect()
        };
        names(self) == names(other)
    }
}

impl MadeEntries {
    /// Makes the keys of a body; `None` where its type has no indexed parameters.
    pub fn of(
        parameters: &Arc<IndexedParameters>,
        resource_type: &str,
        body: &str,
    ) -> Option<MadeEntries> {
        parameters.has(resource_type).then(|| MadeEntries {
            made_for: parameters.clone(),
            entries: parameters.entries(resource_type, body),
        })
    }

    /// True where the keys are those for `parameters`.
    pub fn are_for(&self, parameters: &Arc<IndexedParameters>) -> bool {
        Arc::ptr_eq(&self.made_for, parameters) || self.made_for == *parameters
    }
}
