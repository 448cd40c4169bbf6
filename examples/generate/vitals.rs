//! Vital signs, as they are at the patient's age.

use crate::chart::{Chart, Visit};
use crate::codes::{
    BLOOD_PRESSURE, BMI, BMI_PERCENTILE, Code, DIASTOLIC, HEAD, HEAD_PERCENTILE, HEART_RATE,
    HEIGHT, OXYGEN, OXYGEN_ANY, OXYGEN_FLOW, OXYGEN_SHARE, RESPIRATION, Reason, SYSTOLIC,
    TEMPERATURE, WEIGHT, WEIGHT_FOR_LENGTH, coded, quantity, term,
};
use crate::growth;
use crate::json::{Decimal, Json, obj};
use crate::observations::{VITAL_SIGNS, component};
use crate::resource::us_core;

/// What the note of a visit tells of it.
pub struct Vitals {
    /// Systolic and diastolic, where they were taken.
    pub pressure: Option<(i64, i64)>,
    pub weight: Decimal,
}

/// From which age, in months, and the usual range.
type ByAge = [(i64, i64, i64); 5];

const HEART_RATES: ByAge =
    [(0, 110, 150), (12, 95, 135), (36, 80, 118), (72, 70, 106), (144, 58, 94)];
const RESPIRATIONS: ByAge = [(0, 28, 44), (12, 22, 32), (36, 20, 27), (72, 17, 23), (144, 12, 19)];

fn usual(table: &ByAge, months: i64) -> (i64, i64) {
    let entry = table.iter().rev().find(|(from, _, _)| *from <= months).unwrap_or(&table[0]);
    (entry.1, entry.2)
}

impl Chart<'_> {
    /// Adds the vital signs of a visit in person.
    pub fn add_vitals(&mut self, visit: &Visit) -> Option<Vitals> {
        if !visit.kind.in_person() {
            return None;
        }
        let date = visit.start.date();
        let months = self.person.months_on(date);
        let height = self.person.height_on(date);
        let bmi = self.person.bmi_on(date) + self.rng.range(-50, 50);
        // Hundredths of kg/m² times mm² gives 10^-8 kg; weights have 0.1 kg.
        let weight = Decimal(bmi * height * height / 10_000_000, 1);
        let is_ill = visit.kind.reason == Reason::Symptom && self.rng.chance(35);

        let pressure = if months >= 36 { self.add_blood_pressure(visit) } else { None };
        self.add_vital(visit, "us-core-body-weight", WEIGHT, weight, "kg");
        self.add_vital(visit, "us-core-body-height", HEIGHT, Decimal(height, 1), "cm");
        let (low, high) = usual(&HEART_RATES, months);
        let rate = Decimal(self.rng.range(low, high) + if is_ill { 12 } else { 0 }, 0);
        self.add_vital(visit, "us-core-heart-rate", HEART_RATE, rate, "/min");
        let (low, high) = usual(&RESPIRATIONS, months);
        let rate = Decimal(self.rng.range(low, high) + if is_ill { 3 } else { 0 }, 0);
        self.add_vital(visit, "us-core-respiratory-rate", RESPIRATION, rate, "/min");
        let heat = if is_ill { self.rng.range(379, 392) } else { self.rng.range(363, 373) };
        self.add_vital(visit, "us-core-body-temperature", TEMPERATURE, Decimal(heat, 1), "Cel");
        self.add_oxygen(visit);
        if months >= 24 {
            self.add_vital(visit, "us-core-bmi", BMI, Decimal(bmi, 2), "kg/m2");
        }
        self.add_growth(visit, months, bmi);
        Some(Vitals { pressure, weight })
    }

    /// The two pressures rise and fall together, with age and with disease.
    fn add_blood_pressure(&mut self, visit: &Visit) -> Option<(i64, i64)> {
        let age = self.person.age_on(visit.start.date());
        let usual = if age < 18 { 88 + age * 3 / 2 } else { 108 + age / 4 };
        let raised = if self.person.hypertensive { 16 } else { 0 };
        let systolic = usual + raised + self.rng.range(-9, 9);
        let diastolic = systolic * 62 / 100 + self.rng.range(-5, 5);
        let declined = self.rng.chance(4);
        let both = [(SYSTOLIC, systolic), (DIASTOLIC, diastolic)];
        let components: Vec<Json> = both
            .iter()
            .map(|(code, value)| {
                if declined {
                    let why = term("data-absent-reason", "asked-declined", "Asked But Declined");
                    return obj! { "code": coded(code), "dataAbsentReason": why };
                }
                component(code, *value, "mmHg", "mm[Hg]")
            })
            .collect();
        let result = obj! { "performer": [self.seen_by(visit)], "component": components };
        let frame = us_core("Observation", "us-core-blood-pressure");
        self.add_observation(visit, frame, VITAL_SIGNS, &[BLOOD_PRESSURE], &result);
        (!declined).then_some((systolic, diastolic))
    }

    /// Emergencies are given oxygen.
    fn add_oxygen(&mut self, visit: &Visit) {
        let saturation = self.rng.range(950, 992);
        let (flow, share) = (self.rng.range(1, 4), self.rng.range(24, 36));
        let assisted = visit.kind.class.0 == "EMER";
        let components = assisted.then(|| {
            vec![
                component(&OXYGEN_FLOW, flow, "L/min", "L/min"),
                component(&OXYGEN_SHARE, share, "%", "%"),
            ]
        });
        let result = obj! {
            "valueQuantity": quantity(Decimal(saturation, 1), "%", "%"),
            "component": components,
        };
        let frame = us_core("Observation", "us-core-pulse-oximetry");
        self.add_observation(visit, frame, VITAL_SIGNS, &[OXYGEN, OXYGEN_ANY], &result);
    }

    /// Where a child stands among children of the same age.
    fn add_growth(&mut self, visit: &Visit, months: i64, bmi: i64) {
        if months < 36 {
            let around = growth::head(months, self.person.head());
            let share = growth::head_percentile(months, around);
            self.add_vital(visit, "us-core-head-circumference", HEAD, Decimal(around, 1), "cm");
            let profile = "head-occipital-frontal-circumference-percentile";
            self.add_vital(visit, profile, HEAD_PERCENTILE, Decimal(share, 0), "%");
            let share = growth::body_mass_percentile(months, bmi);
            let profile = "pediatric-weight-for-height";
            self.add_vital(visit, profile, WEIGHT_FOR_LENGTH, Decimal(share, 0), "%");
        }
        if (24..240).contains(&months) {
            let share = growth::body_mass_percentile(months, bmi);
            self.add_vital(visit, "pediatric-bmi-for-age", BMI_PERCENTILE, Decimal(share, 0), "%");
        }
    }

    fn add_vital(
        &mut self,
        visit: &Visit,
        profile: &'static str,
        code: Code,
        value: Decimal,
        unit: &str,
    ) {
        let result = obj! { "valueQuantity": quantity(value, unit, unit) };
        self.add_observation(visit, us_core("Observation", profile), VITAL_SIGNS, &[code], &result);
    }
}
