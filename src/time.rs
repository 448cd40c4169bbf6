//! Time: a point on the time line as an integer, and the clock that says which point is now.
//!
//! FHIR writes a point as an instant, a dateTime or a date
//! (<https://hl7.org/fhir/R4/datatypes.html#instant>). A resource keeps its own lexeme in its body;
//! the store compares only the integers here, never text. The clock is passed in, so that tests can
//! make it stand still.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Days, Months, NaiveDate, NaiveDateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

/// A point in time: microseconds since 1970-01-01T00:00:00Z. Finer fractions are cut off.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Instant(i64);

/// How much of a FHIR instant a text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstantForm {
    /// Date, time and zone, as the type demands.
    Instant,
    /// A date, or a time without a zone: taken as UTC.
    Partial,
}

fn micros(of: Duration) -> i64 {
    i64::try_from(of.as_micros()).unwrap_or(i64::MAX)
}

impl Instant {
    /// From microseconds since 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Instant {
        Instant(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The same time, cut to milliseconds.
    pub fn to_millisecond(self) -> Instant {
        Instant(self.0.div_euclid(1000) * 1000)
    }

    /// The next whole millisecond: the next time that an instant here can say.
    pub fn next_millisecond(self) -> Instant {
        Instant(self.to_millisecond().0 + 1000)
    }

    /// The time `by` later, at most the last one that can be expressed.
    pub fn later(self, by: Duration) -> Instant {
        Instant(self.0.saturating_add(micros(by)))
    }

    /// The time `by` earlier, at least the first one that can be expressed.
    pub fn earlier(self, by: Duration) -> Instant {
        Instant(self.0.saturating_sub(micros(by)))
    }

    /// Parses an instant, a date-time without a zone, or a date; the last two count as UTC. `None` for
    /// any other text, and for a day that does not exist.
    pub fn parse(text: &str) -> Option<(Instant, InstantForm)> {
        // chrono is more lenient than FHIR: signs, single digits, a blank instead of the T.
        if !has_shape(text.as_bytes()) {
            return None;
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some((Instant(time.timestamp_micros()), InstantForm::Instant));
        }
        let naive = match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            Ok(date) if text.len() == 10 => date.and_hms_opt(0, 0, 0)?,
            _ => NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?,
        };
        Some((Instant(naive.and_utc().timestamp_micros()), InstantForm::Partial))
    }
}

/// Parses a FHIR dateTime (`2020`, `2020-05`, `2020-05-12`, or with a time): its first moment, and the
/// first moment after it. Without a zone it counts as UTC. `None` for any other text.
///
/// <https://hl7.org/fhir/R4/datatypes.html#dateTime>
pub fn span(text: &str) -> Option<(Instant, Instant)> {
    let day =
        |date: NaiveDate| date.and_hms_opt(0, 0, 0).map(|time| time.and_utc().timestamp_micros());
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let (first, next) = match text.len() {
        4 | 7 if digits(text) => {
            let whole = format!("{text}{}", if text.len() == 4 { "-01-01" } else { "-01" });
            let first = NaiveDate::parse_from_str(&whole, "%Y-%m-%d").ok()?;
            (first, first.checked_add_months(Months::new(if text.len() == 4 { 12 } else { 1 }))?)
        }
        10 => {
            let (first, _) = Instant::parse(text)?;
            let first = DateTime::from_timestamp_micros(first.0)?.date_naive();
            (first, first.checked_add_days(Days::new(1))?)
        }
        _ => {
            let (first, _) = Instant::parse(text)?;
            // A time lasts a second, or a microsecond if it has a fraction.
            let finest = if text.contains('.') { 1 } else { 1_000_000 };
            return Some((first, Instant(first.0 + finest)));
        }
    };
    Some((Instant(day(first)?), Instant(day(next)?)))
}

/// True for `dddd-dd-dd`, alone or with `Tdd:dd:dd` and more behind it.
fn has_shape(text: &[u8]) -> bool {
    let like = |text: &[u8], shape: &[u8]| {
        text.len() == shape.len()
            && text.iter().zip(shape).all(|(b, wanted)| match wanted {
                b'd' => b.is_ascii_digit(),
                wanted => b.eq_ignore_ascii_case(wanted),
            })
    };
    match text.len() {
        10 => like(text, b"dddd-dd-dd"),
        19.. => like(&text[..19], b"dddd-dd-ddTdd:dd:dd") && text.is_ascii(),
        _ => false,
    }
}

/// Writes the FHIR instant in UTC with milliseconds: `2021-05-12T16:51:13.561Z`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_micros(self.0) {
            Some(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => write!(f, "{} µs after 1970", self.0),
        }
    }
}

/// The source of the current time. Tests pass one that stands still.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<dyn Fn() -> Instant + Send + Sync>>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock(None)
    }

    /// A clock that asks `now`.
    pub fn from_fn(now: impl Fn() -> Instant + Send + Sync + 'static) -> Clock {
        Clock(Some(Arc::new(now)))
    }

    /// The current time, cut to milliseconds.
    pub fn now(&self) -> Instant {
        let now = match &self.0 {
            Some(now) => now(),
            None => Instant::from_micros(chrono::Utc::now().timestamp_micros()),
        };
        now.to_millisecond()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock(given)" } else { "Clock(system)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_dates_span_what_they_leave_open() {
        let times = |text| span(text).map(|(first, next)| (first.to_string(), next.to_string()));
        let both = |first: &str, next: &str| Some((first.to_owned(), next.to_owned()));
        assert_eq!(times("2020"), both("2020-01-01T00:00:00.000Z", "2021-01-01T00:00:00.000Z"));
        assert_eq!(times("2020-02"), both("2020-02-01T00:00:00.000Z", "2020-03-01T00:00:00.000Z"));
        assert_eq!(
            times("2020-02-29"),
            both("2020-02-29T00:00:00.000Z", "2020-03-01T00:00:00.000Z")
        );
        assert_eq!(
            times("2020-02-29T10:00:00+02:00"),
            both("2020-02-29T08:00:00.000Z", "2020-02-29T08:00:01.000Z")
        );
        for text in ["", "20", "2020-13", "2020-02-30", "2020-2", "yyyy", "202é"] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_fhir_writes_is_a_time() {
        let form = |text| Instant::parse(text).map(|(_, form)| form);
        for text in [
            "2021-05-12T16:51:13.561Z",
            "2021-05-12T16:51:13+14:00",
            "0001-01-01T00:00:00.1234567-05:00",
        ] {
            assert_eq!(form(text), Some(InstantForm::Instant), "{text}");
        }
        for text in ["2021-05-12", "2021-05-12T16:51:13", "2021-05-12T16:51:13.5"] {
            assert_eq!(form(text), Some(InstantForm::Partial), "{text}");
        }
        for text in [
            "",
            "2021",
            "2021-05",
            "2021-5-12",
            "-021-05-12",
            "+2021-05-12",
            "2021-02-30",
            "2021-13-01",
            "2021-05-12 16:51:13Z",
            "2021-1-1T00:00:00",
            "2021-05-12T1:2:3",
            "2021-05-12T25:00:00Z",
            "2021-05-12T16:51",
            "2021-05-12T16:51:13 Z",
            "2021-05-12é6:51:13Z",
        ] {
            assert_eq!(form(text), None, "{text}");
        }
    }
}
