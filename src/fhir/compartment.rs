//! The Patient compartment: which resources are about which patients.
//!
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html> and the pages of the other versions;
//! `definitions/patient-compartment.tsv` is their table, with what fhirlite adds: elements `patient`
//! and `subject` of types that a definition leaves out. A resource is in the compartment of every
//! patient that one of the elements refers to. A Patient is in no compartment here: it is its own
//! subject, and a link to another Patient does not put it in that one's compartment.
//!
//! A store has one version, but its files may hold resources of another. So an element that the
//! version does not define counts as in the version that does, and of a type that no version knows
//! the elements `patient` and `subject` count.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::definitions::{is_of_any_version, versions};
use super::json;
use super::link_kind::REFERENCE;
use super::link_strings::LinkStrings;
use super::name::local_reference;
use super::version::FhirVersion;

/// The type whose compartment it is.
pub const PATIENT: &str = "Patient";

const TABLE: &str = include_str!("definitions/patient-compartment.tsv");

/// An element that puts resources of a type in a compartment.
struct PatientLink {
    /// The keys from the root of a resource down to the text of the reference.
    path: Vec<&'static str>,
    /// True for an element `patient` that fhirlite adds.
    decides_alone: bool,
    /// True where R4's own definition has it.
    is_of_r4: bool,
    /// The versions that have the element outside of the compartment.
    not_in: Vec<FhirVersion>,
}

impl PatientLink {
    fn at(element: &'static str, official: &str, added: &str, not_in: &str) -> PatientLink {
        PatientLink {
            path: element.split('.').chain([REFERENCE]).collect(),
            decides_alone: element == "patient" && !added.is_empty(),
            is_of_r4: versions(official).contains(&FhirVersion::R4),
            not_in: versions(not_in),
        }
    }
}

/// The links of each type.
static LINKS: LazyLock<HashMap<&'static str, Vec<PatientLink>>> = LazyLock::new(|| {
    let mut links: HashMap<_, Vec<PatientLink>> = HashMap::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&'static str> = line.split('\t').collect();
        if let [resource_type, element, _, official, added, not_in] = columns[..] {
            let link = PatientLink::at(element, official, added, not_in);
            links.entry(resource_type).or_default().push(link);
        }
    }
    links
});

/// The links of a type that no version knows.
static UNKNOWN: LazyLock<Vec<PatientLink>> =
    LazyLock::new(|| ["patient", "subject"].map(|name| PatientLink::at(name, "", "", "")).into());

/// The links of a type; `None` where its resources are in no compartment.
fn links(resource_type: &str) -> Option<&'static Vec<PatientLink>> {
    match LINKS.get(resource_type) {
        None if !is_of_any_version(resource_type) => Some(&UNKNOWN),
        links => links,
    }
}

/// True for a type whose resources can be in a compartment, and for Patient.
pub fn has(resource_type: &str) -> bool {
    resource_type == PATIENT || links(resource_type).is_some()
}

/// True for a type whose element `patient` decides alone whether a resource belongs to a patient, as
/// with Device: a resource that merely mentions it does not bring it along.
pub fn is_by_patient_alone(resource_type: &str) -> bool {
    LINKS.get(resource_type).is_some_and(|links| links.iter().any(|link| link.decides_alone))
}

/// True for a type with links that R4's own definition does not have: formats of the store before 4
/// knew no others.
pub fn is_beyond_r4(resource_type: &str) -> bool {
    links(resource_type).is_some_and(|links| links.iter().any(|link| !link.is_of_r4))
}

/// True for a type whose links are not the same in both versions.
pub fn differs(resource_type: &str, one: FhirVersion, other: FhirVersion) -> bool {
    links(resource_type).is_some_and(|links| {
        links.iter().any(|link| link.not_in.contains(&one) != link.not_in.contains(&other))
    })
}

/// True where an element of a type, such as `participant.actor`, puts resources in compartments, by a version's
/// definition.
pub fn is_link(version: FhirVersion, resource_type: &str, element: &str) -> bool {
    let is_it = |link: &PatientLink| {
        let (_, elements) = link.path.split_last().unwrap_or((&"", &[]));
        elements.iter().copied().eq(element.split('.'))
    };
    links(resource_type).is_some_and(|links| {
        links.iter().any(|link| is_it(link) && !link.not_in.contains(&version))
    })
}

/// Lists the ids of the patients whose compartments a resource is in, by a version's definition, each
/// once.
pub fn patients(version: FhirVersion, resource_type: &str, text: &str) -> Vec<String> {
    // Most resources about no patient never name the type. Some tools escape letters.
    let may_name = |sign: &str| memchr::memmem::find(text.as_bytes(), sign.as_bytes()).is_some();
    if links(resource_type).is_none() || !may_name(PATIENT) && !may_name("\\u00") {
        return Vec::new();
    }
    patients_among(version, resource_type, &LinkStrings::of(text))
}

/// [`patients`] for strings of the resource that were found before.
pub(super) fn patients_among(
    version: FhirVersion,
    resource_type: &str,
    strings: &LinkStrings<'_>,
) -> Vec<String> {
    let mut patients = Vec::new();
    let Some(links) = links(resource_type) else { return patients };
    for string in strings.references() {
        let counts =
            |link: &PatientLink| !link.not_in.contains(&version) && string.is_at(&link.path);
        if links.iter().any(counts)
            && let Some((PATIENT, id)) = local_reference(&json::unescaped(string.raw))
            && !patients.iter().any(|known| known == id)
        {
            patients.push(id.to_owned());
        }
    }
    patients
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_r4(resource_type: &str, text: &str) -> Vec<String> {
        patients(FhirVersion::R4, resource_type, text)
    }

    #[test]
    fn references_count_in_the_elements_of_the_table_alone() {
        let text = r##"{"resourceType":"Appointment","contained":[{"participant":[{"actor":{"reference":"Patient/9"}}]}],
            "participant":[{"actor":{"reference":"Patient/1"}},{"actor":{"reference":"Practitioner/2"}},
            {"actor":{"reference":"http://x/Patient\/3/_history/1"}},{"actor":{"reference":"Patient/1"}}],
            "subject":{"reference":"Patient/4"}}"##;
        assert_eq!(in_r4("Appointment", text), ["1", "3"]);
        assert_eq!(in_r4("Practitioner", text), [""; 0]);
        let text = r#"{"for":{"reference":"\u0050atient/1"}}"#;
        assert_eq!(in_r4("Task", text), ["1"]);
        let text = r#"{"for":{"reference":"Patient/1"},"focus":{"reference":"Patient/2"}}"#;
        assert_eq!(in_r4("Task", text), ["1", "2"]);
        let text = r#"{"agent":[{"who":{"reference":"Patient/1"}}],"entity":[{"what":{"reference":"Patient/2"}}]}"#;
        assert_eq!(in_r4("AuditEvent", text), ["1", "2"]);
        assert_eq!(in_r4("Patient", r#"{"link":[{"other":{"reference":"Patient/1"}}]}"#), [""; 0]);
    }

    #[test]
    fn an_element_counts_by_the_version_that_defines_it() {
        let patient =
            r#"{"patient":{"reference":"Patient/1"},"subject":{"reference":"Patient/2"}}"#;
        for version in FhirVersion::ALL {
            assert_eq!(patients(version, "Device", patient), ["1"], "{version}");
            assert_eq!(patients(version, "MedicationOrder", patient), ["1"], "{version}");
            assert_eq!(patients(version, "Condition", patient), ["1", "2"], "{version}");
            assert_eq!(patients(version, "GenomicStudy", patient), ["2"], "{version}");
            assert_eq!(patients(version, "Martian", patient), ["1", "2"], "{version}");
            assert_eq!(patients(version, "Location", patient), [""; 0], "{version}");
        }
        // STU3 to R5 have the element, but not in the compartment.
        let source = r#"{"informationSource":{"reference":"Patient/1"}}"#;
        assert_eq!(patients(FhirVersion::Dstu2, "MedicationStatement", source), ["1"]);
        assert_eq!(in_r4("MedicationStatement", source), [""; 0]);
        assert!(differs("MedicationStatement", FhirVersion::Dstu2, FhirVersion::R4));
        assert!(!differs("MedicationStatement", FhirVersion::Stu3, FhirVersion::R4));
        assert!(is_by_patient_alone("Device") && !is_by_patient_alone("Contract"));
        assert!(!differs("Observation", FhirVersion::Dstu2, FhirVersion::R5));
    }

    #[test]
    fn the_table_is_read_whole() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(LINKS.values().map(Vec::len).sum::<usize>(), lines);
        let keys = || LINKS.values().flatten().flat_map(|link| &link.path);
        assert!(keys().all(|key| key.bytes().all(|b| b.is_ascii_alphabetic())));
    }
}
