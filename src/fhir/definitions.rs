//! What each version of FHIR defines: its resource types, and what it says of their root elements.
//!
//! <https://hl7.org/fhir/R4/resourcelist.html> and the pages of the other versions;
//! `definitions/elements.tsv` is the table.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use super::version::FhirVersion;

const TABLE: &str = include_str!("definitions/elements.tsv");

/// The root elements of a type that need special care.
pub(super) struct TypeDefinition {
    /// The versions that define the type so.
    of: Vec<FhirVersion>,
    /// Elements that every resource of the type must have.
    pub(super) mandatory: Vec<&'static str>,
    /// The stems of choice elements: `value` of `valueQuantity`.
    pub(super) choices: Vec<&'static str>,
}

/// The definitions of each type.
static DEFINITIONS: LazyLock<HashMap<&'static str, Vec<TypeDefinition>>> = LazyLock::new(|| {
    let list = |column: Option<&'static str>| -> Vec<&'static str> {
        let names = column.unwrap_or_default().split(',');
        names.filter(|name| !name.is_empty()).collect()
    };
    let mut definitions: HashMap<_, Vec<_>> = HashMap::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let of = versions(columns.next().unwrap_or_default());
        let resource_type = columns.next().unwrap_or_default();
        let definition =
            TypeDefinition { of, mandatory: list(columns.next()), choices: list(columns.next()) };
        definitions.entry(resource_type).or_default().push(definition);
    }
    definitions
});

/// Reads a column of versions: `STU3 R4`.
pub(super) fn versions(column: &str) -> Vec<FhirVersion> {
    column.split_ascii_whitespace().filter_map(|name| name.parse().ok()).collect()
}

impl FhirVersion {
    /// True for a resource type of this version.
    pub fn knows(self, resource_type: &str) -> bool {
        definition(self, resource_type).is_some()
    }

    /// Lists all resource types of this version.
    pub fn types(self) -> BTreeSet<String> {
        let known = DEFINITIONS.keys().filter(|name| self.knows(name));
        known.map(|name| (*name).to_owned()).collect()
    }
}

/// The right spelling of a resource type of any version that is written with wrong capitals.
pub fn spelling(resource_type: &str) -> Option<&'static str> {
    if is_of_any_version(resource_type) {
        return None;
    }
    DEFINITIONS.keys().find(|name| name.eq_ignore_ascii_case(resource_type)).copied()
}

/// True for a resource type of any version.
pub fn is_of_any_version(resource_type: &str) -> bool {
    DEFINITIONS.contains_key(resource_type)
}

/// The definition of a type in a version, or where that has no such type in another one; `None` where
/// no version has it.
pub(super) fn nearest_definition(
    version: FhirVersion,
    resource_type: &str,
) -> Option<&'static TypeDefinition> {
    let any = || DEFINITIONS.get(resource_type)?.first();
    definition(version, resource_type).or_else(any)
}

/// The definition of a type in a version; `None` where the version has no such type.
fn definition(version: FhirVersion, resource_type: &str) -> Option<&'static TypeDefinition> {
    let of_type = DEFINITIONS.get(resource_type)?;
    of_type.iter().find(|definition| definition.of.contains(&version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        let counts = FhirVersion::ALL.map(|version| version.types().len());
        assert_eq!(counts, [94, 117, 146, 141, 158]);
        assert!(FhirVersion::R4.knows("VisionPrescription") && !FhirVersion::R4.knows("Patients"));
        assert!(FhirVersion::Dstu2.knows("MedicationOrder"));
        assert!(!FhirVersion::R4.knows("MedicationOrder") && is_of_any_version("MedicationOrder"));
        assert_eq!(spelling("patient"), Some("Patient"));
        assert_eq!((spelling("Patient"), spelling("Unheard")), (None, None));
        let mandatory = |version, name| &definition(version, name).unwrap().mandatory;
        assert_eq!(*mandatory(FhirVersion::R4, "Observation"), ["code", "status"]);
        assert_eq!(*mandatory(FhirVersion::Dstu2, "MedicationOrder"), ["medication"]);
    }
}
