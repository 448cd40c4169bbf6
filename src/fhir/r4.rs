//! FHIR R4's resource types and what they say of their root elements.
//!
//! <https://hl7.org/fhir/R4/resourcelist.html>; `r4/elements.tsv` is the table.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

const TABLE: &str = include_str!("r4/elements.tsv");

/// The root elements of a type that need special care.
pub(super) struct TypeDefinition {
    /// Elements that every resource of the type must have.
    pub(super) mandatory: Vec<&'static str>,
    /// The stems of choice elements: `value` of `valueQuantity`.
    pub(super) choices: Vec<&'static str>,
}

static DEFINITIONS: LazyLock<HashMap<&'static str, TypeDefinition>> = LazyLock::new(|| {
    let list = |column: Option<&'static str>| -> Vec<&'static str> {
        let names = column.unwrap_or_default().split(',');
        names.filter(|name| !name.is_empty()).collect()
    };
    let rows = TABLE.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut columns = line.split('\t');
        let resource_type = columns.next().unwrap_or_default();
        (
            resource_type,
            TypeDefinition { mandatory: list(columns.next()), choices: list(columns.next()) },
        )
    });
    rows.collect()
});

/// True for a resource type of R4.
pub fn is_r4_type(resource_type: &str) -> bool {
    DEFINITIONS.contains_key(resource_type)
}

/// The right spelling of a resource type of R4 that is written with wrong capitals.
pub fn r4_spelling(resource_type: &str) -> Option<&'static str> {
    if is_r4_type(resource_type) {
        return None;
    }
    DEFINITIONS.keys().find(|name| name.eq_ignore_ascii_case(resource_type)).copied()
}

/// Lists all resource types of R4.
pub fn r4_types() -> BTreeSet<String> {
    DEFINITIONS.keys().map(|name| (*name).to_owned()).collect()
}

/// The definition of an R4 type; `None` for any other.
pub(super) fn definition(resource_type: &str) -> Option<&'static TypeDefinition> {
    DEFINITIONS.get(resource_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        assert!(
            is_r4_type("Patient") && is_r4_type("VisionPrescription") && !is_r4_type("Patients")
        );
        assert_eq!(r4_spelling("patient"), Some("Patient"));
        assert_eq!((r4_spelling("Patient"), r4_spelling("Unheard")), (None, None));
        assert_eq!(DEFINITIONS["Observation"].mandatory, ["code", "status"]);
    }
}
