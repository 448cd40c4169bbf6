//! The Patient compartment: which resources are about which patients.
//!
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>; `r4/patient-compartment.tsv` is its
//! table. For each type the table lists elements; a resource is in the compartment of every patient
//! that one of these elements refers to. A Patient is in no compartment here: it is its own
//! subject, and a link to another Patient does not put it in that one's compartment.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::json;
use super::name::local_reference;

/// The type whose compartment it is.
pub const PATIENT: &str = "Patient";

/// The element of a Reference that holds the link.
const REFERENCE: &str = "reference";

const TABLE: &str = include_str!("r4/patient-compartment.tsv");

/// The keys from the root of a resource down to the text of a reference.
type ElementPath = Vec<&'static str>;

/// The elements that put a resource of a type in a compartment.
static PATHS: LazyLock<HashMap<&'static str, Vec<ElementPath>>> = LazyLock::new(|| {
    let mut paths: HashMap<_, Vec<ElementPath>> = HashMap::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let (Some(resource_type), Some(expression)) = (columns.next(), columns.nth(1)) else {
            continue;
        };
        if resource_type != PATIENT {
            paths.entry(resource_type).or_default().extend(expression.split('|').map(element_path));
        }
    }
    paths
});

/// Reads `Task.for.where(resolve() is Patient)` as `for`, `reference`. The condition applies to all
/// paths.
fn element_path(expression: &'static str) -> ElementPath {
    let elements = expression.split(".where(").next().unwrap_or_default();
    elements.trim().split('.').skip(1).chain([REFERENCE]).collect()
}

/// True for a type whose resources can be in a compartment, and for Patient.
pub fn has(resource_type: &str) -> bool {
    resource_type == PATIENT || PATHS.contains_key(resource_type)
}

/// Lists the ids of the patients whose compartments a resource is in, each once.
pub fn patients(resource_type: &str, text: &str) -> Vec<String> {
    let mut patients = Vec::new();
    let Some(paths) = PATHS.get(resource_type) else { return patients };
    // Most resources about no patient never name the type. Some tools escape letters.
    let may_name = |sign: &str| memchr::memmem::find(text.as_bytes(), sign.as_bytes()).is_some();
    if !may_name(PATIENT) && !may_name("\\u00") {
        return patients;
    }
    json::each_string(text, |string| {
        // This test is cheap and excludes nearly all strings.
        let may_be = string.key == REFERENCE || string.key.contains('\\');
        if may_be
            && paths.iter().any(|path| string.is_at(path))
            && let Some((PATIENT, id)) = local_reference(&json::unescaped(string.raw))
            && !patients.iter().any(|known| known == id)
        {
            patients.push(id.to_owned());
        }
    });
    patients
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_count_in_the_elements_of_the_table_alone() {
        let text = r##"{"resourceType":"Appointment","contained":[{"participant":[{"actor":{"reference":"Patient/9"}}]}],
            "participant":[{"actor":{"reference":"Patient/1"}},{"actor":{"reference":"Practitioner/2"}},
            {"actor":{"reference":"http://x/Patient\/3/_history/1"}},{"actor":{"reference":"Patient/1"}}],
            "subject":{"reference":"Patient/4"}}"##;
        assert_eq!(patients("Appointment", text), ["1", "3"]);
        assert_eq!(patients("Practitioner", text), [""; 0]);
        let text = r#"{"for":{"reference":"\u0050atient/1"}}"#;
        assert_eq!(patients("Task", text), ["1"]);
        let text = r#"{"for":{"reference":"Patient/1"},"focus":{"reference":"Patient/2"}}"#;
        assert_eq!(patients("Task", text), ["1", "2"]);
        let text = r#"{"agent":[{"who":{"reference":"Patient/1"}}],"entity":[{"what":{"reference":"Patient/2"}}]}"#;
        assert_eq!(patients("AuditEvent", text), ["1", "2"]);
        assert_eq!(
            patients("Patient", r#"{"link":[{"other":{"reference":"Patient/1"}}]}"#),
            [""; 0]
        );
    }

    #[test]
    fn the_table_is_read_whole() {
        assert_eq!(PATHS.len(), 66);
        assert_eq!(PATHS.values().flatten().flatten().filter(|key| key.contains('(')).count(), 0);
    }
}
