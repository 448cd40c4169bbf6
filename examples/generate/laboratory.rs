//! Blood and urine tests: the order, the specimen, the results and the report; and reports of the heart.

use crate::chart::{Chart, Visit};
use crate::codes::{
    A1C, BLOOD, BLOOD_COUNT, CARDIOLOGY, Code, ECG_IMPRESSION, ECG_STUDY, GLUCOSE,
    LABORATORY_ORDER, LIPIDS, NITRITE, NITRITE_NEGATIVE, PANELS, Panel, QRS_DURATION, RHYTHM,
    SERUM, SINUS_RHYTHM, Test, URINALYSIS, URINE, URINE_COLOR, VENIPUNCTURE, coded, concept,
    quantity, tag, term,
};
use crate::json::{Decimal, Json, base64, obj};
use crate::observations::{LABORATORY, PROCEDURE, reported};
use crate::random::Uuid;
use crate::resource::{narrative, us_core};
use crate::time::DAY;

/// How a value lies beside its reference range.
fn interpretation(value: i64, test: &Test) -> Json {
    let (code, display) = if value < test.low {
        ("L", "Low")
    } else if value > test.high {
        ("H", "High")
    } else {
        ("N", "Normal")
    };
    term("v3-ObservationInterpretation", code, display)
}

/// The place of a test in a panel.
fn place(panel: &Panel, code: &str) -> usize {
    panel.tests.iter().position(|test| test.code.code == code).unwrap_or_default()
}

impl Chart<'_> {
    /// One or two panels, and the long-term blood sugar of diabetics; gives
    /// what was done, for the bill.
    pub fn add_labs(&mut self, visit: &Visit, everything: bool) -> Vec<Code> {
        let mut done = Vec::new();
        let more = i64::from(self.rng.chance(45));
        let first = self.rng.range(0, PANELS.len() as i64 - 1);
        for nth in 0..=more {
            let panel = &PANELS[((first + nth) as usize) % PANELS.len()];
            self.add_panel(visit, panel);
            done.push(panel.code);
        }
        if self.person.diabetic {
            let specimen = self.add_specimen(visit, &BLOOD);
            let value = self.value_of(&A1C);
            self.add_test(visit, &A1C, value, specimen);
            done.push(A1C.code);
        }
        if everything || self.rng.chance(12) {
            self.add_urinalysis(visit);
            done.push(URINALYSIS);
        }
        done
    }

    fn add_panel(&mut self, visit: &Visit, panel: &Panel) {
        let order = self.add_order(visit, &panel.code);
        let kind = if panel.code.code == BLOOD_COUNT { &BLOOD } else { &SERUM };
        let specimen = self.add_specimen(visit, kind);
        let values = self.values_of(panel);
        let results: Vec<Uuid> = panel
            .tests
            .iter()
            .zip(values)
            .map(|(test, value)| self.add_test(visit, test, value, specimen))
            .collect();
        self.add_report(visit, &panel.code, order, &results);
    }

    /// The order of a test, which a report answers.
    pub fn add_order(&mut self, visit: &Visit, what: &Code) -> Uuid {
        let problem = visit.problems.first();
        let reason = problem.map(|(problem, _)| concept(&problem.code));
        let because = problem.map(|(_, id)| self.local("Condition", *id));
        let end = visit.start.plus(7 * DAY);
        let body = obj! {
            "status": "completed",
            "intent": "order",
            "category": [concept(&LABORATORY_ORDER)],
            "code": concept(what),
            "subject": self.patient(),
            "encounter": self.local("Encounter", visit.encounter),
            "occurrencePeriod": obj! { "start": self.clock(visit.start), "end": self.clock(end) },
            "authoredOn": self.clock(visit.start),
            "requester": self.seen_by(visit),
            "reasonCode": [reason],
            "reasonReference": [because],
        };
        self.add(us_core("ServiceRequest", "us-core-servicerequest"), visit.start, &body)
    }

    fn add_specimen(&mut self, visit: &Visit, kind: &Code) -> Uuid {
        let number = self.rng.range(100_000, 999_999);
        let method = (kind.code != URINE.code).then(|| coded(&VENIPUNCTURE));
        let body = obj! {
            "identifier": [obj! {
                "system": "https://records.example.org/specimen",
                "value": format_args!("S{number}"),
            }],
            "status": "available",
            "type": concept(kind),
            "subject": self.patient(),
            "collection": obj! {
                "collector": self.seen_by(visit),
                "collectedDateTime": self.clock(visit.start.plus(300)),
                "method": method,
            },
        };
        self.add(us_core("Specimen", "us-core-specimen"), visit.start, &body)
    }

    /// Most values lie in the range, some a little outside.
    fn value_of(&mut self, test: &Test) -> i64 {
        let margin = (test.high - test.low) / 6;
        let sugar = test.code.code == GLUCOSE.code || test.code.code == A1C.code.code;
        let raised = if sugar && self.person.diabetic { (test.high - test.low) * 6 / 5 } else { 0 };
        let (low, high) = (test.low - margin, test.high + margin);
        raised + (self.rng.range(low, high) + self.rng.range(low, high)) / 2
    }

    /// The values of a panel; those that are computed of others agree with them.
    fn values_of(&mut self, panel: &Panel) -> Vec<i64> {
        let mut values: Vec<i64> = panel.tests.iter().map(|test| self.value_of(test)).collect();
        if panel.code.code == LIPIDS {
            let at = |code| place(panel, code);
            // Friedewald: total = HDL + LDL + triglycerides / 5.
            values[at("2093-3")] =
                values[at("2085-9")] + values[at("13457-7")] + values[at("2571-8")] / 5;
        }
        if panel.code.code == BLOOD_COUNT {
            let at = |code| place(panel, code);
            let less = if self.person.female { 10 } else { 0 };
            let hemoglobin = values[at("718-7")] - less;
            let hematocrit = hemoglobin * 1_000 / values[at("786-4")];
            let cells = hematocrit * 1_000 / values[at("787-2")];
            values[at("718-7")] = hemoglobin;
            values[at("4544-3")] = hematocrit;
            values[at("789-8")] = cells;
            values[at("785-6")] = hemoglobin * 1_000 / cells;
        }
        values
    }

    fn add_test(&mut self, visit: &Visit, test: &Test, value: i64, specimen: Uuid) -> Uuid {
        let amount = |value| quantity(Decimal(value, test.places), test.unit, test.ucum);
        let result = obj! {
            "valueQuantity": amount(value),
            "interpretation": [interpretation(value, test)],
            "specimen": self.local("Specimen", specimen),
            "referenceRange": [obj! { "low": amount(test.low), "high": amount(test.high) }],
        };
        let frame = us_core("Observation", "us-core-observation-lab");
        self.add_observation(visit, frame, LABORATORY, &[test.code], &result)
    }

    /// Results in words and in codes.
    fn add_urinalysis(&mut self, visit: &Visit) {
        let order = self.add_order(visit, &URINALYSIS);
        let specimen = self.add_specimen(visit, &URINE);
        let from = self.local("Specimen", specimen);
        let frame = us_core("Observation", "us-core-observation-lab");
        let color = *self.rng.pick(&["Yellow", "Straw", "Amber"]);
        let color = obj! { "valueString": color, "specimen": from };
        let nitrite = obj! {
            "valueCodeableConcept": coded(&NITRITE_NEGATIVE),
            "specimen": from,
        };
        let results = [
            self.add_observation(visit, frame, LABORATORY, &[URINE_COLOR], &color),
            self.add_observation(visit, frame, LABORATORY, &[NITRITE], &nitrite),
        ];
        self.add_report(visit, &URINALYSIS, order, &results);
    }

    fn add_report(&mut self, visit: &Visit, code: &Code, order: Uuid, results: &[Uuid]) {
        let narrated = self.rng.chance(10);
        let name = code.display;
        let count = results.len();
        let results: Vec<Json> = results.iter().map(|id| self.local("Observation", *id)).collect();
        let body = obj! {
            "text": narrated.then(|| narrative(format_args!("{name}: {count} results"))),
            "basedOn": [self.local("ServiceRequest", order)],
            "status": "final",
            "category": [term("v2-0074", "LAB", "Laboratory")],
            "code": coded(code),
            "subject": self.patient(),
            "encounter": self.local("Encounter", visit.encounter),
            "effectiveDateTime": self.clock(visit.start),
            "issued": self.clock(reported(visit)),
            "performer": [self.seen_at(visit)],
            "result": results,
        };
        let frame = us_core("DiagnosticReport", "us-core-diagnosticreport-lab");
        self.add(frame, reported(visit), &body);
    }

    /// An electrocardiogram: what was measured, what was seen, and the report.
    pub fn add_heart_report(&mut self, visit: &Visit) {
        let frame = us_core("Observation", "us-core-observation-clinical-result");
        let words = "Sinus rhythm. No signs of acute ischemia.";
        let width = obj! { "valueQuantity": quantity(self.rng.range(78, 106), "ms", "ms") };
        let rhythm = obj! { "valueCodeableConcept": coded(&SINUS_RHYTHM) };
        let seen = obj! { "valueString": words };
        let results = [
            self.add_observation(visit, frame, PROCEDURE, &[QRS_DURATION], &width),
            self.add_observation(visit, frame, PROCEDURE, &[RHYTHM], &rhythm),
            self.add_observation(visit, frame, PROCEDURE, &[ECG_IMPRESSION], &seen),
        ];
        let results: Vec<Json> = results.iter().map(|id| self.local("Observation", *id)).collect();
        let body = obj! {
            "status": "final",
            "category": [coded(&CARDIOLOGY), tag("v2-0074", "EC")],
            "code": concept(&ECG_STUDY),
            "subject": self.patient(),
            "encounter": self.local("Encounter", visit.encounter),
            "effectiveDateTime": self.clock(visit.start),
            "issued": self.clock(reported(visit)),
            "performer": [self.seen_by(visit)],
            "result": results,
            "conclusion": words,
            "presentedForm": [obj! {
                "contentType": "text/plain; charset=utf-8",
                "data": base64(words.as_bytes()),
                "title": ECG_STUDY.display,
            }],
        };
        let frame = us_core("DiagnosticReport", "us-core-diagnosticreport-note");
        self.add(frame, reported(visit), &body);
    }
}
