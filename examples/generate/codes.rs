//! The terminology of the generated data: codes with their displays, by clinical area.

mod care;
mod life;
mod measurements;
mod problems;

use crate::json::{Json, ToJson, obj};
pub use care::*;
pub use life::*;
pub use measurements::*;
pub use problems::*;

pub const SNOMED: &str = "http://snomed.info/sct";
pub const LOINC: &str = "http://loinc.org";
pub const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
pub const CVX: &str = "http://hl7.org/fhir/sid/cvx";
pub const ICD10: &str = "http://hl7.org/fhir/sid/icd-10-cm";
pub const UCUM: &str = "http://unitsofmeasure.org";

#[derive(Clone, Copy)]
pub struct Code {
    pub system: &'static str,
    pub code: &'static str,
    pub display: &'static str,
}

impl ToJson for Code {
    fn write(&self, out: &mut String) {
        obj! {
            "system": self.system,
            "code": self.code,
            "display": self.display,
        }
        .write(out);
    }
}

pub const fn code(system: &'static str, code: &'static str, display: &'static str) -> Code {
    Code { system, code, display }
}

const fn snomed(id: &'static str, display: &'static str) -> Code {
    code(SNOMED, id, display)
}

const fn loinc(id: &'static str, display: &'static str) -> Code {
    code(LOINC, id, display)
}

const fn rxnorm(id: &'static str, display: &'static str) -> Code {
    code(RXNORM, id, display)
}

const fn cvx(id: &'static str, display: &'static str) -> Code {
    code(CVX, id, display)
}

const fn icd10(id: &'static str, display: &'static str) -> Code {
    code(ICD10, id, display)
}

/// A CodeableConcept with one coding.
pub fn concept(code: &Code) -> Json {
    obj! { "coding": [code], "text": code.display }
}

/// A CodeableConcept that leaves it at the coding.
pub fn coded(code: &Code) -> Json {
    obj! { "coding": [code] }
}

/// A CodeableConcept for a status or kind, which needs no words.
pub fn tag(system: &str, code: &str) -> Json {
    obj! {
        "coding": [obj! {
            "system": format_args!("http://terminology.hl7.org/CodeSystem/{system}"),
            "code": code,
        }],
    }
}

/// A CodeableConcept from one of HL7's own code systems.
pub fn term(system: &str, code: &str, display: &str) -> Json {
    obj! {
        "coding": [obj! {
            "system": format_args!("http://terminology.hl7.org/CodeSystem/{system}"),
            "code": code,
            "display": display,
        }],
    }
}

/// An amount in a UCUM unit.
pub fn quantity(value: impl ToJson, unit: &str, ucum: &str) -> Json {
    obj! { "value": value, "unit": unit, "system": UCUM, "code": ucum }
}

// --- Visits ---------------------------------------------------------------

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Wellness,
    FollowUp,
    Symptom,
}

pub struct VisitKind {
    pub reason: Reason,
    /// Code and display in HL7's v3-ActCode system.
    pub class: (&'static str, &'static str),
    pub kind: Code,
    pub minutes: (i64, i64),
    /// How often it happens, in percent of all visits.
    pub weight: i64,
    pub cost_in_cents: i64,
}

impl VisitKind {
    /// A patient at the telephone cannot be weighed.
    pub fn in_person(&self) -> bool {
        self.class.0 != "VR"
    }

    pub fn overnight(&self) -> bool {
        self.class.0 == "IMP"
    }
}

/// The first one is also the first visit of every patient.
pub const VISITS: [VisitKind; 6] = [
    VisitKind {
        reason: Reason::Wellness,
        class: ("AMB", "ambulatory"),
        kind: snomed("162673000", "General examination of patient (procedure)"),
        minutes: (20, 45),
        weight: 42,
        cost_in_cents: 14_250,
    },
    VisitKind {
        reason: Reason::FollowUp,
        class: ("AMB", "ambulatory"),
        kind: snomed("390906007", "Follow-up encounter (procedure)"),
        minutes: (15, 30),
        weight: 22,
        cost_in_cents: 8_990,
    },
    VisitKind {
        reason: Reason::Symptom,
        class: ("AMB", "ambulatory"),
        kind: snomed("185345009", "Encounter for symptom (procedure)"),
        minutes: (15, 30),
        weight: 21,
        cost_in_cents: 9_650,
    },
    VisitKind {
        reason: Reason::Symptom,
        class: ("EMER", "emergency"),
        kind: snomed("50849002", "Emergency room admission (procedure)"),
        minutes: (90, 420),
        weight: 6,
        cost_in_cents: 78_400,
    },
    VisitKind {
        reason: Reason::Symptom,
        class: ("IMP", "inpatient encounter"),
        kind: snomed("32485007", "Hospital admission (procedure)"),
        minutes: (1_500, 7_200),
        weight: 3,
        cost_in_cents: 642_000,
    },
    VisitKind {
        reason: Reason::FollowUp,
        class: ("VR", "virtual"),
        kind: snomed("185317003", "Telephone encounter (procedure)"),
        minutes: (5, 15),
        weight: 6,
        cost_in_cents: 4_500,
    },
];

/// The places of the follow-up and of the hospital admission among [`VISITS`].
pub const FOLLOW_UP: usize = 1;
pub const ADMISSION: usize = 4;

// --- What is done at visits ---------------------------------------------------

/// What is done at visits, and from which age.
pub const PROCEDURES: [(Code, i64); 9] = [
    (snomed("430193006", "Medication reconciliation (procedure)"), 18),
    (snomed("710824005", "Assessment of health and social care needs (procedure)"), 18),
    (snomed("171207006", "Depression screening (procedure)"), 12),
    (snomed("73761001", "Colonoscopy (procedure)"), 45),
    (snomed("399208008", "Plain chest X-ray (procedure)"), 2),
    (snomed("29303009", "Electrocardiographic procedure (procedure)"), 18),
    (snomed("117015009", "Throat culture (procedure)"), 2),
    (snomed("127783003", "Spirometry (procedure)"), 6),
    (snomed("274474001", "Bone immobilization (procedure)"), 2),
];

/// The procedure that ends in a report of the heart.
pub const ECG: &str = "29303009";

/// Why people come who have no complaints.
pub const CHECK_UP: Code = snomed("162673000", "General examination of patient (procedure)");

/// Vaccines of childhood, and from which age in years.
pub const CHILD_VACCINES: [(Code, i64); 6] = [
    (cvx("03", "MMR"), 1),
    (cvx("21", "varicella"), 1),
    (cvx("20", "DTaP"), 0),
    (cvx("10", "IPV"), 0),
    (cvx("08", "Hep B, adolescent or pediatric"), 0),
    (cvx("165", "HPV9"), 11),
];

/// Vaccines of adults, and from which age.
pub const ADULT_VACCINES: [(Code, i64); 4] = [
    (cvx("113", "Td (adult), 5 Lf tetanus toxoid, preservative free, adsorbed"), 18),
    (cvx("115", "Tdap"), 18),
    (cvx("187", "zoster recombinant"), 50),
    (cvx("133", "Pneumococcal conjugate PCV 13"), 65),
];

/// Given again each season, whatever the age.
pub const SEASONAL_VACCINES: [Code; 2] = [
    cvx("140", "Influenza, seasonal, injectable, preservative free"),
    cvx("208", "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose"),
];

pub const DELTOID: Code = snomed("368208006", "Left upper arm structure");

// --- Notes and specialties ------------------------------------------------------

pub const PROGRESS_NOTE: Code = loinc("11506-3", "Progress note");
/// The format of a document that its media type describes.
pub const MIME_TYPE_SUFFICES: Code = code(
    "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
    "urn:ihe:iti:xds:2017:mimeTypeSufficient",
    "mimeType Sufficient",
);
pub const HISTORY_NOTE: Code = loinc("34117-2", "History and physical note");

/// Specialties of practitioners: codes of the NUCC taxonomy.
pub const SPECIALTIES: [Code; 5] = [
    nucc("207Q00000X", "Family Medicine Physician"),
    nucc("207R00000X", "Internal Medicine Physician"),
    nucc("208000000X", "Pediatrics Physician"),
    nucc("207P00000X", "Emergency Medicine Physician"),
    nucc("363L00000X", "Nurse Practitioner"),
];

const fn nucc(id: &'static str, display: &'static str) -> Code {
    code("http://nucc.org/provider-taxonomy", id, display)
}
