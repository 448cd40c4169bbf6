//! What a resource must meet to be found: the parameters of one search with their values.
//!
//! Values of one parameter are alternatives; a resource must meet every parameter
//! (<https://hl7.org/fhir/R4/search.html#combining>).

use std::collections::BTreeSet;

use serde::Deserialize;

use super::condition::Condition;
use super::date::DateBound;
use super::parameter::SearchParameter;
use super::text::StringBound;
use crate::time::Instant;

/// The most values of one parameter, but of `_id`.
const MOST_VALUES: usize = 100;

/// What is searched for, as far as it says which resources match.
#[derive(Clone, Debug)]
pub struct Criteria {
    resource_type: String,
    /// The values that every `_id` has; `None` without `_id`.
    pub ids: Option<BTreeSet<String>>,
    /// Each `identifier`, to be looked up in the store.
    pub conditions: Vec<Condition>,
    last_updated: Vec<Vec<DateBound>>,
    names: Vec<StringBound>,
}

impl Criteria {
    /// Of a search for all resources of a type.
    pub fn new(resource_type: &str) -> Criteria {
        Criteria {
            resource_type: resource_type.to_owned(),
            ids: None,
            conditions: Vec::new(),
            last_updated: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Adds a parameter with its value.
    ///
    /// # Errors
    /// What is wrong with the value, to be said behind it.
    pub fn add(&mut self, parameter: SearchParameter, value: &str) -> Result<(), String> {
        let values = || value.split(',').map(str::to_owned).collect::<Vec<_>>();
        // The values of the others are compared with each resource.
        if parameter != SearchParameter::Id && value.split(',').count() > MOST_VALUES {
            return Err(format!("has too many values; {MOST_VALUES} are the most"));
        }
        match parameter {
            SearchParameter::Id => {
                let values = value.split(',').map(str::to_owned);
                self.ids = Some(match &self.ids {
                    Some(ids) => values.filter(|id| ids.contains(id)).collect(),
                    None => values.collect(),
                });
            }
            SearchParameter::Identifier => self.conditions.push(
                Condition::by_identifier(&self.resource_type, value)
                    .map_err(|reason| format!("is wrong: {reason}"))?,
            ),
            SearchParameter::LastUpdated => {
                let bounds = value.split(',').map(DateBound::parse).collect::<Option<Vec<_>>>();
                let shape = "should be a time, perhaps after eq, ne, gt, lt, ge, le, sa or eb";
                self.last_updated.push(bounds.ok_or(shape)?);
            }
            SearchParameter::Name(modifier) => {
                self.names.push(StringBound { modifier, values: values() });
            }
        }
        Ok(())
    }

    /// True where a resource meets all parameters but `ids` and `conditions`.
    pub fn hold(&self, last_updated: Instant, body: &str) -> bool {
        self.last_updated.iter().all(|any| any.iter().any(|bound| bound.holds(last_updated)))
            && (self.names.is_empty()
                || name(body).is_some_and(|name| self.names.iter().all(|bound| bound.holds(&name))))
    }
}

/// The `name` of a resource, where that is a string.
fn name(body: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct NameElement {
        #[serde(default)]
        name: Option<String>,
    }
    serde_json::from_str::<NameElement>(body).ok()?.name
}
