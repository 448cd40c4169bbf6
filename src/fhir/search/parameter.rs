//! The search parameters that exist here, and the types they apply to.
//!
//! <https://hl7.org/fhir/R4/searchparameter-registry.html>. A new parameter begins in this file;
//! [`Criteria`](super::Criteria) reads its values.

use super::text::StringModifier;

const ID: &str = "_id";
const IDENTIFIER: &str = "identifier";
const LAST_UPDATED: &str = "_lastUpdated";
const NAME: &str = "name";

/// A search parameter with its modifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchParameter {
    /// `_id`, of every type.
    Id,
    /// `identifier`, of every type.
    Identifier,
    /// `_lastUpdated`, of every type.
    LastUpdated,
    /// `name`, of Group (<https://hl7.org/fhir/uv/bulkdata/group.html>).
    Name(StringModifier),
}

impl SearchParameter {
    /// The parameter that `name` (`name:exact`) means in a search for resources of a type.
    pub fn of(resource_type: &str, name: &str) -> Option<SearchParameter> {
        let (base, modifier) = match name.split_once(':') {
            Some((base, modifier)) => (base, Some(modifier)),
            None => (name, None),
        };
        if !SearchParameter::names(resource_type).contains(&base) {
            return None;
        }
        Some(match (base, modifier) {
            (ID, None) => SearchParameter::Id,
            (IDENTIFIER, None) => SearchParameter::Identifier,
            (LAST_UPDATED, None) => SearchParameter::LastUpdated,
            (NAME, None) => SearchParameter::Name(StringModifier::StartsWith),
            (NAME, Some("exact")) => SearchParameter::Name(StringModifier::Exact),
            (NAME, Some("contains")) => SearchParameter::Name(StringModifier::Contains),
            _ => return None,
        })
    }

    /// True for a parameter of the type with a modifier, known or not.
    pub fn is_modified(resource_type: &str, name: &str) -> bool {
        name.split_once(':')
            .is_some_and(|(base, _)| SearchParameter::names(resource_type).contains(&base))
    }

    /// The type of the parameter's values, as a CapabilityStatement has it.
    pub fn fhir_type(self) -> &'static str {
        match self {
            SearchParameter::Id | SearchParameter::Identifier => "token",
            SearchParameter::LastUpdated => "date",
            SearchParameter::Name(_) => "string",
        }
    }

    /// The names of a type's parameters.
    pub fn names(resource_type: &str) -> &'static [&'static str] {
        if resource_type == "Group" {
            &[ID, IDENTIFIER, LAST_UPDATED, NAME]
        } else {
            &[ID, IDENTIFIER, LAST_UPDATED]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_modifiers_belong_to_types() {
        for resource_type in ["Group", "Patient"] {
            for name in SearchParameter::names(resource_type) {
                assert!(SearchParameter::of(resource_type, name).is_some(), "{name}");
            }
            for name in ["", ":exact", "_id:exact", "name:missing", "name:", "Name", "_count"] {
                assert_eq!(SearchParameter::of(resource_type, name), None, "{name}");
            }
        }
        let exact = Some(SearchParameter::Name(StringModifier::Exact));
        assert_eq!(SearchParameter::of("Group", "name:exact"), exact);
        assert_eq!(SearchParameter::of("Patient", "name:exact"), None);
    }
}
