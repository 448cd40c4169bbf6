//! `updateCadence`: how often a published dataset is expected to change.
//!
//! <https://hl7.org/fhir/uv/bulkdata/publish.html>: an ISO 8601 duration, by which clients choose when to
//! ask again.

use std::fmt;
use std::str::FromStr;

/// An ISO 8601 duration, such as `P1D` or `PT15M`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateCadence(String);

impl Default for UpdateCadence {
    /// A day.
    fn default() -> UpdateCadence {
        UpdateCadence("P1D".to_owned())
    }
}

impl fmt::Display for UpdateCadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UpdateCadence {
    type Err = String;

    /// Reads a duration longer than nothing.
    ///
    /// # Errors
    /// The right form.
    fn from_str(text: &str) -> Result<UpdateCadence, String> {
        let (date, time) = match text.strip_prefix('P').and_then(|rest| rest.split_once('T')) {
            Some((date, time)) => (date, Some(time)),
            None => (text.strip_prefix('P').unwrap_or_default(), None),
        };
        let is_right = match time {
            None => !date.is_empty() && has_units(date, "YMWD"),
            Some(time) => has_units(date, "YMWD") && !time.is_empty() && has_units(time, "HMS"),
        };
        if is_right && text.bytes().any(|b| matches!(b, b'1'..=b'9')) {
            return Ok(UpdateCadence(text.to_owned()));
        }
        Err(format!("{text:?} should be a duration of ISO 8601, such as P1D or PT15M"))
    }
}

/// True for whole numbers, each before one of `units`, in their order.
fn has_units(text: &str, units: &str) -> bool {
    let mut units = units.chars();
    let mut digits = 0;
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits += 1;
        } else if digits == 0 || digits > 9 || !units.any(|unit| unit == c) {
            return false;
        } else {
            digits = 0;
        }
    }
    digits == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_iso_8601() {
        for right in ["P1D", "PT15M", "P1Y2M3W4DT5H6M7S", "PT36H", "P0DT1S", "P7D"] {
            assert_eq!(right.parse::<UpdateCadence>().unwrap().to_string(), right);
        }
        for wrong in [
            "",
            "P",
            "PT",
            "P1",
            "1D",
            "P1DT",
            "P1H",
            "PT1D",
            "PD",
            "P1D1Y",
            "P1D1D",
            "p1d",
            "P0D",
            "PT0S",
            "P-1D",
            "P1.5D",
            "P1D ",
            "P12345678901D",
            "24h",
        ] {
            assert!(wrong.parse::<UpdateCadence>().is_err(), "{wrong}");
        }
    }
}
