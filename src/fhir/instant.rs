//! FHIR instants as integers, so that time is never compared as text.
//!
//! <https://hl7.org/fhir/R4/datatypes.html#instant>. A resource's own lexeme stays in its body;
//! what is here is only its place on the time line.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat};

/// A point in time: microseconds since 1970-01-01T00:00:00Z. Finer fractions are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(i64);

/// How well a text kept to the form of a FHIR instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Date, time and zone, as the type demands.
    Instant,
    /// A date, or a time without a zone: taken as UTC.
    Partial,
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

    /// The same time without what is finer than a millisecond.
    pub fn to_millisecond(self) -> Instant {
        Instant(self.0.div_euclid(1000) * 1000)
    }

    /// One millisecond later: the next time we can write.
    pub fn next_millisecond(self) -> Instant {
        Instant(self.to_millisecond().0 + 1000)
    }

    /// Reads an instant, a date-time without a zone or a date; the latter two as UTC.
    /// `None` where the text is none of these or names a day that does not exist.
    pub fn parse(text: &str) -> Option<(Instant, Form)> {
        // chrono also takes a blank between date and time and a bare `Z` in other places; FHIR does not.
        if !text.is_ascii() || text.len() < 10 || text.contains(' ') {
            return None;
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some((Instant(time.timestamp_micros()), Form::Instant));
        }
        let naive = match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            Ok(date) if text.len() == 10 => date.and_hms_opt(0, 0, 0)?,
            _ => NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?,
        };
        Some((Instant(naive.and_utc().timestamp_micros()), Form::Partial))
    }
}

/// As FHIR writes it, in UTC with milliseconds: `2021-05-12T16:51:13.561Z`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_micros(self.0) {
            Some(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => write!(f, "{} µs after 1970", self.0),
        }
    }
}
