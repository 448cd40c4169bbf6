//! What happens at visits: encounters, conditions, procedures, prescriptions,
//! vaccinations and notes.

use crate::billing::Coverage;
use crate::chart::{Chart, Visit};
use crate::codes::{
    ACUTE, ADULT_VACCINES, CHILD_VACCINES, Code, DELTOID, Drug, HISTORY_NOTE, PROCEDURES,
    PROGRESS_NOTE, Problem, Reason, SEASONAL_VACCINES, VisitKind, coded, concept, quantity, tag,
    term,
};
use crate::json::{Decimal, base64, obj, push_fmt};
use crate::observations::Vitals;
use crate::random::Uuid;
use crate::resource::us_core;
use crate::time::{DAY, Time};

/// A chronic problem and the Condition that tells of it.
pub type Known = (&'static Problem, Uuid);

impl Chart<'_> {
    /// Adds all that was done at a visit whose Encounter is there already.
    pub fn add_visit(
        &mut self,
        visit: &mut Visit,
        chronic: &[Known],
        coverage: &Coverage,
        first: bool,
    ) {
        match visit.kind.reason {
            Reason::Symptom => self.add_acute_problem(visit),
            Reason::FollowUp if !chronic.is_empty() => visit.problems.push(*self.rng.pick(chronic)),
            Reason::Wellness if first => visit.problems.extend_from_slice(chronic),
            _ => {}
        }
        // So a small data set has each type: see `Person::complete`.
        let everything = first && self.person.complete;

        let mut billed = vec![visit.kind.kind];
        let vitals = self.add_vitals(visit);
        if everything || (visit.kind.in_person() && self.rng.chance(self.volume.lab_percent)) {
            billed.extend(self.add_labs(visit));
        }
        if everything || self.rng.chance(42) {
            billed.push(self.add_procedure(visit));
        }
        self.add_prescriptions(visit, everything);
        if visit.kind.reason == Reason::Wellness {
            self.add_immunizations(visit);
        }
        if everything || self.rng.chance(36) {
            self.add_note(visit, &vitals);
        }
        if everything || self.rng.chance(self.volume.claim_percent) {
            self.add_claim(visit, &billed, coverage);
        }
    }

    pub fn add_encounter(&mut self, kind: &'static VisitKind, start: Time) -> Visit {
        let minutes = self.rng.range(kind.minutes.0, kind.minutes.1);
        let end = start.plus(minutes * 60).min(self.end.max(start.plus(300)));
        let staff = self.region.practitioners.len() as i64;
        // Emergencies and admissions are seen by the hospital's staff; the
        // rest mostly by the patient's own doctor in the clinic.
        let hospital = matches!(kind.class.0, "EMER" | "IMP");
        let practitioner = if hospital {
            self.rng.range(0, staff / 2 - 1) as usize
        } else if self.rng.chance(70) {
            self.doctor
        } else {
            self.rng.range(staff / 2, staff - 1) as usize
        };
        let location = match kind.class.0 {
            "EMER" => &self.region.locations[0],
            "IMP" => &self.region.locations[1],
            _ => &self.region.locations[2],
        };
        let mut visit = Visit {
            kind,
            start,
            end,
            encounter: self.rng.uuid(),
            practitioner,
            problems: Vec::new(),
        };
        let (class, display) = kind.class;
        let period = obj! { "start": self.clock(start), "end": self.clock(end) };
        let home = kind.overnight().then(|| {
            obj! { "dischargeDisposition": term("discharge-disposition", "home", "Home") }
        });
        let body = obj! {

            "status": "finished",
            "class": obj! {
                "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
                "code": class,
                "display": display,
            },
            "type": [coded(&kind.kind)],
            "subject": self.patient(),
            "participant": [obj! {

                "individual": self.seen_by(&visit),
            }],
            "period": period,
            "hospitalization": home,
            "location": [obj! { "location": self.style.shared(location) }],
            "serviceProvider": self.seen_at(&visit),
        };
        let frame = us_core("Encounter", "us-core-encounter");
        self.add_as(visit.encounter, frame, end, &body);
        visit.problems.reserve(2);
        visit
    }

    /// Puts what the patient has had for long on the problem list.
    pub fn add_chronic_problems(&mut self, visit: &Visit) -> Vec<Known> {
        let problems = std::mem::take(&mut self.person.problems);
        let known = problems
            .iter()
            .map(|&problem| {
                let onset = visit.start.plus(-self.rng.range(0, 900) * DAY);
                let onset = onset.max(self.person.birth.at(0));
                (problem, self.add_condition(visit, problem, onset, None))
            })
            .collect();
        self.person.problems = problems;
        known
    }

    fn add_acute_problem(&mut self, visit: &mut Visit) {
        let problem = self.rng.pick(&ACUTE);
        let onset = visit.start.plus(-self.rng.range(0, 6) * DAY);
        let cured = visit.end.plus(self.rng.range(4, 35) * DAY);
        let onset = onset.max(self.person.birth.at(0));
        let cured = Some(cured).filter(|time| *time < self.end);
        let id = self.add_condition(visit, problem, onset, cured);
        visit.problems.push((problem, id));
    }

    fn add_condition(
        &mut self,
        visit: &Visit,
        problem: &Problem,
        onset: Time,
        cured: Option<Time>,
    ) -> Uuid {
        let acute = visit.kind.reason == Reason::Symptom;
        let status = match cured {
            Some(_) => "resolved",
            None => "active",
        };
        let (category, profile) = if acute {
            (
                tag("condition-category", "encounter-diagnosis"),
                "us-core-condition-encounter-diagnosis",
            )
        } else {
            (
                tag("condition-category", "problem-list-item"),
                "us-core-condition-problems-health-concerns",
            )
        };
        let body = obj! {
            "clinicalStatus": tag("condition-clinical", status),
            "verificationStatus": tag("condition-ver-status", "confirmed"),
            "category": [category],
            "code": obj! {
                "coding": [problem.code, problem.billing],
                "text": problem.code.display,
            },
            "subject": self.patient(),
            "encounter": self.local("Encounter", visit.encounter),
            "onsetDateTime": self.clock(onset),
            "abatementDateTime": cured.map(|time| self.clock(time)),
            "recordedDate": self.clock(visit.start),
            "recorder": self.seen_by(visit),
        };
        let event = cured.unwrap_or(visit.end);
        self.add(us_core("Condition", profile), event, &body)
    }

    fn add_procedure(&mut self, visit: &Visit) -> Code {
        let code = *self.rng.pick(&PROCEDURES);
        let start = visit.start.plus(self.rng.range(60, 300));
        let end = start.plus(self.rng.range(120, 1_800));
        let reason = visit.problems.first().map(|(_, id)| self.local("Condition", *id));
        let body = obj! {
            "status": "completed",
            "code": concept(&code),
            "subject": self.patient(),
            "encounter": self.local("Encounter", visit.encounter),
            "performedPeriod": obj! { "start": self.clock(start), "end": self.clock(end) },
            "performer": [obj! { "actor": self.seen_by(visit) }],
            "reasonReference": [reason],
        };
        self.add(us_core("Procedure", "us-core-procedure"), visit.end, &body);
        code
    }

    fn add_prescriptions(&mut self, visit: &Visit, everything: bool) {
        for (problem, condition) in &visit.problems {
            let Some(drug) = &problem.drug else { continue };
            if everything || self.rng.chance(85) {
                self.add_prescription(visit, drug, *condition, everything);
            }
        }
    }

    /// Three of ten prescriptions name the drug by a Medication resource.
    fn add_prescription(&mut self, visit: &Visit, drug: &Drug, condition: Uuid, by_resource: bool) {
        let medication =
            (by_resource || self.rng.chance(30)).then(|| self.add_medication(visit, drug));
        let current = self.end.0 - visit.end.0 < drug.days * DAY;
        let how_often = if drug.per_day == 1 {
            "daily".to_owned()
        } else {
            format!("{} times a day", drug.per_day)
        };
        let when = if drug.as_needed { " as needed" } else { "" };
        let body = obj! {
            "status": if current { "active" } else { "completed" },
            "intent": "order",

            "medicationCodeableConcept": medication.is_none().then(|| concept(&drug.code)),
            "medicationReference": medication.map(|id| self.local("Medication", id)),
            "subject": self.patient(),
            "encounter": self.local("Encounter", visit.encounter),
            "authoredOn": self.clock(visit.start.plus(600)),
            "requester": self.seen_by(visit),
            "reasonReference": [self.local("Condition", condition)],
            "dosageInstruction": [obj! {
                "sequence": 1_usize,
                "text": format_args!("Take 1 {how_often}{when}"),
                "timing": obj! { "repeat": obj! {
                    "frequency": drug.per_day,
                    "period": Decimal(10, 1),
                    "periodUnit": "d",
                } },
                "asNeededBoolean": drug.as_needed,
                "route": coded(&drug.route),

            }],
            "dispenseRequest": obj! {
                "quantity": obj! { "value": drug.days * drug.per_day },
            },
        };
        let frame = us_core("MedicationRequest", "us-core-medicationrequest");
        self.add(frame, visit.end, &body);
    }

    fn add_medication(&mut self, visit: &Visit, drug: &Drug) -> Uuid {
        let lot = self.rng.range(1_000, 9_999);
        let expires = visit.end.date().plus(self.rng.range(200, 900));
        let body = obj! {
            "code": concept(&drug.code),
            "status": "active",
            "form": coded(&drug.form),
            "batch": obj! {
                "lotNumber": format_args!("L{lot}"),
                "expirationDate": expires,
            },
        };
        let frame = us_core("Medication", "us-core-medication");
        self.add(frame, visit.end, &body)
    }

    /// The seasonal vaccinations, and one of those for the patient's age.
    fn add_immunizations(&mut self, visit: &Visit) {
        let child = self.person.age_on(visit.start.date()) < 18;
        let for_age: &[Code] = if child { &CHILD_VACCINES } else { &ADULT_VACCINES };
        let [flu, covid] = &SEASONAL_VACCINES;
        if self.rng.chance(50) {
            self.add_immunization(visit, flu);
        }
        if self.rng.chance(35) {
            self.add_immunization(visit, covid);
        }
        if self.rng.chance(30) {
            let vaccine = self.rng.pick(for_age);
            self.add_immunization(visit, vaccine);
        }
    }

    fn add_immunization(&mut self, visit: &Visit, vaccine: &Code) {
        let refused = self.rng.chance(6);
        let lot = self.rng.range(10_000, 99_999);

        let given = !refused;
        let reason = refused.then(|| term("v3-ActReason", "PATOBJ", "patient objection"));
        let body = obj! {
            "status": if given { "completed" } else { "not-done" },
            "statusReason": reason,
            "vaccineCode": coded(vaccine),
            "patient": self.patient(),
            "encounter": self.local("Encounter", visit.encounter),
            "occurrenceDateTime": self.clock(visit.start),
            "primarySource": true,
                        "lotNumber": given.then(|| format!("V{lot}")),

            "site": given.then(|| coded(&DELTOID)),
            "doseQuantity": given.then(|| quantity(Decimal(50, 2), "mL", "mL")),
            "performer": [obj! { "actor": self.seen_by(visit) }],
        };
        let frame = us_core("Immunization", "us-core-immunization");
        self.add(frame, visit.end, &body);
    }

    /// A note as plain text, inline in base64.
    fn add_note(&mut self, visit: &Visit, vitals: &Vitals) {
        let text = self.note_text(visit, vitals);
        let kind = match visit.kind.reason {
            Reason::Wellness => HISTORY_NOTE,
            _ => PROGRESS_NOTE,
        };
        let category = obj! {
            "coding": [obj! {
                "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
                "code": "clinical-note",
            }],
        };

        let body = obj! {

            "status": "current",
            "type": coded(&kind),
            "category": [category],
            "subject": self.patient(),
            "date": self.clock(visit.end),
            "author": [self.seen_by(visit)],

            "content": [obj! {
                "attachment": obj! {
                    "contentType": "text/plain; charset=utf-8",

                    "data": base64(text.as_bytes()),
                    "title": kind.display,
                },
            }],
            "context": obj! { "encounter": [self.local("Encounter", visit.encounter)] },
        };
        let frame = us_core("DocumentReference", "us-core-documentreference");
        self.add(frame, visit.end, &body);
    }

    fn note_text(&mut self, visit: &Visit, vitals: &Vitals) -> String {
        const PLANS: [&str; 5] = [
            "Continue the present treatment. Return sooner if anything gets worse.",
            "Rest, fluids, and a call to the office if fever lasts beyond three days.",
            "Laboratory results to be discussed by telephone.",
            "Daily walk of thirty minutes; keep a diary of meals until the next visit.",
            "Medication list reviewed with the patient, no changes today.",
        ];
        let date = self.clock(visit.start).date();
        let person = &self.person;
        let age = person.age_on(date);
        let [first, _] = person.given;
        let (they, their) = if person.female { ("She", "Her") } else { ("He", "His") };
        let mut text = format!(
            "{date}\n\n# Reason for visit\n{}.\n\n# History\n{first} {} is {age} years old.",
            visit.kind.kind.display, person.family,
        );
        if visit.problems.is_empty() {
            push_fmt(&mut text, format_args!(" {they} reports no complaints."));
        }
        for (problem, _) in &visit.problems {
            let name = problem.code.display;
            push_fmt(&mut text, format_args!(" {their} record shows: {name}."));
        }
        if let Some(vitals) = vitals {
            let (systolic, diastolic, weight) = vitals;
            push_fmt(
                &mut text,
                format_args!(
                    "\n\n# Findings\nBlood pressure {systolic}/{diastolic} mmHg, weight {weight} kg. \
                     Heart and lungs without findings, abdomen soft, no edema."
                ),
            );
        }
        let plan = self.rng.pick(&PLANS);
        push_fmt(&mut text, format_args!("\n\n# Plan\n- {plan}\n"));
        text
    }
}
