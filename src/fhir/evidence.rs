//! Which version of FHIR resources are of, told by what only some versions have: types, root elements,
//! and the profiles that they claim.
//!
//! `definitions/telltale.tsv` lists the elements of common types that not every version has.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::definitions::versions;
use super::json;
use super::version::FhirVersion;

/// So many resources of each type are looked at. More of one source would tell nothing new.
const MOST_OF_A_TYPE: u32 = 100;

const TABLE: &str = include_str!("definitions/telltale.tsv");

/// The versions that have each element of a type.
type TelltaleElements = HashMap<&'static str, Vec<FhirVersion>>;

static ELEMENTS: LazyLock<HashMap<&'static str, TelltaleElements>> = LazyLock::new(|| {
    let mut table: HashMap<_, TelltaleElements> = HashMap::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let (Some(name), Some(of), Some(elements)) =
            (columns.next(), columns.next(), columns.next())
        else {
            continue;
        };
        let of_type = table.entry(name).or_default();
        of_type.extend(elements.split(',').map(|element| (element, versions(of))));
    }
    table
});

/// Beginnings of profiles, with the versions that they are written for.
const PROFILES: [(&str, &[FhirVersion]); 7] = [
    ("http://fhir.org/guides/argonaut/StructureDefinition/", &[FhirVersion::Dstu2]),
    ("http://hl7.org/fhir/StructureDefinition/daf-", &[FhirVersion::Dstu2]),
    ("http://hl7.org/fhir/us/core/", &[FhirVersion::Stu3, FhirVersion::R4]),
    ("http://hl7.org/fhir/1.0/", &[FhirVersion::Dstu2]),
    ("http://hl7.org/fhir/3.0/", &[FhirVersion::Stu3]),
    ("http://hl7.org/fhir/4.0/", &[FhirVersion::R4]),
    ("http://hl7.org/fhir/5.0/", &[FhirVersion::R5]),
];

/// Resources that cannot be of a version.
#[derive(Clone, Default)]
struct Against {
    count: u64,
    /// Where the first one is.
    first: String,
}

/// What the resources so far say about their version.
#[derive(Default)]
pub struct VersionEvidence {
    looked_at: HashMap<String, u32>,
    /// In the order of [`FhirVersion::ALL`].
    against: [Against; 5],
}

impl VersionEvidence {
    /// Looks at a resource. `place` names it for a message.
    pub fn see(&mut self, resource_type: &str, text: &str, place: impl Fn() -> String) {
        let looked_at = match self.looked_at.get_mut(resource_type) {
            Some(count) => count,
            None => self.looked_at.entry(resource_type.to_owned()).or_default(),
        };
        if *looked_at == MOST_OF_A_TYPE {
            return;
        }
        *looked_at += 1;
        let possible = possible_versions(resource_type, text);
        for (version, against) in FhirVersion::ALL.iter().zip(&mut self.against) {
            if !possible.contains(version) {
                if against.count == 0 {
                    against.first = place();
                }
                against.count += 1;
            }
        }
    }

    /// The one version that all resources can be of. R4 where they can also be of R4B, which differs in
    /// few types; `None` where several remain, or none.
    pub fn told(&self) -> Option<FhirVersion> {
        let all = FhirVersion::ALL.into_iter().zip(&self.against);
        let left: Vec<FhirVersion> =
            all.filter(|(_, against)| against.count == 0).map(|(version, _)| version).collect();
        match left[..] {
            [version] | [version @ FhirVersion::R4, FhirVersion::R4b] => Some(version),
            _ => None,
        }
    }

    /// How many of the resources looked at cannot be of this version, and where the first one is.
    pub fn against(&self, version: FhirVersion) -> Option<(u64, &str)> {
        let index = FhirVersion::ALL.iter().position(|each| *each == version)?;
        let Against { count, first } = &self.against[index];
        (*count > 0).then_some((*count, first.as_str()))
    }
}

/// The versions that a resource can be of: all of them where nothing tells.
fn possible_versions(resource_type: &str, text: &str) -> Vec<FhirVersion> {
    let mut possible = FhirVersion::ALL.to_vec();
    // A sign that contradicts the others counts for nothing: people add elements.
    let mut limit = |to: &dyn Fn(FhirVersion) -> bool| {
        if possible.iter().any(|version| to(*version)) {
            possible.retain(|version| to(*version));
        }
    };
    limit(&|version| version.knows(resource_type));
    let elements = ELEMENTS.get(resource_type);
    for member in json::members(text) {
        let name = json::unescaped(member.name);
        if let Some(having) = elements.and_then(|elements| elements.get(name.as_ref())) {
            limit(&|version| having.contains(&version));
        }
        if name == "meta" {
            json::each_string(&text[member.value], |string| {
                let profile = json::unescaped(string.raw);
                let known = PROFILES.iter().find(|(start, _)| profile.starts_with(start));
                if let Some((_, of)) = known.filter(|_| string.is_at(&["profile"])) {
                    limit(&|version| of.contains(&version));
                }
            });
        }
    }
    possible
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(resources: &[(&str, &str)]) -> Option<FhirVersion> {
        let mut evidence = VersionEvidence::default();
        for (resource_type, text) in resources {
            evidence.see(resource_type, text, || "here".to_owned());
        }
        evidence.told()
    }

    #[test]
    fn what_only_some_versions_have_tells_the_version() {
        let dstu2 = ("Condition", r#"{"patient":{},"dateRecorded":"2015"}"#);
        let r4 = ("Observation", r#"{"hasMember":[]}"#);
        for (resources, version) in [
            (&[][..], None),
            (&[("Patient", "{}"), ("Martian", r#"{"patient":1}"#)], None),
            (&[("MedicationOrder", "{}")], Some(FhirVersion::Dstu2)),
            (&[dstu2], Some(FhirVersion::Dstu2)),
            (&[("Patient", r#"{"animal":{}}"#)], None),
            (&[("Patient", r#"{"animal":{},"generalPractitioner":[]}"#)], Some(FhirVersion::Stu3)),
            (&[r4], None),
            (&[r4, ("Encounter", r#"{"reasonCode":[]}"#)], Some(FhirVersion::R4)),
            (&[("GenomicStudy", "{}")], Some(FhirVersion::R5)),
            (&[dstu2, r4], None),
            (
                &[
                    r4,
                    (
                        "Patient",
                        r#"{"meta":{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient|6.1.0"]}}"#,
                    ),
                ],
                Some(FhirVersion::R4),
            ),
            (
                &[(
                    "Patient",
                    r#"{"meta":{"profile":["http://fhir.org/guides/argonaut/StructureDefinition/argo-patient"]}}"#,
                )],
                Some(FhirVersion::Dstu2),
            ),
            // An element of another version beside a type of one: the type counts.
            (&[("MedicationOrder", r#"{"reasonCode":[]}"#)], Some(FhirVersion::Dstu2)),
        ] {
            assert_eq!(told(resources), version, "{resources:?}");
        }
    }

    #[test]
    fn what_speaks_against_a_version_is_counted() {
        let mut evidence = VersionEvidence::default();
        evidence.see("Patient", "{}", || "first".to_owned());
        evidence.see("MedicationOrder", "{}", || "second".to_owned());
        evidence.see("MedicationOrder", "{}", || "third".to_owned());
        assert_eq!(evidence.against(FhirVersion::R4), Some((2, "second")));
        assert_eq!(evidence.against(FhirVersion::Dstu2), None);
    }
}
