//! The earlier entries of a Bundle: what searches of later entries find beside the store.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use crate::fhir::Identifier;
use crate::fhir::search::{Condition, SearchToken};

/// An identifier's system, and the id of the resource that has the identifier.
type SystemAndId = (Option<String>, String);

/// The resources that entries put in and delete, by type, id and identifiers.
#[derive(Default)]
pub(super) struct Siblings {
    /// Identifiers by type and value.
    identifiers: HashMap<(String, String), Vec<SystemAndId>>,
    ids: HashSet<(String, String)>,
    /// Resources that an entry deletes and no later entry puts in again.
    deleted: HashSet<(String, String)>,
}

impl Siblings {
    /// Adds a resource that an entry puts in.
    pub(super) fn put(&mut self, resource_type: &str, id: &str, identifiers: Vec<Identifier>) {
        let key = (resource_type.to_owned(), id.to_owned());
        self.deleted.remove(&key);
        self.ids.insert(key);
        for identifier in identifiers {
            if let Some(value) = identifier.value {
                let key = (resource_type.to_owned(), value);
                self.identifiers.entry(key).or_default().push((identifier.system, id.to_owned()));
            }
        }
    }

    /// Adds a resource that an entry deletes.
    pub(super) fn delete(&mut self, resource_type: &str, id: &str) {
        self.deleted.insert((resource_type.to_owned(), id.to_owned()));
    }

    /// True for a resource that an entry deletes.
    pub(super) fn deletes(&self, resource_type: &str, id: &str) -> bool {
        self.deleted.contains(&(resource_type.to_owned(), id.to_owned()))
    }

    /// The ids of the entries' resources that meet a condition.
    pub(super) fn find(&self, condition: &Condition) -> Vec<String> {
        let key = |name: &str| (condition.resource_type.clone(), name.to_owned());
        let with = |token: &SearchToken| -> Result<_, Infallible> {
            let named = self.identifiers.get(&key(&token.value)).into_iter().flatten();
            let matching = named.filter(|(system, _)| token.takes_system(system.as_deref()));
            Ok(matching.map(|(_, id)| id.clone()).collect())
        };
        let Ok(found) = condition.find(|id| Ok(self.ids.contains(&key(id))), with);
        found
    }
}
