//! One parameter of a search with its values: the values are alternatives.
//!
//! <https://hl7.org/fhir/R4/search.html#combining>

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::answers::Answers;
use super::bound::{Bound, SearchContext};
use super::definition::SearchParameter;
use super::escape::{split, unescaped};
use super::fault::SearchError;
use super::link::local_target;
use super::modifier::Modifier;
use super::span::Span;
use super::values::{Candidate, values};
use crate::time::Instant;

/// The parameter for logical ids.
pub(super) const ID: &str = "_id";
/// The parameter for the time of a version.
pub(super) const LAST_UPDATED: &str = "_lastUpdated";
/// The most values of one parameter, but of `_id`.
const MOST_VALUES: usize = 100;

/// One parameter of a search.
#[derive(Clone, Debug)]
pub(super) struct Criterion {
    /// The name as it was given.
    pub(super) name: String,
    /// The value as it was given.
    pub(super) value: String,
    pub(super) test: Test,
}

/// What a resource must meet.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// Its id is one of these; with `is_negated` none of them.
    Id { ids: BTreeSet<String>, is_negated: bool },
    /// The parameter finds no value; without `is_missing` a value.
    Missing { parameter: &'static SearchParameter, is_missing: bool },
    /// A value that the parameter finds meets one of these; with the modifier `:not` no value does.
    Any { parameter: &'static SearchParameter, modifier: Modifier, bounds: Vec<Bound> },
    /// A reference leads to a resource that one of these inner searches finds.
    Chain { parameter: &'static SearchParameter, inner: Range<usize> },
    /// The resource is referred to by one that this inner search finds.
    Has { inner: usize },
    /// A reference that one of these parameters finds leads to one of these resources, `Type/id`.
    RefersTo { parameters: Vec<&'static SearchParameter>, names: Arc<HashSet<String>> },
}

impl Test {
    /// Reads a parameter that is no chain.
    ///
    /// # Errors
    /// What is wrong with the modifier or the value.
    pub(super) fn parse(
        parameter: &'static SearchParameter,
        modifier: Option<&str>,
        (name, value): (&str, &str),
        context: &SearchContext<'_>,
    ) -> Result<Test, SearchError> {
        let wrong_name = |what| SearchError::WrongName { name: name.to_owned(), what };
        let wrong_value =
            |what| SearchError::WrongValue { name: name.to_owned(), value: value.to_owned(), what };
        let modifier = match modifier {
            Some(modifier) => Modifier::parse(parameter.kind, modifier).map_err(wrong_name)?,
            None => Modifier::None,
        };
        if let Modifier::Type(of_type) = &modifier
            && !parameter.may_refer_to(of_type)
        {
            return Err(wrong_name(format!("it refers to {}", parameter.targets.join(", "))));
        }
        if modifier == Modifier::Missing {
            let is_missing = match value {
                "true" => true,
                "false" => false,
                _ => return Err(wrong_value("should be true or false".to_owned())),
            };
            return Ok(Test::Missing { parameter, is_missing });
        }
        let texts = split(value, ',');
        if parameter.code == ID {
            if texts.contains(&"") {
                return Err(wrong_value("has an empty value".to_owned()));
            }
            let is_negated = modifier == Modifier::Not;
            if !is_negated && modifier != Modifier::None {
                return Err(wrong_name(format!("{ID} has :missing, :not")));
            }
            let ids = texts.into_iter().map(unescaped).collect();
            return Ok(Test::Id { ids, is_negated });
        }
        // The values of the others are compared with each resource.
        if texts.len() > MOST_VALUES {
            let what = format!("has too many values; {MOST_VALUES} are the most");
            return Err(wrong_value(what));
        }
        let read = |text: &str| Bound::parse(parameter, &modifier, text, context);
        let bounds = texts.into_iter().map(read).collect::<Result<_, _>>().map_err(wrong_value)?;
        Ok(Test::Any { parameter, modifier, bounds })
    }

    /// True where id and time of the resource can meet the test, its body aside.
    pub(super) fn may_hold(&self, id: &str, last_updated: Instant) -> bool {
        match self {
            Test::Id { ids, is_negated } => ids.contains(id) != *is_negated,
            Test::Missing { parameter, is_missing } => !is_of_row(parameter) || !is_missing,
            Test::Any { parameter, bounds, .. } if parameter.code == LAST_UPDATED => {
                let time = Span::point(last_updated);
                bounds.iter().any(|bound| matches!(bound, Bound::Date(bound) if bound.holds(&time)))
            }
            _ => true,
        }
    }

    /// True where the test looks at the body of a resource.
    pub(super) fn needs_body(&self) -> bool {
        match self {
            Test::Id { .. } | Test::Has { .. } => false,
            Test::Missing { parameter, .. } | Test::Any { parameter, .. } => !is_of_row(parameter),
            Test::Chain { .. } | Test::RefersTo { .. } => true,
        }
    }

    /// True where the resource meets the test.
    ///
    /// # Errors
    /// Why an expression cannot be evaluated.
    pub(super) fn holds(
        &self,
        resource_type: &str,
        candidate: &Candidate<'_>,
        answers: &Answers,
    ) -> Result<bool, String> {
        if !self.needs_body() {
            let is_found = match self {
                Test::Has { inner } => {
                    answers.contains(*inner, &format!("{resource_type}/{}", candidate.id))
                }
                _ => true,
            };
            return Ok(is_found && self.may_hold(candidate.id, candidate.last_updated));
        }
        let body = candidate.body;
        Ok(match self {
            Test::Missing { parameter, is_missing } => {
                values(parameter, body)?.is_empty() == *is_missing
            }
            Test::Any { parameter, modifier, bounds } => {
                let found = values(parameter, body)?;
                let mut is_met = false;
                for bound in bounds {
                    is_met = is_met || bound.holds_in_any(parameter, body, &found)?;
                }
                is_met != (*modifier == Modifier::Not)
            }
            Test::Chain { parameter, inner } => {
                let found = values(parameter, body)?;
                let mut targets = found.iter().filter_map(|found| local_target(found.tree));
                targets.any(|name| inner.clone().any(|at| answers.contains(at, &name)))
            }
            Test::RefersTo { parameters, names } => {
                let mut is_met = false;
                for parameter in parameters {
                    let found = values(parameter, body)?;
                    let mut targets = found.iter().filter_map(|found| local_target(found.tree));
                    is_met = is_met || targets.any(|name| names.contains(&name));
                }
                is_met
            }
            Test::Id { .. } | Test::Has { .. } => false,
        })
    }
}

/// True for a parameter whose value the store has beside the body.
fn is_of_row(parameter: &SearchParameter) -> bool {
    [ID, LAST_UPDATED].contains(&parameter.code)
}
