//! Settling the entries of a Bundle: their searches are answered, and each resource gets its `Type/id`.
//! Nothing is written.
//!
//! <https://hl7.org/fhir/R4/http.html#trules>

use std::collections::HashMap;

use super::apply::ImportRun;
use super::siblings::Siblings;
use super::step::{EntryAction, EntryPut, EntrySearch, EntryStep, PutRule};
use crate::error::Result;
use crate::fhir::search::Condition;
use crate::store::Match;

/// What an entry does, now that its searches were answered.
pub(super) enum SettledAction {
    Put {
        resource_type: String,
        id: String,
    },
    /// Leave the resource as it is where it has this content already; reject the entry otherwise.
    PutUnchanged {
        resource_type: String,
        id: String,
        reason: String,
    },
    Delete {
        resource_type: String,
        id: String,
    },
    /// Leave the resource that exists already as it is.
    Exists {
        resource_type: String,
        id: String,
    },
    Nothing,
    Reject(String),
    /// Whatever the entry asks for: it has no search and no resource.
    AsAsked,
}

impl SettledAction {
    /// The `Type/id` of the entry's resource, where it has one.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            SettledAction::Put { resource_type, id }
            | SettledAction::PutUnchanged { resource_type, id, .. }
            | SettledAction::Exists { resource_type, id } => Some(format!("{resource_type}/{id}")),
            _ => None,
        }
    }
}

/// Settles the entries of one Bundle, in order.
pub(super) struct Settler<'a, 'r> {
    pub(super) run: &'a mut ImportRun<'r>,
    pub(super) may_search: bool,
    siblings: Siblings,
    /// The ids that searches were settled on.
    answered: HashMap<Condition, String>,
}

impl<'a, 'r> Settler<'a, 'r> {
    pub(super) fn new(run: &'a mut ImportRun<'r>, may_search: bool) -> Settler<'a, 'r> {
        Settler { run, may_search, siblings: Siblings::default(), answered: HashMap::new() }
    }

    /// Settles all entries; returns what each one does, and the resources that they put in.
    pub(super) fn settle_all(
        mut self,
        steps: &[EntryStep],
    ) -> Result<(Vec<SettledAction>, Siblings)> {
        let settled = steps.iter().map(|step| self.settle(&step.action)).collect::<Result<_>>()?;
        Ok((settled, self.siblings))
    }

    /// Answers the search of an entry, and notes its resource for the entries that follow.
    fn settle(&mut self, action: &EntryAction) -> Result<SettledAction> {
        let settled = match action {
            EntryAction::Put(put) => return self.settle_put(put),
            EntryAction::Delete { resource_type, id } => {
                SettledAction::Delete { resource_type: resource_type.clone(), id: id.clone() }
            }
            EntryAction::DeleteWhere(search) => match self.find(&search.condition)? {
                Match::None => SettledAction::Nothing,
                Match::One(id) => {
                    let resource_type = search.condition.resource_type.clone();
                    SettledAction::Delete { resource_type, id }
                }
                Match::Several(_) => SettledAction::Reject(format!(
                    "DELETE {} finds several resources",
                    search.query
                )),
            },
            _ => SettledAction::AsAsked,
        };
        if let SettledAction::Delete { resource_type, id } = &settled {
            self.siblings.delete(resource_type, id);
        }
        Ok(settled)
    }

    fn settle_put(&mut self, put: &EntryPut) -> Result<SettledAction> {
        let (resource_type, id) = (put.resource_type.clone(), put.id.clone());
        let settled = match &put.rule {
            PutRule::Always => SettledAction::Put { resource_type, id },
            PutRule::IfNoneExist(search) => match self.find(&search.condition)? {
                Match::None => SettledAction::Put { resource_type, id },
                Match::One(id) => SettledAction::Exists { resource_type, id },
                Match::Several(found) => match self.own(put, search, &found) {
                    Some(id) => SettledAction::Exists { resource_type, id },
                    None => SettledAction::Reject(format!(
                        "ifNoneExist {} finds several resources",
                        search.query
                    )),
                },
            },
            PutRule::Where { search, has_id } => match self.find(&search.condition)? {
                Match::None => SettledAction::Put { resource_type, id },
                Match::One(found) if *has_id && found != id => SettledAction::Reject(format!(
                    "PUT {} finds {found} but carries the id {id}",
                    search.query
                )),
                Match::One(id) => SettledAction::Put { resource_type, id },
                Match::Several(found) => {
                    let reason = format!("PUT {} finds several resources", search.query);
                    match self.own(put, search, &found) {
                        Some(id) => SettledAction::PutUnchanged { resource_type, id, reason },
                        None => SettledAction::Reject(reason),
                    }
                }
            },
        };
        let (id, is_new) = match &settled {
            SettledAction::Put { id, .. } => (id, true),
            SettledAction::PutUnchanged { id, .. } | SettledAction::Exists { id, .. } => {
                (id, false)
            }
            _ => return Ok(settled),
        };
        if let PutRule::IfNoneExist(search) | PutRule::Where { search, .. } = &put.rule {
            self.answered.insert(search.condition.clone(), id.clone());
        }
        if self.may_search {
            let identifiers = if is_new { put.identifiers.clone() } else { Vec::new() };
            self.siblings.put(&put.resource_type, id, identifiers);
        }
        Ok(settled)
    }

    /// Of several resources that a search finds, the one that this entry made when it was imported
    /// before: it has the entry's id, or it is what an earlier entry with the same search stands for.
    fn own(&self, put: &EntryPut, search: &EntrySearch, found: &[String]) -> Option<String> {
        let answered = self.answered.get(&search.condition);
        [Some(&put.id), answered].into_iter().flatten().find(|id| found.contains(id)).cloned()
    }

    /// Searches the store and the earlier entries.
    fn find(&mut self, condition: &Condition) -> Result<Match> {
        let mut ids = self.run.writer.find(condition)?;
        ids.retain(|id| !self.siblings.deletes(&condition.resource_type, id));
        ids.extend(self.siblings.find(condition));
        Ok(Match::of(ids))
    }
}
