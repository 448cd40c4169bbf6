//! The terminology of the generated data: codes with their displays, and the
//! tables that say which drug treats what and which values a test can have.

mod care;
mod measurements;

use crate::json::{Json, ToJson, obj};
pub use care::*;
pub use measurements::*;

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

// --- Problems and their treatment -------------------------------------------

pub struct Drug {
    pub code: Code,
    pub route: Code,
    pub form: Code,
    /// Doses per day, days of supply.
    pub per_day: i64,
    pub days: i64,
    pub as_needed: bool,
}

pub struct Problem {
    pub code: Code,
    pub billing: Code,
    pub drug: Option<Drug>,
}

const ORAL: Code = snomed("26643006", "Oral route");
const INHALED: Code = snomed("447694001", "Respiratory tract route");
const TABLET: Code = snomed("385055001", "Tablet");
const CAPSULE: Code = snomed("385049006", "Capsule");
const INHALER: Code = snomed("420641004", "Solution for inhalation");

const fn drug(code: Code, form: Code, per_day: i64, days: i64) -> Drug {
    Drug { code, route: ORAL, form, per_day, days, as_needed: false }
}

const fn when_needed(code: Code, route: Code, form: Code, per_day: i64) -> Drug {
    Drug { code, route, form, per_day, days: 14, as_needed: true }
}

const fn problem(code: Code, billing: Code, drug: Option<Drug>) -> Problem {
    Problem { code, billing, drug }
}

pub const DIABETES: Problem = problem(
    snomed("44054006", "Type 2 diabetes mellitus"),
    icd10("E11.9", "Type 2 diabetes mellitus without complications"),
    Some(drug(
        rxnorm("860975", "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet"),
        TABLET,
        1,
        90,
    )),
);

pub const HYPERTENSION: Problem = problem(
    snomed("38341003", "Hypertensive disorder"),
    icd10("I10", "Essential (primary) hypertension"),
    Some(drug(rxnorm("314076", "lisinopril 10 MG Oral Tablet"), TABLET, 1, 90)),
);

/// Problems that stay, besides diabetes and hypertension.
pub const CHRONIC: [Problem; 6] = [
    problem(
        snomed("55822004", "Hyperlipidemia"),
        icd10("E78.5", "Hyperlipidemia, unspecified"),
        Some(drug(rxnorm("312961", "simvastatin 20 MG Oral Tablet"), TABLET, 1, 90)),
    ),
    problem(
        snomed("195967001", "Asthma"),
        icd10("J45.909", "Unspecified asthma, uncomplicated"),
        Some(when_needed(
            rxnorm("745679", "200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler"),
            INHALED,
            INHALER,
            4,
        )),
    ),
    problem(
        snomed("396275006", "Osteoarthritis"),
        icd10("M19.90", "Unspecified osteoarthritis, unspecified site"),
        Some(when_needed(rxnorm("310965", "ibuprofen 200 MG Oral Tablet"), ORAL, TABLET, 3)),
    ),
    problem(
        snomed("370143000", "Major depressive disorder"),
        icd10("F32.9", "Major depressive disorder, single episode, unspecified"),
        Some(drug(rxnorm("312941", "sertraline 50 MG Oral Tablet"), TABLET, 1, 90)),
    ),
    problem(
        snomed("235595009", "Gastroesophageal reflux disease"),
        icd10("K21.9", "Gastro-esophageal reflux disease without esophagitis"),
        Some(drug(
            rxnorm("198051", "omeprazole 20 MG Delayed Release Oral Capsule"),
            CAPSULE,
            1,
            30,
        )),
    ),
    problem(snomed("414916001", "Obesity"), icd10("E66.9", "Obesity, unspecified"), None),
];

/// Problems that go away within weeks.
pub const ACUTE: [Problem; 9] = [
    problem(
        snomed("444814009", "Viral sinusitis"),
        icd10("J01.90", "Acute sinusitis, unspecified"),
        None,
    ),
    problem(
        snomed("10509002", "Acute bronchitis"),
        icd10("J20.9", "Acute bronchitis, unspecified"),
        Some(when_needed(rxnorm("313782", "acetaminophen 325 MG Oral Tablet"), ORAL, TABLET, 4)),
    ),
    problem(
        snomed("195662009", "Acute viral pharyngitis"),
        icd10("J02.9", "Acute pharyngitis, unspecified"),
        None,
    ),
    problem(
        snomed("54150009", "Upper respiratory infection"),
        icd10("J06.9", "Acute upper respiratory infection, unspecified"),
        None,
    ),
    problem(
        snomed("68566005", "Urinary tract infectious disease"),
        icd10("N39.0", "Urinary tract infection, site not specified"),
        Some(drug(rxnorm("308182", "amoxicillin 250 MG Oral Capsule"), CAPSULE, 3, 7)),
    ),
    problem(
        snomed("65363002", "Otitis media"),
        icd10("H66.90", "Otitis media, unspecified, unspecified ear"),
        Some(drug(rxnorm("308182", "amoxicillin 250 MG Oral Capsule"), CAPSULE, 3, 10)),
    ),
    problem(
        snomed("44465007", "Sprain of ankle"),
        icd10("S93.409A", "Sprain of unspecified ligament of unspecified ankle, initial encounter"),
        Some(when_needed(rxnorm("310965", "ibuprofen 200 MG Oral Tablet"), ORAL, TABLET, 3)),
    ),
    problem(
        snomed("279039007", "Low back pain"),
        icd10("M54.50", "Low back pain, unspecified"),
        Some(when_needed(rxnorm("310965", "ibuprofen 200 MG Oral Tablet"), ORAL, TABLET, 3)),
    ),
    problem(
        snomed("37796009", "Migraine"),
        icd10("G43.909", "Migraine, unspecified, not intractable, without status migrainosus"),
        Some(when_needed(rxnorm("313782", "acetaminophen 325 MG Oral Tablet"), ORAL, TABLET, 4)),
    ),
];

// --- What is done at visits ---------------------------------------------------

pub const PROCEDURES: [Code; 9] = [
    snomed("430193006", "Medication reconciliation (procedure)"),
    snomed("710824005", "Assessment of health and social care needs (procedure)"),
    snomed("171207006", "Depression screening (procedure)"),
    snomed("73761001", "Colonoscopy (procedure)"),
    snomed("399208008", "Plain chest X-ray (procedure)"),
    snomed("29303009", "Electrocardiographic procedure (procedure)"),
    snomed("117015009", "Throat culture (procedure)"),
    snomed("127783003", "Spirometry (procedure)"),
    snomed("274474001", "Bone immobilization (procedure)"),
];

pub const CHILD_VACCINES: [Code; 6] = [
    cvx("03", "MMR"),
    cvx("21", "varicella"),
    cvx("20", "DTaP"),
    cvx("10", "IPV"),
    cvx("08", "Hep B, adolescent or pediatric"),
    cvx("62", "HPV, quadrivalent"),
];

pub const ADULT_VACCINES: [Code; 4] = [
    cvx("113", "Td (adult), 5 Lf tetanus toxoid, preservative free, adsorbed"),
    cvx("115", "Tdap"),
    cvx("187", "zoster recombinant"),
    cvx("133", "Pneumococcal conjugate PCV 13"),
];

/// Given again each season, whatever the age.
pub const SEASONAL_VACCINES: [Code; 2] = [
    cvx("140", "Influenza, seasonal, injectable, preservative free"),
    cvx("208", "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose"),
];

pub const DELTOID: Code = snomed("368208006", "Left upper arm structure");

// --- Notes and specialties ------------------------------------------------------

pub const PROGRESS_NOTE: Code = loinc("11506-3", "Progress note");
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
