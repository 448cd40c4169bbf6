//! What is measured at visits: vital signs, smoking status, and blood tests
//! with the reports that bring their results together.

use crate::chart::{Chart, Visit};
use crate::codes::{
    A1C, BLOOD_PRESSURE, BMI, BODY_SURFACE, Code, DIASTOLIC, GLUCOSE, HEART_RATE, HEIGHT,
    MEAN_PRESSURE, OXYGEN, OXYGEN_ANY, PANELS, Panel, RESPIRATION, Reason, SMOKING, SYSTOLIC,
    TEMPERATURE, Test, WEIGHT, coded, quantity, tag, term,
};
use crate::json::{Decimal, Json, Object, obj};
use crate::random::Uuid;
use crate::resource::{Frame, base, narrative, us_core};
use crate::time::Time;

/// Systolic and diastolic pressure and weight, for the note of the visit.
pub type Vitals = Option<(i64, i64, Decimal)>;

/// Most Observations name no profile, and leave it to the DiagnosticReport or
/// the Encounter who performed them: two thirds of all data are Observations,
/// and these would be a quarter of each.
const PLAIN: Frame = base("Observation");

/// Categories of observations.
const VITAL_SIGNS: &str = "vital-signs";
const LABORATORY: &str = "laboratory";
const SOCIAL_HISTORY: &str = "social-history";

/// How a value lies outside of its reference range; most do not.
fn interpretation(value: i64, test: &Test) -> Option<Json> {
    let code = if value < test.low {
        "L"
    } else if value > test.high {
        "H"
    } else {
        return None;
    };
    Some(tag("v3-ObservationInterpretation", code))
}

impl Chart<'_> {
    pub fn add_vitals(&mut self, visit: &Visit) -> Vitals {
        if !visit.kind.in_person() {
            return None;
        }
        let date = visit.start.date();
        let height = self.person.height_on(date);
        let bmi = self.person.bmi_on(date) + self.rng.range(-120, 120);
        // Hundredths of kg/m² times mm² gives 10^-8 kg; weights have 0.1 kg.
        let weight = Decimal(bmi * height * height / 10_000_000, 1);

        let pressure = self.add_blood_pressure(visit);
        self.add_vital(visit, &[WEIGHT], weight, "kg");
        let rate = Decimal(self.rng.range(58, 96), 0);
        self.add_vital(visit, &[HEART_RATE], rate, "/min");
        let temperature = Decimal(self.rng.range(361, 375), 1);
        self.add_vital(visit, &[TEMPERATURE], temperature, "Cel");
        if self.volume.all_vitals {
            let rate = Decimal(self.rng.range(12, 19), 0);
            self.add_vital(visit, &[RESPIRATION], rate, "/min");
            let oxygen = Decimal(self.rng.range(940, 995), 1);
            self.add_vital(visit, &[OXYGEN, OXYGEN_ANY], oxygen, "%");
            let height = Decimal(height, 1);
            self.add_vital(visit, &[HEIGHT], height, "cm");
            self.add_vital(visit, &[BMI], Decimal(bmi, 2), "kg/m2");
            let Decimal(millimetres, _) = height;
            let Decimal(hectograms, _) = weight;
            let surface = body_surface(millimetres, hectograms);
            self.add_vital(visit, &[BODY_SURFACE], surface, "m2");
            let mean = Decimal((pressure.0 + 2 * pressure.1) / 3, 0);
            self.add_vital(visit, &[MEAN_PRESSURE], mean, "mm[Hg]");
        }
        if visit.kind.reason == Reason::Wellness && self.person.age_on(date) > 12 {
            self.add_smoking_status(visit);
        }
        Some((pressure.0, pressure.1, weight))
    }

    fn add_blood_pressure(&mut self, visit: &Visit) -> (i64, i64) {
        let raised = if self.person.hypertensive { 18 } else { 0 };
        let systolic = self.rng.range(104, 132) + raised;
        let diastolic = self.rng.range(64, 84) + raised / 2;
        let component = |code: &Code, value: i64| {
            obj! {
                "code": coded(code),
                "valueQuantity": quantity(value, "mmHg", "mm[Hg]"),
            }
        };
        let result = obj! {
            "performer": [self.seen_by(visit)],
            "component": [component(&SYSTOLIC, systolic), component(&DIASTOLIC, diastolic)],
        };
        let frame = us_core("Observation", "us-core-blood-pressure");
        self.add_observation(visit, frame, VITAL_SIGNS, &[BLOOD_PRESSURE], &result);
        (systolic, diastolic)
    }

    fn add_vital(&mut self, visit: &Visit, codes: &[Code], value: Decimal, unit: &str) {
        let result = obj! { "valueQuantity": quantity(value, unit, unit) };
        self.add_observation(visit, PLAIN, VITAL_SIGNS, codes, &result);
    }

    fn add_smoking_status(&mut self, visit: &Visit) {
        let result = obj! { "performer": [self.seen_by(visit)], "valueCodeableConcept": coded(&self.person.smoking) };
        let frame = us_core("Observation", "us-core-smokingstatus");
        self.add_observation(visit, frame, SOCIAL_HISTORY, &[SMOKING], &result);
    }

    /// One or two panels, and the long-term blood sugar of diabetics; gives
    /// what was done, for the bill.
    pub fn add_labs(&mut self, visit: &Visit) -> Vec<Code> {
        let mut done = Vec::new();
        let more = i64::from(self.volume.all_vitals && self.rng.chance(45));
        let first = self.rng.range(0, PANELS.len() as i64 - 1);
        for nth in 0..=more {
            let panel = &PANELS[((first + nth) as usize) % PANELS.len()];
            self.add_panel(visit, panel);
            done.push(panel.code);
        }
        if self.person.diabetic {
            self.add_test(visit, &A1C);
            done.push(A1C.code);
        }
        done
    }

    fn add_panel(&mut self, visit: &Visit, panel: &Panel) {
        let results: Vec<Uuid> =
            panel.tests.iter().map(|test| self.add_test(visit, test)).collect();
        self.add_report(visit, panel, &results);
    }

    fn add_test(&mut self, visit: &Visit, test: &Test) -> Uuid {
        let margin = (test.high - test.low) / 10;
        let sugar = test.code.code == GLUCOSE.code || test.code.code == A1C.code.code;
        let raised = if sugar && self.person.diabetic { margin * 12 } else { 0 };
        let value = raised + self.rng.range(test.low - margin, test.high + margin);
        let (low, high) = (Decimal(test.low, test.places), Decimal(test.high, test.places));
        let unit = test.unit;
        let result = obj! {
            "valueQuantity": quantity(Decimal(value, test.places), unit, test.ucum),
            "interpretation": [interpretation(value, test)],
            "referenceRange": [obj! {
                "text": format_args!("{low}-{high} {unit}"),
            }],
        };
        self.add_observation(visit, PLAIN, LABORATORY, &[test.code], &result)
    }

    fn add_report(&mut self, visit: &Visit, panel: &Panel, results: &[Uuid]) {
        let narrated = self.rng.chance(10);
        let name = panel.code.display;
        let count = results.len();
        let results: Vec<Json> = results.iter().map(|id| self.local("Observation", *id)).collect();
        let body = obj! {
            "text": narrated.then(|| narrative(format_args!("{name}: {count} results"))),
            "status": "final",
            "category": [term("v2-0074", "LAB", "Laboratory")],
            "code": coded(&panel.code),
            "subject": self.patient(),
            "encounter": self.local("Encounter", visit.encounter),
            "effectiveDateTime": self.clock(visit.start),
            "issued": self.clock(reported(visit)),
            "result": results,
        };
        let frame = us_core("DiagnosticReport", "us-core-diagnosticreport-lab");
        self.add(frame, reported(visit), &body);
    }

    fn add_observation(
        &mut self,
        visit: &Visit,
        frame: Frame,
        category: &str,
        codes: &[Code],
        result: &Json,
    ) -> Uuid {
        let known = if category == LABORATORY { reported(visit) } else { visit.start };
        let mut body = Object::new();
        body.reserve(700);
        body.field("status", "final");
        body.field("category", &[tag("observation-category", category)]);
        body.field("code", &obj! { "coding": codes });
        body.field("subject", &self.patient());
        body.field("encounter", &self.local("Encounter", visit.encounter));
        body.field("effectiveDateTime", &self.clock(visit.start));
        body.extend(result);
        self.add(frame, known, &body.close())
    }
}

/// By the formula of Mosteller: the root of cm × kg / 3600, in m².
fn body_surface(millimetres: i64, hectograms: i64) -> Decimal {
    let square = millimetres * hectograms * 100 / 3_600;
    Decimal(square.isqrt(), 2)
}

/// Blood tests are done some hours after the visit began.
fn reported(visit: &Visit) -> Time {
    visit.start.plus(5 * 3600)
}
