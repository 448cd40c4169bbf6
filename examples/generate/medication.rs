//! Drugs: prescriptions, Medications, and what the pharmacy hands over.

use crate::chart::{Chart, Visit};
use crate::codes::{Drug, UCUM, code, coded, concept, quantity, tag, term};
use crate::json::{Decimal, Json, obj};
use crate::random::Uuid;
use crate::resource::us_core;
use crate::time::DAY;

impl Chart<'_> {
    pub fn add_prescriptions(&mut self, visit: &Visit, everything: bool) {
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
        let repeats = if drug.as_needed || drug.days < 30 { 0 } else { self.rng.range(1, 3) };
        let current = self.end.0 - visit.end.0 < drug.days * (1 + repeats) * DAY;
        let setting = if visit.kind.overnight() {
            term("medicationrequest-category", "inpatient", "Inpatient")
        } else {
            term("medicationrequest-category", "community", "Community")
        };
        let body = obj! {
            "status": if current { "active" } else { "completed" },
            "intent": "order",
            "category": [setting],
            "reportedBoolean": false,
            "medicationCodeableConcept": medication.is_none().then(|| concept(&drug.code)),
            "medicationReference": medication.map(|id| self.local("Medication", id)),
            "subject": self.patient(),
            "encounter": self.local("Encounter", visit.encounter),
            "authoredOn": self.clock(visit.start.plus(600)),
            "requester": self.seen_by(visit),
            "reasonReference": [self.local("Condition", condition)],
            "dosageInstruction": [dosage(drug)],
            "dispenseRequest": obj! {
                "numberOfRepeatsAllowed": repeats,
                "quantity": amount(drug),
            },
        };
        let frame = us_core("MedicationRequest", "us-core-medicationrequest");
        let request = self.add(frame, visit.end, &body);
        if by_resource || self.rng.chance(30) {
            self.add_dispense(visit, drug, medication, request);
        }
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

    fn add_dispense(
        &mut self,
        visit: &Visit,
        drug: &Drug,
        medication: Option<Uuid>,
        request: Uuid,
    ) {
        let handed = visit.end.plus(self.rng.range(1, 40) * 3_600);
        let first = code("http://terminology.hl7.org/CodeSystem/v3-ActCode", "FF", "First Fill");
        let body = obj! {
            "status": "completed",
            "medicationCodeableConcept": medication.is_none().then(|| concept(&drug.code)),
            "medicationReference": medication.map(|id| self.local("Medication", id)),
            "subject": self.patient(),
            "context": self.local("Encounter", visit.encounter),
            "performer": [obj! { "actor": self.seen_at(visit) }],
            "authorizingPrescription": [self.local("MedicationRequest", request)],
            "type": coded(&first),
            "quantity": amount(drug),
            "daysSupply": quantity(drug.days, "d", "d"),
            "whenHandedOver": self.clock(handed),
            "dosageInstruction": [dosage(drug)],
        };
        let frame = us_core("MedicationDispense", "us-core-medicationdispense");
        self.add(frame, handed, &body);
    }
}

/// What is taken, in the form's own unit.
fn amount(drug: &Drug) -> Json {
    let count =
        if drug.form.display.starts_with("Solution") { 1 } else { drug.days * drug.per_day };
    obj! { "value": count, "unit": drug.form.display, "code": "{unit}", "system": UCUM }
}

fn dosage(drug: &Drug) -> Json {
    let how_often = if drug.per_day == 1 {
        "daily".to_owned()
    } else {
        format!("{} times a day", drug.per_day)
    };
    let when = if drug.as_needed { " as needed" } else { "" };
    let ordered = tag("dose-rate-type", "ordered");
    obj! {
        "sequence": 1_usize,
        "text": format_args!("Take 1 {how_often}{when}"),
        "timing": obj! { "repeat": obj! {
            "frequency": drug.per_day,
            "period": Decimal(10, 1),
            "periodUnit": "d",
        } },
        "asNeededBoolean": drug.as_needed,
        "route": coded(&drug.route),
        "doseAndRate": [obj! {
            "type": ordered,
            "doseQuantity": obj! {
                "value": 1_usize,
                "unit": drug.form.display,
                "system": UCUM,
                "code": "{unit}",
            },
        }],
    }
}
