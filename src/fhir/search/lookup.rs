//! What an index can answer instead of a look at every resource: ids, identifiers, patients, what a
//! Provenance is about.
//!
//! Each answer is a superset: what an index finds must still match the search.

use std::collections::BTreeSet;

use super::bound::Bound;
use super::condition::Condition;
use super::criterion::Test;
use super::definition::SearchParameter;
use super::link::ReferenceBound;
use super::modifier::{Modifier, ParameterKind};
use super::query::Search;
use crate::fhir::compartment::PATIENT;

/// The type whose targets are indexed, and how the parameter for them finds them.
const PROVENANCE: &str = "Provenance";
const PROVENANCE_TARGET: &str = "Provenance.target";

impl Search {
    /// The ids that a resource must have; `None` where it may have any.
    pub fn ids(&self) -> Option<BTreeSet<String>> {
        let mut all: Option<BTreeSet<String>> = None;
        for criterion in &self.criteria {
            if let Test::Id { ids, is_negated: false } = &criterion.test {
                all = Some(match all {
                    Some(before) => before.intersection(ids).cloned().collect(),
                    None => ids.clone(),
                });
            }
        }
        all
    }

    /// The identifiers that a resource must have, one condition for each parameter `identifier`. One
    /// that asks for a whole system gives none.
    pub fn conditions(&self) -> Vec<Condition> {
        let of_identifier = self.criteria.iter().filter(|criterion| match &criterion.test {
            Test::Any { parameter, modifier, .. } => {
                is_identifier(parameter) && *modifier == Modifier::None
            }
            _ => false,
        });
        let read = |value: &str| Condition::by_identifier(self.resource_type(), value).ok();
        of_identifier.filter_map(|criterion| read(&criterion.value)).collect()
    }

    /// Ids of patients, in one of whose compartments a resource must be; `None` where the search does
    /// not say so. `is_link` says whether an element of the type, such as `participant.actor`, puts
    /// resources in compartments.
    pub fn patients<'s>(&'s self, is_link: impl Fn(&str) -> bool) -> Option<BTreeSet<&'s str>> {
        let tests = self.criteria.iter().map(|criterion| &criterion.test);
        let sets = tests.filter_map(|test| match test {
            Test::Any { parameter, bounds, .. }
                if parameter.kind == ParameterKind::Reference
                    && elements(self.resource_type(), parameter).all(&is_link) =>
            {
                bounds.iter().map(|bound| patient(parameter, bound)).collect()
            }
            Test::RefersTo { parameters, names }
                if parameters
                    .iter()
                    .all(|parameter| elements(self.resource_type(), parameter).all(&is_link)) =>
            {
                let id = |name: &'s String| match name.split_once('/') {
                    Some((PATIENT, id)) => Some(id),
                    _ => None,
                };
                names.iter().map(id).collect()
            }
            _ => None,
        });
        sets.min_by_key(BTreeSet::<&str>::len)
    }

    /// What Provenances must be about, as `Type/id`; `None` where the search does not say so, or is for
    /// another type.
    pub fn provenance_targets(&self) -> Option<BTreeSet<String>> {
        if self.resource_type() != PROVENANCE {
            return None;
        }
        let is_target = |parameter: &SearchParameter| parameter.expression == PROVENANCE_TARGET;
        self.criteria.iter().find_map(|criterion| match &criterion.test {
            Test::RefersTo { parameters, names } if parameters.iter().all(|one| is_target(one)) => {
                Some(names.iter().cloned().collect())
            }
            Test::Any { parameter, bounds, .. } if is_target(parameter) => {
                let name = |bound: &Bound| match bound {
                    Bound::Reference(ReferenceBound::Local {
                        resource_type: Some(resource_type),
                        id,
                        ..
                    }) => Some(format!("{resource_type}/{id}")),
                    _ => None,
                };
                bounds.iter().map(name).collect()
            }
            _ => None,
        })
    }
}

/// True for the parameter that the index of identifiers answers. DocumentReference has one that looks
/// at another element too.
fn is_identifier(parameter: &SearchParameter) -> bool {
    parameter.code == "identifier" && !parameter.expression.contains('|')
}

/// The elements in which a reference parameter looks for references, as paths from the root.
fn elements<'p>(
    resource_type: &'p str,
    parameter: &'p SearchParameter,
) -> impl Iterator<Item = &'p str> {
    parameter.expression.split('|').map(move |path| {
        let path = path.trim();
        let path = path.strip_suffix(".where(resolve() is Patient)").unwrap_or(path);
        let rest = path.strip_prefix(resource_type).and_then(|rest| rest.strip_prefix('.'));
        rest.unwrap_or(path)
    })
}

/// The patient that a value names; `None` where it may name another resource.
fn patient<'b>(parameter: &SearchParameter, bound: &'b Bound) -> Option<&'b str> {
    match bound {
        Bound::Reference(ReferenceBound::Local { resource_type, id, .. }) => {
            let is_patient = match resource_type {
                Some(resource_type) => resource_type == PATIENT,
                None => {
                    parameter.targets == [PATIENT]
                        || parameter.expression.ends_with("(resolve() is Patient)")
                }
            };
            is_patient.then_some(id.as_str())
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;
