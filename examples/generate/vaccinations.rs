//! Vaccinations, as they are given at the patient's age.

use crate::chart::{Chart, Visit};
use crate::codes::{
    ADULT_VACCINES, CHILD_VACCINES, Code, DELTOID, SEASONAL_VACCINES, coded, quantity, term,
};
use crate::json::{Decimal, obj};
use crate::resource::us_core;
use crate::time::Date;

/// Vaccines against COVID-19 were given from then on, to people from twelve.
const COVID_VACCINES_SINCE: Date = Date::ymd(2021, 5, 13);

impl Chart<'_> {
    /// The seasonal vaccinations, and one of those for the patient's age. `refusing`: one is refused.
    pub fn add_immunizations(&mut self, visit: &Visit, refusing: bool) {
        let date = visit.start.date();
        let (age, months) = (self.person.age_on(date), self.person.months_on(date));
        let for_age: &[(Code, i64)] = if age < 18 { &CHILD_VACCINES } else { &ADULT_VACCINES };
        let [flu, covid] = &SEASONAL_VACCINES;
        if refusing || (months >= 6 && self.rng.chance(50)) {
            let refused = refusing || self.rng.chance(6);
            self.add_immunization(visit, flu, refused);
        }
        if age >= 12 && date >= COVID_VACCINES_SINCE && self.rng.chance(35) {
            let refused = self.rng.chance(6);
            self.add_immunization(visit, covid, refused);
        }
        let (vaccine, from) = self.rng.pick(for_age);
        let due = if age < 3 { 80 } else { 30 };
        if months >= 2 && age >= *from && self.rng.chance(due) {
            self.add_immunization(visit, vaccine, false);
        }
    }

    fn add_immunization(&mut self, visit: &Visit, vaccine: &Code, refused: bool) {
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
}
