//! What becomes of each step, by the rules for owners.

use std::collections::{BTreeMap, BTreeSet};

use super::steps::{Item, KINDS, NOBODY, Step, UNNAMED, WANTED, id};

/// What becomes of each step, by the rules of owners.
pub struct Planned {
    pub step: Step,
    /// Of an import, which items are taken; of a deletion, whose the resource was.
    pub taken: Vec<bool>,
    pub owner: usize,
}

/// Who has each resource, or had it last; and who is active.
#[derive(Default)]
struct Owned {
    now: BTreeMap<(usize, String), (usize, bool)>,
}

impl Owned {
    fn take(&mut self, owner: usize, item: &Item) -> bool {
        let key = item.key(owner);
        if self.now.get(&key).is_some_and(|(whose, _)| *whose != owner) {
            return false;
        }
        match item.is_deletion {
            true => self.end(&key),
            false => drop(self.now.insert(key, (owner, true))),
        }
        true
    }

    /// What was a user's stays the user's.
    fn end(&mut self, key: &(usize, String)) {
        match self.now.get_mut(key) {
            Some((NOBODY, _)) => drop(self.now.remove(key)),
            Some((_, is_live)) => *is_live = false,
            None => {}
        }
    }
}

pub fn plan(steps: &[Step]) -> Vec<Planned> {
    let mut owned = Owned::default();
    let mut planned = Vec::new();
    for step in steps {
        let mut step = step.clone();
        let (mut taken, mut whose) = (Vec::new(), NOBODY);
        match &mut step {
            Step::Import { owner, is_bundle, items } => {
                let mut seen = BTreeSet::new();
                if *is_bundle {
                    // Entries of a Bundle have names, and are about different resources.
                    items.iter_mut().for_each(|item| item.slot %= UNNAMED);
                    // They link to each other by searches, also to one that is refused.
                    let is_found = |item: &&mut Item| KINDS[item.kind] == "Practitioner";
                    items.iter_mut().filter(is_found).for_each(|item| item.slot %= WANTED);
                    items.retain(|item| seen.insert((item.kind, item.slot)));
                } else {
                    items.iter_mut().for_each(|item| item.is_deletion = false);
                }
                whose = *owner;
                taken = items.iter().map(|item| owned.take(whose, item)).collect();
            }
            Step::Delete(kind, place) => {
                let key = (*kind, id(*place));
                match owned.now.get(&key) {
                    Some((owner, true)) => whose = *owner,
                    _ => continue,
                }
                owned.end(&key);
            }
            Step::Activate(user, _) => whose = *user,
            Step::Export => {}
        }
        planned.push(Planned { step, taken, owner: whose });
    }
    planned
}
