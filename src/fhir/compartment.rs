//! The Patient compartment: which resources are about whom.
//!
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>; the table beside this file is its
//! table. A resource is in the compartment of each patient that one of its type's links leads to.
//! A Patient is in none here: it belongs to itself, and being linked to another does not make it
//! that one's.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::json;
use super::name::local_reference;

/// The type whose compartment it is.
pub const PATIENT: &str = "Patient";

/// The element of a Reference that leads somewhere.
const REFERENCE: &str = "reference";

const TABLE: &str = include_str!("r4/patient-compartment.tsv");

/// A link: keys from the root of a resource to the text of a reference.
type Link = Vec<&'static str>;

static LINKS: LazyLock<HashMap<&'static str, Vec<Link>>> = LazyLock::new(|| {
    let mut links: HashMap<_, Vec<Link>> = HashMap::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let (Some(resource_type), Some(expression)) = (columns.next(), columns.nth(1)) else {
            continue;
        };
        if resource_type != PATIENT {
            links.entry(resource_type).or_default().extend(expression.split('|').map(link));
        }
    }
    links
});

/// `Task.for.where(resolve() is Patient)` as `for`, `reference`. That it has to lead to a Patient
/// goes for all of them.
fn link(expression: &'static str) -> Link {
    let path = expression.split(".where(").next().unwrap_or_default();
    path.trim().split('.').skip(1).chain([REFERENCE]).collect()
}

/// True for the types that the compartment is made of, Patient included.
pub fn has(resource_type: &str) -> bool {
    resource_type == PATIENT || LINKS.contains_key(resource_type)
}

/// The ids of the patients in whose compartment a resource is, each once.
pub fn patients(resource_type: &str, text: &str) -> Vec<String> {
    let mut patients = Vec::new();
    let Some(links) = LINKS.get(resource_type) else { return patients };
    // Most that are about nobody do not name any; some tools escape letters.
    let may_name = |sign: &str| memchr::memmem::find(text.as_bytes(), sign.as_bytes()).is_some();
    if !may_name(PATIENT) && !may_name("\\u00") {
        return patients;
    }
    json::each_string(text, |found| {
        // Nearly all strings are told apart by this alone.
        let may_be = found.key == REFERENCE || found.key.contains('\\');
        if may_be
            && links.iter().any(|link| found.is_at(link))
            && let Some((PATIENT, id)) = local_reference(&json::unescaped(found.raw))
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
    fn links_are_followed_where_the_table_has_them() {
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
        assert_eq!(LINKS.len(), 66);
        assert_eq!(LINKS.values().flatten().flatten().filter(|key| key.contains('(')).count(), 0);
    }
}
