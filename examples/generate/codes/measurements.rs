//! The terminology of measurements: vital signs, smoking status, and blood tests with their ranges.

use super::{Code, loinc, snomed};

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
pub const BLOOD_PRESSURE: Code =
    loinc("85354-9", "Blood pressure panel with all children optional");
pub const SYSTOLIC: Code = loinc("8480-6", "Systolic blood pressure");
pub const DIASTOLIC: Code = loinc("8462-4", "Diastolic blood pressure");
pub const OXYGEN_FLOW: Code = loinc("3151-8", "Inhaled oxygen flow rate");
pub const OXYGEN_SHARE: Code = loinc("3150-0", "Inhaled oxygen concentration");
pub const BMI_PERCENTILE: Code =
    loinc("59576-9", "Body mass index (BMI) [Percentile] Per age and sex");
pub const HEAD: Code = loinc("9843-4", "Head Occipital-frontal circumference");
pub const HEAD_PERCENTILE: Code =
    loinc("8289-1", "Head Occipital-frontal circumference Percentile");
pub const WEIGHT_FOR_LENGTH: Code = loinc("77606-2", "Weight-for-length Per age and sex");

/// Panels whose values depend on each other.
pub const LIPIDS: &str = "24331-1";
pub const BLOOD_COUNT: &str = "58410-2";

pub const URINALYSIS: Code = loinc("24356-8", "Urinalysis complete panel - Urine");
pub const URINE_COLOR: Code = loinc("5778-6", "Color of Urine");
pub const NITRITE: Code = loinc("5802-4", "Nitrite [Presence] in Urine by Test strip");
pub const NITRITE_NEGATIVE: Code = snomed("260385009", "Negative");

pub const SERUM: Code = snomed("119364003", "Serum specimen");
pub const BLOOD: Code = snomed("119297000", "Blood specimen");
pub const URINE: Code = snomed("122575003", "Urine specimen");
pub const VENIPUNCTURE: Code = snomed("22778000", "Venipuncture");
pub const LABORATORY_ORDER: Code = snomed("108252007", "Laboratory procedure");

pub const CARDIOLOGY: Code = loinc("LP29708-2", "Cardiology");
pub const ECG_STUDY: Code = loinc("11524-6", "EKG study");
pub const ECG_IMPRESSION: Code = loinc("8601-7", "EKG impression");
pub const QRS_DURATION: Code = loinc("8633-0", "QRS duration");
pub const RHYTHM: Code = loinc("8884-9", "Heart rate rhythm");
pub const SINUS_RHYTHM: Code = snomed("64730000", "Normal sinus rhythm");

pub const SMOKING: Code = loinc("72166-2", "Tobacco smoking status");

pub const SMOKING_STATUS: [Code; 3] = [
    snomed("266919005", "Never smoked tobacco (finding)"),
    snomed("8517006", "Ex-smoker (finding)"),
    snomed("449868002", "Smokes tobacco daily (finding)"),
];
