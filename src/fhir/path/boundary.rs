//! `lowBoundary()` and `highBoundary()`: the least and the greatest value that a value of limited
//! precision may stand for.
//!
//! <https://hl7.org/fhirpath/#lowboundaryprecision-integer-decimal-date-datetime-time>. Decimals give
//! half a unit of their last digit more or less, dates a day, dateTimes and times milliseconds; a
//! dateTime without a zone has the zone that makes it earliest or latest. A precision cannot be
//! asked for.

use chrono::{Datelike, Months, NaiveDate};

use super::decimal::Decimal;
use super::temporal::{Temporal, TemporalKind};

/// Which end of what a value may stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    Low,
    High,
}

impl Boundary {
    /// The boundary of a number that was rounded to the digits it has.
    pub fn of_decimal(self, decimal: &Decimal) -> Option<Decimal> {
        match self {
            Boundary::Low => decimal.subtract(&decimal.half_unit()),
            Boundary::High => decimal.add(&decimal.half_unit()),
        }
    }

    /// The boundary of a date, a dateTime or a time, as text of the same kind.
    pub fn of_temporal(self, temporal: &Temporal<'_>) -> Option<String> {
        let [year, month, day, hour, minute, second] = temporal.parts;
        let or = |place: usize, said: u32, low: u32, high: u32| match self {
            _ if temporal.precision > place => said,
            Boundary::Low => low,
            Boundary::High => high,
        };
        let month = or(1, month, 1, 12);
        let date = || {
            let day = or(2, day, 1, last_day(year, month)?);
            Some(format!("{year:04}-{month:02}-{day:02}"))
        };
        let filler = if self == Boundary::Low { '0' } else { '9' };
        let mut fraction = temporal.fraction.to_owned();
        while fraction.len() < 3 {
            fraction.push(filler);
        }
        let (hour, minute) = (or(3, hour, 0, 23), or(4, minute, 0, 59));
        let second = or(5, second, 0, 59);
        let time = format!("{hour:02}:{minute:02}:{second:02}.{fraction}");
        let zone = match self {
            _ if !temporal.zone.is_empty() => temporal.zone,
            Boundary::Low => "+14:00",
            Boundary::High => "-12:00",
        };
        Some(match temporal.kind {
            TemporalKind::Date => date()?,
            TemporalKind::DateTime => format!("{}T{time}{zone}", date()?),
            TemporalKind::Time => time,
        })
    }
}

/// The last day of a month.
fn last_day(year: u32, month: u32) -> Option<u32> {
    let first = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, 1)?;
    Some(first.checked_add_months(Months::new(1))?.pred_opt()?.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_reach_half_a_unit_to_both_sides() {
        for (lexeme, low, high) in [
            ("1.0", "0.95", "1.05"),
            ("1", "0.5", "1.5"),
            ("-1.50", "-1.505", "-1.495"),
            ("0", "-0.5", "0.5"),
            ("1e2", "50", "150"),
        ] {
            let decimal = Decimal::parse(lexeme).unwrap();
            let of = |boundary: Boundary| boundary.of_decimal(&decimal).unwrap().to_string();
            assert_eq!((&*of(Boundary::Low), &*of(Boundary::High)), (low, high), "{lexeme}");
        }
    }

    #[test]
    fn dates_and_times_reach_the_ends_of_what_they_leave_open() {
        use TemporalKind::{Date, DateTime, Time};
        for (kind, text, low, high) in [
            (Date, "1970-06", "1970-06-01", "1970-06-30"),
            (Date, "2020", "2020-01-01", "2020-12-31"),
            (Date, "2020-02", "2020-02-01", "2020-02-29"),
            (Date, "9999-12", "9999-12-01", "9999-12-31"),
            (Date, "1970-06-05", "1970-06-05", "1970-06-05"),
            (
                DateTime,
                "2010-10-10",
                "2010-10-10T00:00:00.000+14:00",
                "2010-10-10T23:59:59.999-12:00",
            ),
            (DateTime, "2010", "2010-01-01T00:00:00.000+14:00", "2010-12-31T23:59:59.999-12:00"),
            (
                DateTime,
                "2010-10-10T10:30:07.5Z",
                "2010-10-10T10:30:07.500Z",
                "2010-10-10T10:30:07.599Z",
            ),
            (Time, "12:34:00", "12:34:00.000", "12:34:00.999"),
            (Time, "12", "12:00:00.000", "12:59:59.999"),
            (Time, "12:34:00.12345", "12:34:00.12345", "12:34:00.12345"),
        ] {
            let temporal = Temporal::parse(kind, text).unwrap();
            let of = |boundary: Boundary| boundary.of_temporal(&temporal).unwrap();
            assert_eq!((&*of(Boundary::Low), &*of(Boundary::High)), (low, high), "{text}");
        }
    }
}
