//! The terminology of the generated data: codes with their displays, and the
//! tables that say which drug treats what and which values a test can have.

use crate::json::{Json, ToJson, obj};

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

// --- Measurements -----------------------------------------------------------

pub struct Test {
    pub code: Code,
    pub unit: &'static str,
    pub ucum: &'static str,
    /// Reference range, in units of the last decimal place.
    pub low: i64,
    pub high: i64,
    pub places: u8,
}

const fn test(
    code: Code,
    unit: &'static str,
    ucum: &'static str,
    (low, high): (i64, i64),
    places: u8,
) -> Test {
    Test { code, unit, ucum, low, high, places }
}

pub struct Panel {
    pub code: Code,
    pub tests: &'static [Test],
}

pub const PANELS: [Panel; 3] = [
    Panel {
        code: loinc("24321-2", "Basic metabolic 2000 panel - Serum or Plasma"),
        tests: &[
            test(GLUCOSE, "mg/dL", "mg/dL", (70, 99), 0),
            test(
                loinc("3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma"),
                "mg/dL",
                "mg/dL",
                (7, 20),
                0,
            ),
            test(
                loinc("2160-0", "Creatinine [Mass/volume] in Serum or Plasma"),
                "mg/dL",
                "mg/dL",
                (60, 130),
                2,
            ),
            test(
                loinc("17861-6", "Calcium [Mass/volume] in Serum or Plasma"),
                "mg/dL",
                "mg/dL",
                (850, 1050),
                2,
            ),
            test(
                loinc("2951-2", "Sodium [Moles/volume] in Serum or Plasma"),
                "mmol/L",
                "mmol/L",
                (1350, 1450),
                1,
            ),
            test(
                loinc("2823-3", "Potassium [Moles/volume] in Serum or Plasma"),
                "mmol/L",
                "mmol/L",
                (350, 510),
                2,
            ),
            test(
                loinc("2075-0", "Chloride [Moles/volume] in Serum or Plasma"),
                "mmol/L",
                "mmol/L",
                (980, 1070),
                1,
            ),
            test(
                loinc("2028-9", "Carbon dioxide, total [Moles/volume] in Serum or Plasma"),
                "mmol/L",
                "mmol/L",
                (220, 290),
                1,
            ),
        ],
    },
    Panel {
        code: loinc("24331-1", "Lipid 1996 panel - Serum or Plasma"),
        tests: &[
            test(
                loinc("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma"),
                "mg/dL",
                "mg/dL",
                (125, 200),
                0,
            ),
            test(
                loinc("2571-8", "Triglyceride [Mass/volume] in Serum or Plasma"),
                "mg/dL",
                "mg/dL",
                (40, 150),
                0,
            ),
            test(
                loinc("2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma"),
                "mg/dL",
                "mg/dL",
                (40, 75),
                0,
            ),
            test(
                loinc(
                    "13457-7",
                    "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation",
                ),
                "mg/dL",
                "mg/dL",
                (55, 130),
                0,
            ),
        ],
    },
    Panel {
        code: loinc("58410-2", "CBC panel - Blood by Automated count"),
        tests: &[
            test(
                loinc("6690-2", "Leukocytes [#/volume] in Blood by Automated count"),
                "10*3/uL",
                "10*3/uL",
                (450, 1100),
                2,
            ),
            test(
                loinc("789-8", "Erythrocytes [#/volume] in Blood by Automated count"),
                "10*6/uL",
                "10*6/uL",
                (420, 590),
                2,
            ),
            test(
                loinc("718-7", "Hemoglobin [Mass/volume] in Blood"),
                "g/dL",
                "g/dL",
                (120, 175),
                1,
            ),
            test(
                loinc("4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count"),
                "%",
                "%",
                (360, 500),
                1,
            ),
            test(
                loinc("787-2", "MCV [Entitic volume] by Automated count"),
                "fL",
                "fL",
                (800, 1000),
                1,
            ),
            test(
                loinc("785-6", "MCH [Entitic mass] by Automated count"),
                "pg",
                "pg",
                (270, 330),
                1,
            ),
            test(
                loinc("786-4", "MCHC [Mass/volume] by Automated count"),
                "g/dL",
                "g/dL",
                (320, 360),
                1,
            ),
            test(
                loinc("777-3", "Platelets [#/volume] in Blood by Automated count"),
                "10*3/uL",
                "10*3/uL",
                (150, 400),
                0,
            ),
        ],
    },
];

pub const GLUCOSE: Code = loinc("2345-7", "Glucose [Mass/volume] in Serum or Plasma");
pub const A1C: Test =
    test(loinc("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood"), "%", "%", (400, 560), 2);

pub const HEIGHT: Code = loinc("8302-2", "Body height");
pub const WEIGHT: Code = loinc("29463-7", "Body weight");
pub const BMI: Code = loinc("39156-5", "Body mass index (BMI) [Ratio]");
pub const HEART_RATE: Code = loinc("8867-4", "Heart rate");
pub const RESPIRATION: Code = loinc("9279-1", "Respiratory rate");
pub const TEMPERATURE: Code = loinc("8310-5", "Body temperature");
pub const OXYGEN: Code = loinc("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry");
pub const OXYGEN_ANY: Code = loinc("2708-6", "Oxygen saturation in Arterial blood");
pub const MEAN_PRESSURE: Code = loinc("8478-0", "Mean blood pressure");
pub const BODY_SURFACE: Code = loinc("3140-1", "Body surface area Derived from formula");
pub const BLOOD_PRESSURE: Code =
    loinc("85354-9", "Blood pressure panel with all children optional");
pub const SYSTOLIC: Code = loinc("8480-6", "Systolic blood pressure");
pub const DIASTOLIC: Code = loinc("8462-4", "Diastolic blood pressure");
pub const SMOKING: Code = loinc("72166-2", "Tobacco smoking status");

pub const SMOKING_STATUS: [Code; 3] = [
    snomed("266919005", "Never smoked tobacco (finding)"),
    snomed("8517006", "Ex-smoker (finding)"),
    snomed("449868002", "Smokes tobacco daily (finding)"),
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

// --- Allergies, care and devices ------------------------------------------------

pub struct Allergen {
    pub code: Code,
    pub category: &'static str,
    pub reaction: Code,
}

const fn allergen(code: Code, category: &'static str, reaction: Code) -> Allergen {
    Allergen { code, category, reaction }
}

const WHEAL: Code = snomed("247472004", "Wheal (finding)");
const ERUPTION: Code = snomed("271807003", "Eruption of skin (disorder)");
const ANAPHYLAXIS: Code = snomed("39579001", "Anaphylaxis (disorder)");
const COUGH: Code = snomed("49727002", "Cough (finding)");

pub const ALLERGENS: [Allergen; 7] = [
    allergen(snomed("762952008", "Peanut (substance)"), "food", ANAPHYLAXIS),
    allergen(snomed("735029006", "Shellfish (substance)"), "food", WHEAL),
    allergen(snomed("3718001", "Cow's milk (substance)"), "food", WHEAL),
    allergen(snomed("111088007", "Latex (substance)"), "environment", ERUPTION),
    allergen(snomed("256277009", "Grass pollen (substance)"), "environment", COUGH),
    allergen(snomed("264287008", "Animal dander (substance)"), "environment", COUGH),
    allergen(rxnorm("1191", "aspirin"), "medication", ERUPTION),
];

pub struct Care {
    pub plan: Code,
    pub activities: [Code; 2],
    pub goal: &'static str,
}

pub const DIABETES_CARE: Care = Care {
    plan: snomed("698360004", "Diabetes self management plan"),
    activities: [snomed("160670007", "Diabetic diet"), snomed("229065009", "Exercise therapy")],
    goal: "Hemoglobin A1c below 7.0 %",
};

pub const HYPERTENSION_CARE: Care = Care {
    plan: snomed("443402002", "Lifestyle education regarding hypertension"),
    activities: [
        snomed("183301007", "Physical exercises"),
        snomed("229065009", "Exercise therapy"),
    ],
    goal: "Systolic blood pressure below 130 mmHg",
};

pub const GLUCOSE_METER: Code = snomed("337414009", "Blood glucose meter (physical object)");
pub const PACEMAKER: Code = snomed("14106009", "Cardiac pacemaker, device (physical object)");

pub const CARE_PROFESSIONAL: Code = snomed("223366009", "Healthcare professional");
pub const CARE_PATIENT: Code = snomed("116154003", "Patient");

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
