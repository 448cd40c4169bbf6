//! The terminology of problems, with the drugs that treat them.

use super::{Code, icd10, rxnorm, snomed};

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

pub const OBESITY: Problem =
    problem(snomed("414916001", "Obesity"), icd10("E66.9", "Obesity, unspecified"), None);

pub const FOOD_INSECURITY: Problem =
    problem(snomed("733423003", "Food insecurity"), icd10("Z59.41", "Food insecurity"), None);

/// Problems that stay, besides diabetes, hypertension and obesity, and from which age.
pub const CHRONIC: [(Problem, i64); 5] = [
    (
        problem(
            snomed("55822004", "Hyperlipidemia"),
            icd10("E78.5", "Hyperlipidemia, unspecified"),
            Some(drug(rxnorm("312961", "simvastatin 20 MG Oral Tablet"), TABLET, 1, 90)),
        ),
        35,
    ),
    (
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
        3,
    ),
    (
        problem(
            snomed("396275006", "Osteoarthritis"),
            icd10("M19.90", "Unspecified osteoarthritis, unspecified site"),
            Some(when_needed(rxnorm("310965", "ibuprofen 200 MG Oral Tablet"), ORAL, TABLET, 3)),
        ),
        45,
    ),
    (
        problem(
            snomed("370143000", "Major depressive disorder"),
            icd10("F32.9", "Major depressive disorder, single episode, unspecified"),
            Some(drug(rxnorm("312941", "sertraline 50 MG Oral Tablet"), TABLET, 1, 90)),
        ),
        14,
    ),
    (
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
        18,
    ),
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
