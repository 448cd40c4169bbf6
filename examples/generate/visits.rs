//! What happens at visits: encounters, conditions, procedures and notes.

use crate::billing::Coverage;
use crate::chart::{Chart, Visit};
use crate::codes::{
    ACUTE, CHECK_UP, Code, ECG, HISTORY_NOTE, MIME_TYPE_SUFFICES, PROCEDURES, PROGRESS_NOTE,
    Problem, Reason, VisitKind, coded, concept, tag, term,
};
use crate::json::{Json, base64, obj, push_fmt};
use crate::random::Uuid;
use crate::resource::us_core;
use crate::time::{DAY, Time};
use crate::vitals::Vitals;

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
        if visit.kind.reason == Reason::Wellness {
            self.add_social_history(visit, everything);
        }
        if everything || (visit.kind.in_person() && self.rng.chance(self.volume.lab_percent)) {
            billed.extend(self.add_labs(visit, everything));
        }
        if everything || self.rng.chance(42) {
            billed.extend(self.add_procedure(visit, everything));
        }
        self.add_prescriptions(visit, everything);
        if visit.kind.reason == Reason::Wellness {
            self.add_immunizations(visit, everything);
        }
        if everything || self.rng.chance(36) {
            self.add_note(visit, vitals.as_ref());
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
        let number = self.rng.range(10_000_000, 99_999_999);
        let reason = self.reason_of(kind);
        let body = obj! {
            "identifier": [obj! {
                "system": "https://records.example.org/encounter",
                "value": format_args!("E{number}"),
            }],
            "status": "finished",
            "class": obj! {
                "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
                "code": class,
                "display": display,
            },
            "type": [coded(&kind.kind)],
            "subject": self.patient(),
            "participant": [obj! {
                "type": [term("v3-ParticipationType", "PPRF", "primary performer")],
                "period": period,
                "individual": self.seen_by(&visit),
            }],
            "period": period,
            "reasonCode": [reason],
            "hospitalization": home,
            "location": [obj! { "location": self.style.shared(location) }],
            "serviceProvider": self.seen_at(&visit),
        };
        let frame = us_core("Encounter", "us-core-encounter");
        self.add_as(visit.encounter, frame, end, &body);
        visit.problems.reserve(2);
        visit
    }

    /// Why the patient comes, in words and a code.
    fn reason_of(&self, kind: &VisitKind) -> Option<Json> {
        match kind.reason {
            Reason::Wellness => Some(concept(&CHECK_UP)),
            Reason::FollowUp => self.person.problems.first().map(|problem| concept(&problem.code)),
            Reason::Symptom => None,
        }
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

    /// Something that is done at that age, for an order where it is planned.
    fn add_procedure(&mut self, visit: &Visit, everything: bool) -> Option<Code> {
        let (code, from) = *self.rng.pick(&PROCEDURES);
        if self.person.age_on(visit.start.date()) < from {
            return None;
        }
        let start = visit.start.plus(self.rng.range(60, 300));
        let end = start.plus(self.rng.range(120, 1_800));
        let long = self.rng.chance(50) && !everything;
        let order = (everything || self.rng.chance(25)).then(|| self.add_order(visit, &code));
        let reason = visit.problems.first().map(|(_, id)| self.local("Condition", *id));
        let period = obj! { "start": self.clock(start), "end": self.clock(end) };
        let body = obj! {
            "basedOn": [order.map(|id| self.local("ServiceRequest", id))],
            "status": "completed",
            "code": concept(&code),
            "subject": self.patient(),
            "encounter": self.local("Encounter", visit.encounter),
            "performedDateTime": (!long).then(|| self.clock(start)),
            "performedPeriod": long.then_some(period),
            "performer": [obj! { "actor": self.seen_by(visit) }],
            "reasonReference": [reason],
        };
        self.add(us_core("Procedure", "us-core-procedure"), visit.end, &body);
        if everything || code.code == ECG {
            self.add_heart_report(visit);
        }
        Some(code)
    }

    /// A note as plain text, inline in base64.
    fn add_note(&mut self, visit: &Visit, vitals: Option<&Vitals>) {
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

        let number = self.rng.range(10_000_000, 99_999_999);
        let period = obj! { "start": self.clock(visit.start), "end": self.clock(visit.end) };
        let body = obj! {
            "identifier": [obj! {
                "system": "https://records.example.org/note",
                "value": format_args!("N{number}"),
            }],
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
                "format": MIME_TYPE_SUFFICES,
            }],
            "context": obj! {
                "encounter": [self.local("Encounter", visit.encounter)],
                "period": period,
            },
        };
        let frame = us_core("DocumentReference", "us-core-documentreference");
        self.add(frame, visit.end, &body);
    }

    fn note_text(&mut self, visit: &Visit, vitals: Option<&Vitals>) -> String {
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
        if let Some(Vitals { pressure, weight }) = vitals {
            text.push_str("\n\n# Findings\n");
            if let Some((systolic, diastolic)) = pressure {
                push_fmt(&mut text, format_args!("Blood pressure {systolic}/{diastolic} mmHg. "));
            }
            push_fmt(
                &mut text,
                format_args!(
                    "Weight {weight} kg. Heart and lungs without findings, abdomen soft, no edema."
                ),
            );
        }
        let plan = self.rng.pick(&PLANS);
        push_fmt(&mut text, format_args!("\n\n# Plan\n- {plan}\n"));
        text
    }
}
