//! What all observations have in common. `vitals.rs`, `laboratory.rs` and `social.rs` say what is observed.

use crate::chart::{Chart, Visit};
use crate::codes::{Code, quantity, tag};
use crate::json::{Json, Object, ToJson, obj};
use crate::random::Uuid;
use crate::resource::Frame;
use crate::time::Time;

/// Categories of observations.
pub const VITAL_SIGNS: &str = "vital-signs";
pub const LABORATORY: &str = "laboratory";
pub const SOCIAL_HISTORY: &str = "social-history";
pub const PROCEDURE: &str = "procedure";

impl Chart<'_> {
    /// Adds an observation made at a visit. `result` has the elements from the value on.
    pub fn add_observation(
        &mut self,
        visit: &Visit,
        frame: Frame,
        category: &str,
        codes: &[Code],
        result: &Json,
    ) -> Uuid {
        let categories = [tag("observation-category", category)];
        self.add_categorized(visit, frame, &categories, codes, result)
    }

    pub fn add_categorized(
        &mut self,
        visit: &Visit,
        frame: Frame,
        categories: &[Json],
        codes: &[Code],
        result: &Json,
    ) -> Uuid {
        let is_laboratory = categories[0].as_str().contains(LABORATORY);
        let known = if is_laboratory { reported(visit) } else { visit.start };
        let mut body = Object::new();
        body.reserve(700);
        body.field("status", "final");
        body.field("category", categories);
        body.field("code", &obj! { "coding": codes });
        body.field("subject", &self.patient());
        body.field("encounter", &self.local("Encounter", visit.encounter));
        body.field("effectiveDateTime", &self.clock(visit.start));
        body.extend(result);
        self.add(frame, known, &body.close())
    }
}

/// A component with a quantity.
pub fn component(code: &Code, value: impl ToJson, unit: &str, ucum: &str) -> Json {
    obj! {
        "code": obj! { "coding": [code] },
        "valueQuantity": quantity(value, unit, ucum),
    }
}

/// Blood tests are done some hours after the visit began.
pub fn reported(visit: &Visit) -> Time {
    visit.start.plus(5 * 3600)
}
