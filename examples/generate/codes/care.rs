//! The terminology of allergies, plans of care and devices.

use super::{Code, rxnorm, snomed};

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
pub const EYE_GLASSES: Code = snomed("50121007", "Eye glasses, device (physical object)");
pub const HEARING_AID: Code = snomed("6012004", "Hearing aid, device (physical object)");
pub const HIP: Code = snomed("304120007", "Total hip replacement prosthesis (physical object)");
pub const STENT: Code = snomed("705643001", "Coronary artery stent (physical object)");
pub const PACEMAKER: Code = snomed("14106009", "Cardiac pacemaker, device (physical object)");

pub const CARE_PROFESSIONAL: Code = snomed("223366009", "Healthcare professional");
pub const CARE_PATIENT: Code = snomed("116154003", "Patient");
