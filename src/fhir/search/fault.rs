//! What is wrong with a parameter of a search, and what there is instead.
//!
//! <https://hl7.org/fhir/R4/search.html#errors>

use std::fmt;

use super::definition::SearchParameter;
use crate::fhir::name::short;

/// Why a search cannot be read. Its text names the parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchError {
    /// The type has no such parameter.
    Unknown {
        /// The name as it was given.
        name: String,
        /// The type whose resources are searched.
        resource_type: String,
    },
    /// The type has the parameter, but it cannot be searched for here.
    Unsupported {
        /// The name as it was given.
        name: String,
        /// Why.
        why: String,
    },
    /// The parameter says how results are given, not what is found.
    OfResult {
        /// The name as it was given.
        name: String,
    },
    /// The modifier, the chain or the form of the name is wrong.
    WrongName {
        /// The name as it was given.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// The value is wrong.
    WrongValue {
        /// The name as it was given.
        name: String,
        /// The value as it was given.
        value: String,
        /// What is wrong, to be said behind the value.
        what: String,
    },
}

impl SearchError {
    /// The name of the parameter, as it was given.
    pub fn parameter(&self) -> &str {
        match self {
            SearchError::Unknown { name, .. }
            | SearchError::Unsupported { name, .. }
            | SearchError::OfResult { name }
            | SearchError::WrongName { name, .. }
            | SearchError::WrongValue { name, .. } => name,
        }
    }

    /// True where lenient handling leaves the parameter out. A server must refuse a modifier that it
    /// does not support (<https://hl7.org/fhir/R4/search.html#modifiers>).
    pub fn may_be_ignored(&self) -> bool {
        matches!(
            self,
            SearchError::Unknown { .. }
                | SearchError::Unsupported { .. }
                | SearchError::OfResult { .. }
        )
    }

    /// The same error under the name of the parameter that led to it: `patient.gender`.
    pub(super) fn under(mut self, outer: &str) -> SearchError {
        match &mut self {
            SearchError::Unknown { name, .. }
            | SearchError::Unsupported { name, .. }
            | SearchError::OfResult { name }
            | SearchError::WrongName { name, .. }
            | SearchError::WrongValue { name, .. } => outer.clone_into(name),
        }
        self
    }
}

impl fmt::Display for SearchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = short(self.parameter());
        match self {
            SearchError::Unknown { resource_type, .. } => {
                let all = SearchParameter::all(resource_type);
                let known: Vec<&str> = all.iter().map(|parameter| parameter.code).collect();
                let known = known.join(", ");
                write!(
                    f,
                    "parameter {name:?} cannot be searched for here; {resource_type} has {known}"
                )
            }
            SearchError::Unsupported { why, .. } => {
                write!(f, "parameter {name:?} cannot be searched for here: {why}")
            }
            SearchError::OfResult { .. } => {
                write!(
                    f,
                    "parameter {name:?} says how results are given, which cannot be chosen here"
                )
            }
            SearchError::WrongName { what, .. } => write!(f, "parameter {name:?} is wrong: {what}"),
            SearchError::WrongValue { value, what, .. } => {
                write!(f, "{name} {:?} {what}", short(value))
            }
        }
    }
}

impl std::error::Error for SearchError {}
