//! Dates and times for the generator: FHIR `date`, `dateTime` and `instant`.
//!
//! There is no clock here. All data ends at [`AS_OF`], so that the same seed
//! gives the same bytes on any day.

use std::fmt;

use crate::json::{ToJson, push_fmt};

/// The day on which all generated data ends: nothing is stored later.
pub const AS_OF: Date = Date::ymd(2026, 1, 31);

/// The day before which all visits are, so that their bills are settled and
/// stored in time.
pub const LAST_VISIT: Date = AS_OF.plus(-30);

pub const DAY: i64 = 86_400;

/// A day, counted from 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub i64);

impl Date {
    /// Counts days in years that start in March, so that the leap day is the
    /// last day of a year (400 of them are 146,097 days).
    pub const fn ymd(year: i64, month: i64, day: i64) -> Date {
        let year = if month > 2 { year } else { year - 1 };
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        Date(365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468)
    }

    /// The reverse of [`Date::ymd`].
    pub const fn parts(self) -> (i64, i64, i64) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let year = year + era * 400;
        if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
    }

    pub const fn plus(self, days: i64) -> Date {
        Date(self.0 + days)
    }

    /// Whole years from this day to `later`, near enough for ages.
    pub const fn years_until(self, later: Date) -> i64 {
        (later.0 - self.0) * 100 / 36_525
    }

    /// This day, so many seconds after midnight UTC.
    pub const fn at(self, seconds: i64) -> Time {
        Time(self.0 * DAY + seconds)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl ToJson for Date {
    fn write(&self, out: &mut String) {
        push_fmt(out, format_args!("\"{self}\""));
    }
}

/// A moment, in seconds from 1970-01-01 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub i64);

impl Time {
    pub const fn date(self) -> Date {
        Date(self.0.div_euclid(DAY))
    }

    pub const fn plus(self, seconds: i64) -> Time {
        Time(self.0 + seconds)
    }

    const fn clock(self) -> (i64, i64, i64) {
        let second = self.0.rem_euclid(DAY);
        (second / 3600, second / 60 % 60, second % 60)
    }
}

/// A moment as people at `zone` hours from UTC write it: FHIR `dateTime`.
#[derive(Clone, Copy)]
pub struct Local {
    pub time: Time,
    pub zone: i64,
}

impl Local {
    /// The day on the calendar of that place.
    pub const fn date(self) -> Date {
        self.time.plus(self.zone * 3600).date()
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.time.plus(self.zone * 3600);
        let (hour, minute, second) = local.clock();
        let sign = if self.zone < 0 { '-' } else { '+' };
        let zone = self.zone.abs();
        write!(f, "{}T{hour:02}:{minute:02}:{second:02}{sign}{zone:02}:00", local.date())
    }
}

impl ToJson for Local {
    fn write(&self, out: &mut String) {
        push_fmt(out, format_args!("\"{self}\""));
    }
}

/// When a server stored a resource: FHIR `instant`, in milliseconds UTC.
#[derive(Clone, Copy)]
pub struct Stamp(pub i64);

impl ToJson for Stamp {
    fn write(&self, out: &mut String) {
        let time = Time(self.0.div_euclid(1000));
        let millis = self.0.rem_euclid(1000);
        let (hour, minute, second) = time.clock();
        let date = time.date();
        push_fmt(out, format_args!("\"{date}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z\""));
    }
}
