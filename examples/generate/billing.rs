//! Money: coverage, claims, and what the insurer answers to them.

use crate::chart::{Chart, Visit};
use crate::codes::{Code, LOINC, coded, tag, term};
use crate::json::{Decimal, Json, obj};
use crate::random::Uuid;
use crate::resource::{Shared, base, us_core};
use crate::time::{DAY, Date, Time};

/// The patient's insurance.
pub struct Coverage<'a> {
    id: Uuid,
    payer: &'a Shared,
}

/// Something on the bill, in cents.
struct Item {
    code: Code,
    price: i64,
}

impl<'a> Chart<'a> {
    pub fn add_coverage(&mut self) -> Coverage<'a> {
        let payers = self.payers;
        let payer = self.rng.pick(payers);
        let number = self.rng.range(100_000_000, 999_999_999);
        let since = Date::ymd(self.end.date().parts().0 - self.rng.range(0, 6), 1, 1);
        let since = since.max(self.person.birth);
        let relationship = tag("subscriber-relationship", "self");
        let group = self.rng.range(1_000, 9_999);
        let plan = *self.rng.pick(&["Bronze", "Silver", "Gold"]);

        let body = obj! {
            "identifier": [obj! {
                "type": term("v2-0203", "MB", "Member Number"),
                "system": "https://payers.example.org/member",
                "value": format_args!("M{number}"),
            }],
            "status": "active",
            "type": term("v3-ActCode", "EHCPOL", "extended healthcare"),
            "subscriberId": format_args!("M{number}"),
            "beneficiary": self.patient(),
            "relationship": relationship,
            "period": obj! { "start": since },
            "payor": [self.style.named(payer)],
            "class": [
                class("group", &format!("G{group}"), "Employees"),
                class("plan", plan, plan),
            ],
        };
        let frame = us_core("Coverage", "us-core-coverage");
        let id = self.add(frame, since.at(0), &body);
        Coverage { id, payer }
    }

    /// Sends the bill for a visit, and settles it.
    pub fn add_claim(&mut self, visit: &Visit, billed: &[Code], coverage: &Coverage) {
        let items: Vec<Item> = billed
            .iter()
            .enumerate()
            .map(|(nth, code)| Item {
                code: *code,
                price: match nth {
                    0 => visit.kind.cost_in_cents,
                    _ if code.system == LOINC => self.rng.range(18, 90) * 100,
                    _ => self.rng.range(2_500, 48_000) / 5 * 5,
                },
            })
            .collect();
        let created = visit.end.plus(self.rng.range(1, 3) * DAY);
        let claim = self.send_claim(visit, &items, coverage, created);
        self.settle_claim(visit, &items, coverage, claim, created);
    }

    fn send_claim(
        &mut self,
        visit: &Visit,
        items: &[Item],
        coverage: &Coverage,
        created: Time,
    ) -> Uuid {
        let total = items.iter().map(|item| item.price).sum();
        let lines: Vec<Json> = items
            .iter()
            .enumerate()
            .map(|(nth, item)| {
                let encounter = (nth == 0).then(|| self.local("Encounter", visit.encounter));
                obj! {
                    "sequence": nth + 1,
                    "diagnosisSequence": (nth == 0).then(|| diagnosis_numbers(visit)),
                    "productOrService": coded(&item.code),
                    "net": money(item.price),
                    "encounter": [encounter],
                }
            })
            .collect();
        let body = obj! {
            "status": "active",
            "type": claim_type(visit),
            "use": "claim",
            "patient": self.patient(),
            "billablePeriod": self.billable_period(visit),
            "created": self.clock(created),
            "provider": self.seen_at(visit),
        "priority": tag("processpriority", "normal"),
            "diagnosis": self.diagnoses(visit),
            "insurance": [obj! {
                "sequence": 1_usize,
                "focal": true,
                "coverage": self.local("Coverage", coverage.id),
            }],
            "item": lines,
            "total": money(total),
        };
        self.add(base("Claim"), created, &body)
    }

    fn settle_claim(
        &mut self,
        visit: &Visit,
        items: &[Item],
        coverage: &Coverage,
        claim: Uuid,
        created: Time,
    ) {
        let settled = created.plus(self.rng.range(3, 20) * DAY);
        let share = 100 - self.rng.range(1, 6) * 5;
        let total: i64 = items.iter().map(|item| item.price).sum();
        let lines: Vec<Json> = items
            .iter()
            .enumerate()
            .map(|(nth, item)| {
                let paid = item.price * share / 100;
                obj! {
                    "sequence": nth + 1,


                    "productOrService": coded(&item.code),
                    "servicedDate": self.clock(visit.start).date(),
                    "net": money(item.price),
                    "adjudication": [

                        adjudication("benefit", paid),
                    ],
                }
            })
            .collect();
        let paid = items.iter().map(|item| item.price * share / 100).sum();
        let body = obj! {
            "identifier": [obj! {
                "system": "https://payers.example.org/explanation",
                "value": self.rng.uuid(),
            }],
            "status": "active",
            "type": claim_type(visit),
            "use": "claim",
            "patient": self.patient(),
            "billablePeriod": self.billable_period(visit),
            "created": self.clock(settled),
            "insurer": self.style.shared(coverage.payer),
            "provider": self.seen_at(visit),
            "claim": self.local("Claim", claim),
            "outcome": "complete",
            "careTeam": [obj! { "sequence": 1_usize, "provider": self.seen_by(visit) }],
            "diagnosis": self.diagnoses(visit),
            "insurance": [obj! {
                "focal": true,
                "coverage": self.local("Coverage", coverage.id),
            }],
            "item": lines,
            "total": [
                adjudication("submitted", total),
                adjudication("benefit", paid),
            ],
            "payment": obj! {

                "date": settled.date(),
                "amount": money(paid),
            },
        };
        self.add(base("ExplanationOfBenefit"), settled, &body);
    }

    fn billable_period(&self, visit: &Visit) -> Json {
        obj! { "start": self.clock(visit.start), "end": self.clock(visit.end) }
    }

    fn diagnoses(&self, visit: &Visit) -> Vec<Json> {
        visit
            .problems
            .iter()
            .enumerate()
            .map(|(nth, (_, condition))| {
                obj! {
                    "sequence": nth + 1,
                    "diagnosisReference": self.local("Condition", *condition),
                }
            })
            .collect()
    }
}

fn diagnosis_numbers(visit: &Visit) -> Vec<usize> {
    (1..=visit.problems.len()).collect()
}

fn claim_type(visit: &Visit) -> Json {
    if visit.kind.overnight() {
        tag("claim-type", "institutional")
    } else {
        tag("claim-type", "professional")
    }
}

fn money(cents: i64) -> Json {
    obj! { "value": Decimal(cents, 2), "currency": "USD" }
}

/// A class of coverage, such as its group or its plan.
fn class(kind: &str, value: &str, name: &str) -> Json {
    obj! { "type": tag("coverage-class", kind), "value": value, "name": name }
}

fn adjudication(code: &str, cents: i64) -> Json {
    obj! {
        "category": tag("adjudication", code),
        "amount": money(cents),
    }
}
