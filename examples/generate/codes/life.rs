//! The terminology of how people live: work, family, questionnaires.

use super::{Code, LOINC, code, loinc, snomed};

/// A job and its industry.
pub struct Occupation {
    pub job: &'static str,
    pub industry: &'static str,
}

const fn occupation(job: &'static str, industry: &'static str) -> Occupation {
    Occupation { job, industry }
}

/// In words: the national codes of jobs change with each census.
pub const OCCUPATIONS: [Occupation; 8] = [
    occupation("Nursing assistant", "Home nursing services"),
    occupation("Elementary school teacher", "Elementary and secondary schools"),
    occupation("Truck driver", "Truck transportation"),
    occupation("Carpenter", "Construction"),
    occupation("Software developer", "Computer systems design"),
    occupation("Cook", "Restaurants"),
    occupation("Farmer", "Crop production"),
    occupation("Bookkeeper", "Accounting services"),
];

pub const OCCUPATION: Code = loinc("11341-5", "History of Occupation");
pub const INDUSTRY: Code = loinc("86188-0", "History of Occupation industry");

const TRIBAL: &str = "http://terminology.hl7.org/CodeSystem/v3-TribalEntityUS";

pub const TRIBES: [Code; 1] =
    [code(TRIBAL, "187", "Paiute-Shoshone Tribe of the Fallon Reservation and Colony, Nevada")];

pub const PREGNANCY_STATUS: Code = loinc("82810-3", "Pregnancy status");
pub const NOT_PREGNANT: Code = snomed("60001007", "Not pregnant");
pub const PREGNANT: Code = snomed("77386006", "Pregnant");
pub const PREGNANCY_INTENT: Code =
    loinc("86645-9", "Pregnancy intention in the next year - Reported");
pub const UNDECIDED: Code =
    snomed("454381000124105", "Not sure of desire to become pregnant (finding)");

pub const SEXUAL_ORIENTATION: Code = loinc("76690-7", "Sexual orientation");

/// Code, and how many of 100 people.
pub const ORIENTATIONS: [(Code, i64); 3] = [
    (snomed("20430005", "Heterosexual"), 88),
    (snomed("38628009", "Homosexual"), 6),
    (snomed("42035005", "Bisexual"), 6),
];

/// The Hunger Vital Sign: two questions and what they come to.
pub const HUNGER: Code = loinc("88121-9", "Hunger Vital Sign [HVS]");
pub const HUNGER_RISK: Code = loinc("88124-3", "Food insecurity risk [HVS]");
pub const HUNGER_QUESTIONS: [Code; 2] = [
    loinc(
        "88122-7",
        "Within the past 12 months we worried whether our food would run out before we got money to buy more [U.S. FSS]",
    ),
    loinc(
        "88123-5",
        "Within the past 12 months the food we bought just didn't last and we didn't have money to get more [U.S. FSS]",
    ),
];
pub const SOMETIMES: Code = code(LOINC, "LA28398-8", "Sometimes true");
pub const NEVER: Code = code(LOINC, "LA28399-6", "Never true");
pub const AT_RISK: Code = code(LOINC, "LA19952-3", "At risk");
pub const NO_RISK: Code = code(LOINC, "LA19983-8", "No risk");

/// Two questions about mood, and their sum.
pub const DEPRESSION_SCORE: Code =
    loinc("55758-7", "Patient Health Questionnaire 2 item (PHQ-2) total score [Reported]");

const ROLE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";

pub const MOTHER: Code = code(ROLE, "MTH", "mother");
pub const SPOUSE: Code = code(ROLE, "SPS", "spouse");
pub const CHILD: Code = code(ROLE, "CHILD", "child");
