//! What goes with a patient beyond single visits: allergies, plans, goals and
//! teams of care, and where the data came from.

use std::collections::BTreeSet;

use crate::chart::Chart;
use crate::codes::{
    A1C, ALLERGENS, CARE_PATIENT, CARE_PROFESSIONAL, Care, Code, DIABETES, DIABETES_CARE,
    HYPERTENSION, HYPERTENSION_CARE, SYSTOLIC, code, coded, concept, quantity, tag, term,
};
use crate::json::{Decimal, Json, obj};
use crate::random::Uuid;
use crate::resource::{narrative, us_core};
use crate::time::{DAY, Time};
use crate::visits::Known;

impl Chart<'_> {
    pub fn add_allergies(&mut self) {
        let count = match self.rng.range(0, 99) {
            0..60 => i64::from(self.person.complete),
            60..85 => 1,
            _ => 2,
        };
        let first = self.rng.range(0, ALLERGENS.len() as i64 - 1);
        for nth in 0..count {
            self.add_allergy((first + nth) as usize % ALLERGENS.len());
        }
    }

    fn add_allergy(&mut self, which: usize) {
        let allergen = &ALLERGENS[which];
        let severe = allergen.reaction.display.starts_with("Anaphylaxis");
        let since = self.back(9 * 365, self.end);
        let body = obj! {
            "clinicalStatus": tag("allergyintolerance-clinical", "active"),
            "verificationStatus": tag("allergyintolerance-verification", "confirmed"),
            "type": "allergy",
            "category": [allergen.category],
            "criticality": if severe { "high" } else { "low" },
            "code": concept(&allergen.code),
            "patient": self.patient(),
            "recordedDate": self.clock(since),
            "recorder": self.style.shared(self.practitioner()),
            "reaction": [obj! {
                "manifestation": [concept(&allergen.reaction)],
                "severity": if severe { "severe" } else { "mild" },
            }],
        };
        let frame = us_core("AllergyIntolerance", "us-core-allergyintolerance");
        self.add(frame, since, &body);
    }

    /// A plan with its team and goal for each problem that has a plan.
    pub fn add_care(&mut self, chronic: &[Known]) {
        for (problem, condition) in chronic {
            if problem.code.code == DIABETES.code.code {
                let limit = quantity(Decimal(70, 1), "%", "%");
                self.add_care_plan(&DIABETES_CARE, &A1C.code, &limit, *condition);
            } else if problem.code.code == HYPERTENSION.code.code {
                let limit = quantity(130_i64, "mmHg", "mm[Hg]");
                self.add_care_plan(&HYPERTENSION_CARE, &SYSTOLIC, &limit, *condition);
            }
        }
    }

    fn add_care_plan(&mut self, care: &Care, measure: &Code, limit: &Json, condition: Uuid) {
        let since = self.back(3 * 365, self.end);
        let team = self.add_care_team(care, since, condition);
        let goal = self.add_goal(care, measure, limit, since, condition);
        let activity = |code: &Code| {
            obj! { "detail": obj! {
                "code": coded(code),
                "status": "in-progress",
            } }
        };
        let [first, second] = &care.activities;
        let category = obj! {
            "coding": [code(
                "http://hl7.org/fhir/us/core/CodeSystem/careplan-category",
                "assess-plan",
                "Assessment and Plan of Treatment",
            )],
        };
        let (plan, what, why) = (care.plan.display, first.display, second.display);
        let body = obj! {
            "text": narrative(format_args!("{plan}: {what}, {why}")),
            "status": "active",
            "intent": "order",
            "category": [category, concept(&care.plan)],
            "subject": self.patient(),
            "period": obj! { "start": self.clock(since) },
            "author": self.style.shared(self.practitioner()),
            "careTeam": [self.local("CareTeam", team)],
            "addresses": [self.local("Condition", condition)],
            "goal": [self.local("Goal", goal)],
            "activity": [activity(first), activity(second)],
        };
        self.add(us_core("CarePlan", "us-core-careplan"), since, &body);
    }

    fn add_care_team(&mut self, care: &Care, since: Time, condition: Uuid) -> Uuid {
        let clinic = &self.region.organizations[1];
        let member = |role: &Code, who: Json| {
            obj! { "role": [coded(role)], "member": who }
        };
        let body = obj! {
            "status": "active",
            "name": format_args!("Team for {}", care.plan.display),
            "subject": self.patient(),
            "period": obj! { "start": self.clock(since) },
            "participant": [
                member(&CARE_PATIENT, self.patient()),
                member(&CARE_PROFESSIONAL, self.style.shared(self.practitioner())),
                member(&CARE_PROFESSIONAL, self.style.shared(clinic)),
            ],
            "reasonReference": [self.local("Condition", condition)],
            "managingOrganization": [self.style.shared(clinic)],
        };
        self.add(us_core("CareTeam", "us-core-careteam"), since, &body)
    }

    fn add_goal(
        &mut self,
        care: &Care,
        measure: &Code,
        limit: &Json,
        since: Time,
        condition: Uuid,
    ) -> Uuid {
        let body = obj! {
            "lifecycleStatus": "active",
            "achievementStatus": term("goal-achievement", "in-progress", "In Progress"),
            "description": obj! { "text": care.goal },
            "subject": self.patient(),
            "startDate": since.date(),
            "target": [obj! {
                "measure": concept(measure),
                "detailRange": obj! { "high": limit },
                "dueDate": since.date().plus(365),
            }],
            "expressedBy": self.style.shared(self.practitioner()),
            "addresses": [self.local("Condition", condition)],
        };
        self.add(us_core("Goal", "us-core-goal"), since, &body)
    }

    /// Tells who sent the patient and one resource of each kind in the chart.
    pub fn add_provenance(&mut self) {
        let mut known = BTreeSet::new();
        let target: Vec<Json> = self
            .resources
            .iter()
            .filter(|resource| known.insert((resource.kind, resource.profile)))
            .map(|resource| self.local(resource.kind, resource.id))
            .collect();
        let recorded = self.end;
        let clinic = self.style.shared(&self.region.organizations[1]);
        let agent = |kind: Json, who: Json| {
            obj! { "type": kind, "who": who, "onBehalfOf": clinic }
        };
        let transmitter = obj! {
            "coding": [code(
                "http://hl7.org/fhir/us/core/CodeSystem/us-core-provenance-participant-type",
                "transmitter",
                "Transmitter",
            )],
        };
        let author = term("provenance-participant-type", "author", "Author");
        let body = obj! {
            "target": target,
            "recorded": self.clock(recorded),
            "activity": term("v3-DataOperation", "CREATE", "create"),
            "agent": [
                agent(author, self.style.shared(self.practitioner())),
                obj! { "type": transmitter, "who": clinic },
            ],
        };
        let frame = us_core("Provenance", "us-core-provenance");
        self.add(frame, recorded, &body);
    }

    /// A time of the last `days` days before `end`, but in the patient's life.
    pub fn back(&mut self, days: i64, end: Time) -> Time {
        let born = self.person.birth.at(0);
        end.plus(-self.rng.range(30 * DAY, days * DAY)).max(born)
    }
}
