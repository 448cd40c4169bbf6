//! How the patient lives: smoking, work, family planning, and what questionnaires ask.

use crate::chart::{Chart, Visit};
use crate::codes::{
    AT_RISK, Code, DEPRESSION_SCORE, FOOD_INSECURITY, HUNGER, HUNGER_QUESTIONS, HUNGER_RISK,
    INDUSTRY, NEVER, NO_RISK, NOT_PREGNANT, OCCUPATION, ORIENTATIONS, PREGNANCY_INTENT,
    PREGNANCY_STATUS, PREGNANT, SEXUAL_ORIENTATION, SMOKING, SOMETIMES, UNDECIDED, code, coded,
    quantity, tag,
};
use crate::json::{Decimal, Json, Object, obj};
use crate::observations::SOCIAL_HISTORY;
use crate::random::Uuid;
use crate::resource::us_core;
use crate::time::DAY;

const CORE: &str = "http://hl7.org/fhir/us/core";

/// One of US Core's own categories.
fn category(id: &str) -> Json {
    obj! { "coding": [obj! {
        "system": format_args!("{CORE}/CodeSystem/us-core-category"),
        "code": id,
    }] }
}

/// Questions that have no code elsewhere.
const fn question(id: &'static str, display: &'static str) -> Code {
    code("https://records.example.org/question", id, display)
}

impl Chart<'_> {
    /// Adds what a general examination asks about. `everything` asks each question.
    pub fn add_social_history(&mut self, visit: &Visit, everything: bool) {
        let age = self.person.age_on(visit.start.date());
        if age <= 12 {
            return;
        }
        self.add_smoking_status(visit);
        if age >= 18 && (everything || self.rng.chance(30)) {
            self.add_occupation(visit);
            self.add_sexual_orientation(visit);
            self.add_depression_score(visit);
        }
        if self.person.female && (15..50).contains(&age) {
            self.add_pregnancy(visit);
        }
        if age >= 18 && (everything || self.rng.chance(20)) {
            self.add_hunger_screening(visit, everything);
            self.add_daily_life(visit);
        }
    }

    fn add_smoking_status(&mut self, visit: &Visit) {
        let result = obj! {
            "performer": [self.seen_by(visit)],
            "valueCodeableConcept": coded(&self.person.smoking),
        };
        let frame = us_core("Observation", "us-core-smokingstatus");
        self.add_observation(visit, frame, SOCIAL_HISTORY, &[SMOKING], &result);
    }

    fn add_occupation(&mut self, visit: &Visit) {
        let work = self.person.occupation;
        let since = self.rng.range(400, 4_000);
        let since = visit.start.date().plus(-since).max(self.person.birth.plus(18 * 365));
        let mut body = Object::new();
        body.field("status", "final");
        body.field("category", &[tag("observation-category", SOCIAL_HISTORY)]);
        body.field("code", &coded(&OCCUPATION));
        body.field("subject", &self.patient());
        body.field("encounter", &self.local("Encounter", visit.encounter));
        body.field("effectivePeriod", &obj! { "start": since });
        body.field("valueCodeableConcept", &obj! { "text": work.job });
        let industry = obj! {
            "code": coded(&INDUSTRY),
            "valueCodeableConcept": obj! { "text": work.industry },
        };
        body.field("component", &[industry]);
        let frame = us_core("Observation", "us-core-observation-occupation");
        self.add(frame, visit.start, &body.close());
    }

    fn add_sexual_orientation(&mut self, visit: &Visit) {
        let orientation = self.rng.pick_weighted(&ORIENTATIONS, |entry| entry.1).0;
        let result = obj! { "valueCodeableConcept": coded(&orientation) };
        let frame = us_core("Observation", "us-core-observation-sexual-orientation");
        self.add_observation(visit, frame, SOCIAL_HISTORY, &[SEXUAL_ORIENTATION], &result);
    }

    fn add_pregnancy(&mut self, visit: &Visit) {
        let status = if self.rng.chance(5) { PREGNANT } else { NOT_PREGNANT };
        let frame = us_core("Observation", "us-core-observation-pregnancystatus");
        let result = obj! { "valueCodeableConcept": coded(&status) };
        self.add_observation(visit, frame, SOCIAL_HISTORY, &[PREGNANCY_STATUS], &result);
        let frame = us_core("Observation", "us-core-observation-pregnancyintent");
        let result = obj! { "valueCodeableConcept": coded(&UNDECIDED) };
        self.add_observation(visit, frame, SOCIAL_HISTORY, &[PREGNANCY_INTENT], &result);
    }

    /// A sum of points, with a sentence of the patient's.
    fn add_depression_score(&mut self, visit: &Visit) {
        let points = self.rng.range(0, 3);
        let survey = [tag("observation-category", "survey"), category("cognitive-status")];
        let frame = us_core("Observation", "us-core-observation-screening-assessment");
        let result = obj! {
            "performer": [self.seen_by(visit)],
            "valueQuantity": quantity(points, "{score}", "{score}"),
        };
        self.add_categorized(visit, frame, &survey, &[DEPRESSION_SCORE], &result);
        let words =
            *self.rng.pick(&["I sleep well.", "Work has been tiring.", "I miss my family."]);
        let result = obj! { "performer": [self.seen_by(visit)], "valueString": words };
        let own = question("own-words", "How have you been, in your own words?");
        self.add_categorized(visit, frame, &survey, &[own], &result);
    }

    /// Two questions, their answers as a form and as observations, and what follows from them.
    fn add_hunger_screening(&mut self, visit: &Visit, hungry: bool) {
        let hungry = hungry || self.rng.chance(15);
        let answer = if hungry { SOMETIMES } else { NEVER };
        let risk = if hungry { AT_RISK } else { NO_RISK };
        let form = self.add_hunger_form(visit, &answer, &risk);
        let survey = [tag("observation-category", "survey"), category("sdoh")];
        let frame = us_core("Observation", "us-core-observation-screening-assessment");
        let mut members = Vec::new();
        for (code, value) in
            [(HUNGER_QUESTIONS[0], answer), (HUNGER_QUESTIONS[1], answer), (HUNGER_RISK, risk)]
        {
            let result = obj! {
                "performer": [self.seen_by(visit)],
                "valueCodeableConcept": coded(&value),
                "derivedFrom": [self.local("QuestionnaireResponse", form)],
            };
            members.push(self.add_categorized(visit, frame, &survey, &[code], &result));
        }
        let members: Vec<Json> = members.iter().map(|id| self.local("Observation", *id)).collect();
        let result = obj! {
            "performer": [self.seen_by(visit)],
            "hasMember": members,
            "derivedFrom": [self.local("QuestionnaireResponse", form)],
        };
        let panel = self.add_categorized(visit, frame, &survey, &[HUNGER], &result);
        if hungry {
            self.add_hunger(visit, panel);
        }
    }

    fn add_hunger_form(&mut self, visit: &Visit, answer: &Code, risk: &Code) -> Uuid {
        let number = self.rng.range(100_000, 999_999);
        let item = |code: &Code, answer: &Code| {
            obj! {
                "linkId": format_args!("/88121-9/{}", code.code),
                "text": code.display,
                "answer": [obj! { "valueCoding": answer }],
            }
        };
        let meals = obj! {
            "linkId": "/meals",
            "text": "How many meals do you have on a usual day?",
            "answer": [obj! {
                "valueDecimal": Decimal(self.rng.range(4, 7) * 5, 1),
                "item": [obj! {
                    "linkId": "/meals/which",
                    "text": "Which one do you leave out most often?",
                    "answer": [obj! { "valueString": "Breakfast" }],
                }],
            }],
        };
        let remark = obj! {
            "linkId": "/remark",
            "text": "Is there anything that you want to add?",
            "answer": [obj! { "valueString": "No" }],
        };
        let [first, second] = &HUNGER_QUESTIONS;
        let body = obj! {
            "identifier": obj! {
                "system": "https://records.example.org/form",
                "value": format_args!("F{number}"),
            },
            "questionnaire": "https://records.example.org/Questionnaire/hunger-vital-sign",
            "_questionnaire": obj! { "extension": [
                obj! {
                    "url": "http://hl7.org/fhir/StructureDefinition/display",
                    "valueString": HUNGER.display,
                },
                obj! {
                    "url": format_args!("{CORE}/StructureDefinition/us-core-extension-questionnaire-uri"),
                    "valueUri": "https://records.example.org/forms/hunger-vital-sign",
                },
            ] },
            "status": "completed",
            "subject": self.patient(),
            "encounter": self.local("Encounter", visit.encounter),
            "authored": self.clock(visit.start),
            "author": self.seen_by(visit),
            "item": [
                obj! {
                    "linkId": "/88121-9",
                    "text": HUNGER.display,
                    "item": [item(first, answer), item(second, answer)],
                },
                item(&HUNGER_RISK, risk),
                meals,
                remark,
            ],
        };
        let frame = us_core("QuestionnaireResponse", "us-core-questionnaireresponse");
        self.add(frame, visit.start, &body)
    }

    /// What the answers found, as a health concern that was over after a while.
    fn add_hunger(&mut self, visit: &Visit, panel: Uuid) {
        let over = visit.start.plus(self.rng.range(60, 200) * DAY);
        let over = Some(over).filter(|time| *time < self.end);
        let concern = obj! { "coding": [obj! {
            "system": format_args!("{CORE}/CodeSystem/condition-category"),
            "code": "health-concern",
        }] };
        let problem = &FOOD_INSECURITY;
        let body = obj! {
            "extension": [obj! {
                "url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate",
                "valueDateTime": visit.start.date(),
            }],
            "clinicalStatus": tag("condition-clinical", if over.is_some() { "resolved" } else { "active" }),
            "verificationStatus": tag("condition-ver-status", "confirmed"),
            "category": [concern, category("sdoh")],
            "code": obj! {
                "coding": [problem.code, problem.billing],
                "text": problem.code.display,
            },
            "subject": self.patient(),
            "encounter": self.local("Encounter", visit.encounter),
            "onsetDateTime": self.clock(visit.start),
            "abatementDateTime": over.map(|time| self.clock(time)),
            "recordedDate": self.clock(visit.start),
            "recorder": self.seen_by(visit),
            "evidence": [obj! { "detail": [self.local("Observation", panel)] }],
        };
        let frame = us_core("Condition", "us-core-condition-problems-health-concerns");
        self.add(frame, over.unwrap_or(visit.start), &body);
    }

    /// Observations of kinds that have no profile of their own.
    fn add_daily_life(&mut self, visit: &Visit) {
        let frame = us_core("Observation", "us-core-simple-observation");
        let functional = [category("functional-status")];
        let minutes = self.rng.range(2, 12) * 5;
        let by = [self.seen_by(visit)];
        let walk = question("walk", "Minutes of walking on a usual day");
        let result = obj! { "performer": by, "valueQuantity": quantity(minutes, "min", "min") };
        let walked = self.add_categorized(visit, frame, &functional, &[walk], &result);
        let alone = question("alone", "Dresses without help");
        let result = obj! { "performer": by, "valueBoolean": true };
        self.add_categorized(visit, frame, &functional, &[alone], &result);
        let aid = question("aid", "What helps in daily life");
        let result = obj! { "performer": by, "valueString": "Handrails at home" };
        self.add_categorized(visit, frame, &functional, &[aid], &result);
        let active = question("active", "Walks enough");
        let answer = if minutes >= 20 {
            code("http://terminology.hl7.org/CodeSystem/v2-0136", "Y", "Yes")
        } else {
            code("http://terminology.hl7.org/CodeSystem/v2-0136", "N", "No")
        };
        let result = obj! {
            "performer": by,
            "valueCodeableConcept": coded(&answer),
            "derivedFrom": [self.local("Observation", walked)],
        };
        self.add_categorized(visit, frame, &functional, &[active], &result);
    }
}
