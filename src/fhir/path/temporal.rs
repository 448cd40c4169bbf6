//! Dates, dateTimes and times of any precision: their parts, and how they compare.
//!
//! <https://hl7.org/fhirpath/N1/#datetime-equality>, <https://hl7.org/fhir/R4/datatypes.html#dateTime>.
//! Where one of two values says less than the other, the answer may be unknown. A time without a
//! zone counts as UTC. This file does not read instants as points in time: `time.rs` does.

use std::cmp::Ordering;

use chrono::{Datelike, NaiveDate, TimeDelta, Timelike};

/// Whether a text is a date, a date with a time, or a time of any day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TemporalKind {
    Date,
    DateTime,
    Time,
}

/// The parts of a date, a dateTime or a time.
#[derive(Clone, Debug)]
pub struct Temporal<'a> {
    pub(super) kind: TemporalKind,
    /// Year, month, day, hour, minute, second; those that the text does not say are zero.
    pub(super) parts: [u32; 6],
    /// How many parts there are, counted from the year also for a time of any day.
    pub(super) precision: usize,
    /// The digits behind the point of the seconds.
    pub(super) fraction: &'a str,
    /// The zone as written: `Z`, `+02:00`; empty for none.
    pub(super) zone: &'a str,
}

impl TemporalKind {
    /// What a text without a known type is by its form; `None` where it is just a text.
    pub fn of_form(text: &str) -> Option<TemporalKind> {
        let kind = match text.as_bytes() {
            [_, _, b':', ..] => TemporalKind::Time,
            text if text.contains(&b'T') => TemporalKind::DateTime,
            _ => TemporalKind::Date,
        };
        Temporal::parse(kind, text).is_some().then_some(kind)
    }
}

impl<'a> Temporal<'a> {
    /// Reads a text as FHIR and FHIRPath write it. `None` for another text, and for a day or a time
    /// that does not exist.
    pub fn parse(kind: TemporalKind, text: &'a str) -> Option<Temporal<'a>> {
        let mut temporal = Temporal { kind, parts: [0; 6], precision: 0, fraction: "", zone: "" };
        let time = if kind == TemporalKind::Time {
            temporal.precision = 3;
            Some(text)
        } else {
            let (date, time) = match text.split_once('T') {
                Some((date, time)) => (date, Some(time)),
                None => (text, None),
            };
            temporal.read(date, '-')?;
            let is_whole = temporal.precision == 3 && kind == TemporalKind::DateTime;
            (is_whole || time.is_none()).then_some(time)?
        };
        if let Some(time) = time {
            let is_zone = |c: char| matches!(c, 'Z' | '+' | '-');
            let zone = time.find(is_zone).filter(|_| kind == TemporalKind::DateTime);
            let (time, zone) = time.split_at(zone.unwrap_or(time.len()));
            let (time, fraction) = match time.split_once('.') {
                Some((time, fraction)) => (time, Some(fraction)),
                None => (time, None),
            };
            temporal.read(time, ':')?;
            (temporal.fraction, temporal.zone) = (fraction.unwrap_or_default(), zone);
            let is_fraction =
                |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let has_seconds = temporal.precision == 6;
            fraction.is_none_or(|text| has_seconds && is_fraction(text)).then_some(())?;
            (zone.is_empty() || minutes_of(zone).is_some()).then_some(())?;
        }
        temporal.exists().then_some(temporal)
    }

    /// Reads the parts of a date or of a time, behind those that are there.
    fn read(&mut self, text: &str, separator: char) -> Option<()> {
        for part in text.split(separator) {
            let length = if self.precision == 0 { 4 } else { 2 };
            let end = if separator == '-' { 3 } else { 6 };
            let is_part = part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
            if !is_part || self.precision == end {
                return None;
            }
            self.parts[self.precision] = part.parse().ok()?;
            self.precision += 1;
        }
        Some(())
    }

    fn exists(&self) -> bool {
        let [year, month, day, hour, minute, second] = self.parts;
        let day = if self.precision < 3 { 1 } else { day };
        let month = if self.precision < 2 { 1 } else { month };
        let is_day = i32::try_from(year)
            .is_ok_and(|year| year > 0 && NaiveDate::from_ymd_opt(year, month, day).is_some());
        // A second may be a leap second.
        let is_time = hour < 24 && minute < 60 && second < 61;
        (self.kind == TemporalKind::Time || is_day) && is_time
    }

    /// Compares two dates or dateTimes, or two times of any day. `None` where one of them says too
    /// little, and for a time of any day and a date.
    pub fn compare(&self, other: &Temporal<'_>) -> Option<Ordering> {
        if (self.kind == TemporalKind::Time) != (other.kind == TemporalKind::Time) {
            return None;
        }
        let (a, b) = (self.in_utc(), other.in_utc());
        let precision = self.precision.min(other.precision);
        let parts = a[..precision].cmp(&b[..precision]);
        if parts.is_ne() {
            return Some(parts);
        }
        // Seconds and their fractions are one part: `10:00:01` is `10:00:01.0`.
        (self.precision == other.precision)
            .then(|| self.significant_fraction().cmp(other.significant_fraction()))
    }

    /// What two values share exactly where they compare as equal.
    pub fn identity(&self) -> ([u32; 6], usize, &'a str) {
        (self.in_utc(), self.precision, self.significant_fraction())
    }

    fn significant_fraction(&self) -> &'a str {
        self.fraction.trim_end_matches('0')
    }

    /// The parts as they are in UTC; as they are where that would be no year of four digits.
    fn in_utc(&self) -> [u32; 6] {
        let shifted = || {
            let minutes = minutes_of(self.zone).filter(|minutes| *minutes != 0)?;
            let [year, month, day, hour, minute, second] = self.parts;
            let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
            let time = date.and_hms_opt(hour, minute, 0)?;
            let time = time.checked_sub_signed(TimeDelta::minutes(minutes))?;
            let year = u32::try_from(time.year()).ok()?;
            Some([year, time.month(), time.day(), time.hour(), time.minute(), second])
        };
        shifted().unwrap_or(self.parts)
    }
}

/// The minutes by which a zone is ahead of UTC; `None` for a text that is no zone.
fn minutes_of(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, rest) = match zone.as_bytes().first()? {
        b'+' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then_some(sign * (60 * hours + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fhir_writes_is_temporal() {
        use TemporalKind::{Date, DateTime, Time};
        for (text, kind) in [
            ("2020", Some(Date)),
            ("2020-02-29", Some(Date)),
            ("2020-02-29T10", Some(DateTime)),
            ("2020-02-29T10:00Z", Some(DateTime)),
            ("2020-02-29T10:00:60.123456789012-14:00", Some(DateTime)),
            ("10:00", Some(Time)),
            ("23:59:59.9", Some(Time)),
            ("2021-02-29", None),
            ("2020-13", None),
            ("2020-00-01", None),
            ("0000", None),
            ("20", None),
            ("2020-1", None),
            ("2020-01-01-01", None),
            ("2020-01T10:00", None),
            ("2020-01-01T", None),
            ("2020-01-01T25:00", None),
            ("2020-01-01T10:00:00.", None),
            ("2020-01-01T10:00.5", None),
            ("2020-01-01T10:00:00+2:00", None),
            ("2020-01-01T10:00:00+15:00", None),
            ("2020-01-01T10:00:00x", None),
            ("10:00:00Z", None),
            ("10:60", None),
            ("", None),
            ("T", None),
            ("é:é", None),
        ] {
            assert_eq!(TemporalKind::of_form(text), kind, "{text}");
        }
    }

    #[test]
    fn values_compare_as_far_as_they_say() {
        use Ordering::{Equal, Greater, Less};
        for (a, b, wanted) in [
            ("2020", "2021", Some(Less)),
            ("2020", "2020-05", None),
            ("2020-05", "2020-04-30", Some(Greater)),
            ("2020-05-01", "2020-05-01", Some(Equal)),
            ("2020-05-01", "2020-05-01T00:00:00Z", None),
            ("2020-05-01T10:00:00+02:00", "2020-05-01T08:00:00Z", Some(Equal)),
            ("2020-01-01T00:30:00+01:00", "2019-12-31T23:30:00.000Z", Some(Equal)),
            ("2020-05-01T10:00:00", "2020-05-01T10:00:00Z", Some(Equal)),
            ("2020-05-01T10:00:00.12", "2020-05-01T10:00:00.1", Some(Greater)),
            ("2020-05-01T10:00Z", "2020-05-01T10:00:00Z", None),
            ("10:00:01", "10:00:01.000", Some(Equal)),
            ("10:00", "09:59:59", Some(Greater)),
            ("10:00", "2020", None),
        ] {
            let read = |text| Temporal::parse(TemporalKind::of_form(text).unwrap(), text).unwrap();
            assert_eq!(read(a).compare(&read(b)), wanted, "{a} {b}");
            assert_eq!(read(b).compare(&read(a)), wanted.map(Ordering::reverse), "{b} {a}");
            let is_same = read(a).identity() == read(b).identity();
            assert_eq!(is_same, wanted == Some(Equal), "{a} {b}");
        }
    }
}
