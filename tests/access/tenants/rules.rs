//! What becomes of each step, by the rules for owners.

use std::collections::{BTreeMap, BTreeSet};

use super::steps::{Item, KINDS, NOBODY, Step, UNNAMED, WANTED, id};

/// A step, and its effect by the rules for owners.
pub struct Planned {
    pub step: Step,
    /// For each item of an import: whether it is accepted.
    pub accepted: Vec<bool>,
    /// The owner of the import, or of the resource that is deleted.
    pub owner: usize,
}

/// The owner of each resource, or the last one, and whether the resource exists.
#[derive(Default)]
struct Owned {
    now: BTreeMap<(usize, String), (usize, bool)>,
}

impl Owned {
    /// Applies an item of an import; whether it is accepted.
    fn apply(&mut self, owner: usize, item: &Item) -> bool {
        let key = item.key(owner);
        if self.now.get(&key).is_some_and(|(current, _)| *current != owner) {
            return false;
        }
        if item.is_deletion {
            self.delete(&key);
        } else {
            self.now.insert(key, (owner, true));
        }
        true
    }

    /// Deletes a resource. One of a user keeps its owner.
    fn delete(&mut self, key: &(usize, String)) {
        match self.now.get_mut(key) {
            Some((NOBODY, _)) => drop(self.now.remove(key)),
            Some((_, exists)) => *exists = false,
            None => {}
        }
    }
}

/// The steps that change something, with their effects.
pub fn plan(steps: &[Step]) -> Vec<Planned> {
    let mut owned = Owned::default();
    let mut planned = Vec::new();
    for step in steps {
        let mut step = step.clone();
        let (mut accepted, mut of) = (Vec::new(), NOBODY);
        match &mut step {
            Step::Import { owner, is_bundle, items } => {
                let mut seen = BTreeSet::new();
                if *is_bundle {
                    // The entries of a Bundle have ids, and each is about another resource.
                    items.iter_mut().for_each(|item| item.slot %= UNNAMED);
                    // They refer to each other by searches, also to an entry that is refused.
                    let is_found = |item: &&mut Item| KINDS[item.kind] == "Practitioner";
                    items.iter_mut().filter(is_found).for_each(|item| item.slot %= WANTED);
                    items.retain(|item| seen.insert((item.kind, item.slot)));
                } else {
                    items.iter_mut().for_each(|item| item.is_deletion = false);
                }
                of = *owner;
                accepted = items.iter().map(|item| owned.apply(of, item)).collect();
            }
            Step::Delete(kind, place) => {
                let key = (*kind, id(*place));
                match owned.now.get(&key) {
                    Some((owner, true)) => of = *owner,
                    _ => continue,
                }
                owned.delete(&key);
            }
            Step::Activate(user, _) => of = *user,
            Step::Export => {}
        }
        planned.push(Planned { step, accepted, owner: of });
    }
    planned
}
