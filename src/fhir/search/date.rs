//! Values of a date parameter: a time with its precision, and a prefix that says how to compare.
//!
//! <https://hl7.org/fhir/R4/search.html#date>, <https://hl7.org/fhir/R4/search.html#prefix>

use crate::time::{Instant, span};

const MINUTE: i64 = 60_000_000;

/// How a resource's time must lie to the time of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefix {
    /// `eq` or no prefix: within the time's precision.
    Equal,
    /// `ne`
    NotEqual,
    /// `gt` or `sa`: for a point in time they mean the same.
    After,
    /// `lt` or `eb`
    Before,
    /// `ge`
    AtOrAfter,
    /// `le`
    AtOrBefore,
}

impl Prefix {
    fn parse(text: &str) -> Option<Prefix> {
        Some(match text {
            "" | "eq" => Prefix::Equal,
            "ne" => Prefix::NotEqual,
            "gt" | "sa" => Prefix::After,
            "lt" | "eb" => Prefix::Before,
            "ge" => Prefix::AtOrAfter,
            "le" => Prefix::AtOrBefore,
            _ => return None,
        })
    }
}

/// One value of a date parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DateBound {
    prefix: Prefix,
    /// The first moment of the value: 2020-01-01T00:00:00 for `2020`.
    first: Instant,
    /// The first moment behind it.
    next: Instant,
}

impl DateBound {
    /// Reads a value such as `ge2020-05` or `2020-05-12T10:00Z`; `None` where it is none.
    pub(super) fn parse(text: &str) -> Option<DateBound> {
        let letters = text.bytes().take_while(u8::is_ascii_lowercase).count();
        let (prefix, time) = text.split_at(letters);
        // A `+` in the zone arrives as a blank where a client did not encode it.
        let time = time.replace(' ', "+");
        let (first, next) = match time.split_at_checked(16) {
            // A search may leave out the seconds.
            Some((minute, zone)) if !zone.starts_with(':') => {
                let (first, _) = span(&format!("{minute}:00{zone}"))?;
                (first, Instant::from_micros(first.micros() + MINUTE))
            }
            _ => span(&time)?,
        };
        Some(DateBound { prefix: Prefix::parse(prefix)?, first, next })
    }

    /// True where a resource with this time meets the bound.
    pub(super) fn holds(&self, time: Instant) -> bool {
        let is_within = self.first <= time && time < self.next;
        match self.prefix {
            Prefix::Equal => is_within,
            Prefix::NotEqual => !is_within,
            Prefix::After => time >= self.next,
            Prefix::Before => time < self.first,
            Prefix::AtOrAfter => time >= self.first,
            Prefix::AtOrBefore => time < self.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_compare_with_what_a_value_leaves_open() {
        let holds = |bound: &str, time: &str| {
            let (time, _) = Instant::parse(time).unwrap();
            DateBound::parse(bound).unwrap().holds(time)
        };
        let (before, within, after) =
            ("2019-12-31T23:59:59Z", "2020-05-01T00:00:00Z", "2021-01-01T00:00:00Z");
        for (prefix, expected) in [
            ("", [false, true, false]),
            ("eq", [false, true, false]),
            ("ne", [true, false, true]),
            ("gt", [false, false, true]),
            ("sa", [false, false, true]),
            ("lt", [true, false, false]),
            ("eb", [true, false, false]),
            ("ge", [false, true, true]),
            ("le", [true, true, false]),
        ] {
            let bound = format!("{prefix}2020");
            assert_eq!(
                [before, within, after].map(|time| holds(&bound, time)),
                expected,
                "{bound}"
            );
        }
        assert!(holds("2020-05-01T00:00Z", "2020-05-01T00:00:59Z"));
        assert!(!holds("2020-05-01T00:00Z", "2020-05-01T00:01:00Z"));
        assert!(holds("2020-05-01T02:00 02:00", within));
        for bad in ["", "ge", "ap2020", "GE2020", "xx2020", "2020-13", "ge 2020"] {
            assert_eq!(DateBound::parse(bad), None, "{bad}");
        }
    }
}
