//! Ranges of values, and how a prefix compares the range of a search with the range that was found.
//!
//! <https://hl7.org/fhir/R4/search.html#prefix>. Dates, numbers and quantities share these rules.

use std::ops::Bound::{self, Excluded, Included, Unbounded};

/// A range of values in which one bound, or both, may be open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span<T> {
    pub(super) low: Bound<T>,
    pub(super) high: Bound<T>,
}

impl<T: Ord + Clone> Span<T> {
    /// A single value.
    pub(super) fn point(value: T) -> Span<T> {
        Span { low: Included(value.clone()), high: Included(value) }
    }

    /// From `low` up to `high`, without `high` itself.
    pub(super) fn until(low: T, high: T) -> Span<T> {
        Span { low: Included(low), high: Excluded(high) }
    }

    /// True where no value can lie in the range.
    pub(super) fn is_empty(&self) -> bool {
        !meet(&self.low, &self.high)
    }

    /// True where the other range lies in this one.
    fn contains(&self, other: &Span<T>) -> bool {
        let is_low = match (&self.low, &other.low) {
            (Unbounded, _) => true,
            (_, Unbounded) => false,
            (Excluded(own), Included(other)) => own < other,
            (Included(own) | Excluded(own), Included(other) | Excluded(other)) => own <= other,
        };
        let is_high = match (&self.high, &other.high) {
            (Unbounded, _) => true,
            (_, Unbounded) => false,
            (Excluded(own), Included(other)) => own > other,
            (Included(own) | Excluded(own), Included(other) | Excluded(other)) => own >= other,
        };
        is_low && is_high
    }

    /// True where a value lies in both ranges.
    fn overlaps(&self, other: &Span<T>) -> bool {
        meet(&self.low, &other.high) && meet(&other.low, &self.high)
    }

    /// The range above this one; `None` where this one is open above.
    fn above(&self) -> Option<Span<T>> {
        Some(Span { low: turned(&self.high)?, high: Unbounded })
    }

    /// The range below this one; `None` where this one is open below.
    fn below(&self) -> Option<Span<T>> {
        Some(Span { low: Unbounded, high: turned(&self.low)? })
    }
}

/// True where a value can lie between two bounds.
fn meet<T: Ord>(low: &Bound<T>, high: &Bound<T>) -> bool {
    match (low, high) {
        (Unbounded, _) | (_, Unbounded) => true,
        (Included(low), Included(high)) => low <= high,
        (Included(low) | Excluded(low), Included(high) | Excluded(high)) => low < high,
    }
}

/// The value of a bound, the bound included.
fn limit<T>(bound: &Bound<T>) -> Option<&T> {
    match bound {
        Included(value) | Excluded(value) => Some(value),
        Unbounded => None,
    }
}

/// The bound that begins where another one ends.
fn turned<T: Clone>(bound: &Bound<T>) -> Option<Bound<T>> {
    match bound {
        Included(value) => Some(Excluded(value.clone())),
        Excluded(value) => Some(Included(value.clone())),
        Unbounded => None,
    }
}

/// How the range of a value must lie to the range of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    /// `eq` or no prefix: the search contains the value.
    Equal,
    /// `ne`: the search does not contain the value.
    NotEqual,
    /// `gt`: a part of the value lies above the search.
    Greater,
    /// `lt`: a part of the value lies below the search.
    Less,
    /// `ge`: `gt` or `eq`.
    GreaterOrEqual,
    /// `le`: `lt` or `eq`.
    LessOrEqual,
    /// `sa`: the whole value lies above the search.
    StartsAfter,
    /// `eb`: the whole value lies below the search.
    EndsBefore,
    /// `ap`: the value overlaps the search, which is made wider.
    Approximate,
}

/// What a range must meet at least to meet a search. Each limit includes itself.
pub(super) struct SpanLimits<'w, T> {
    /// Its low end is not below this.
    pub(super) low_from: Option<&'w T>,
    /// Its low end is not above this.
    pub(super) low_to: Option<&'w T>,
    /// Its high end is not below this.
    pub(super) high_from: Option<&'w T>,
}

impl Prefix {
    /// The limits of the ranges that meet a search for `wanted`; `None` where any range may.
    pub(super) fn limits<T>(self, wanted: &Span<T>) -> Option<SpanLimits<'_, T>> {
        let (low, high) = (limit(&wanted.low), limit(&wanted.high));
        let (low_from, low_to, high_from) = match self {
            Prefix::Equal => (low, high, None),
            Prefix::Greater => (None, None, high),
            Prefix::GreaterOrEqual => (None, None, low),
            Prefix::StartsAfter => (high, None, None),
            Prefix::Less | Prefix::EndsBefore => (None, low, None),
            Prefix::LessOrEqual => (None, high, None),
            Prefix::Approximate => (None, high, low),
            Prefix::NotEqual => return None,
        };
        let is_limited = low_from.is_some() || low_to.is_some() || high_from.is_some();
        is_limited.then_some(SpanLimits { low_from, low_to, high_from })
    }

    /// Splits a value into its prefix and the rest; `None` where it begins with other letters.
    pub(super) fn split(text: &str) -> Option<(Prefix, &str)> {
        let letters = text.bytes().take_while(u8::is_ascii_lowercase).count();
        let (prefix, rest) = text.split_at(letters);
        let prefix = match prefix {
            "" | "eq" => Prefix::Equal,
            "ne" => Prefix::NotEqual,
            "gt" => Prefix::Greater,
            "lt" => Prefix::Less,
            "ge" => Prefix::GreaterOrEqual,
            "le" => Prefix::LessOrEqual,
            "sa" => Prefix::StartsAfter,
            "eb" => Prefix::EndsBefore,
            "ap" => Prefix::Approximate,
            _ => return None,
        };
        Some((prefix, rest))
    }

    /// True where a value that was found meets the search.
    pub(super) fn holds<T: Ord + Clone>(self, wanted: &Span<T>, found: &Span<T>) -> bool {
        let reaches = |part: Option<Span<T>>| part.is_some_and(|part| part.overlaps(found));
        let holds_all = |part: Option<Span<T>>| part.is_some_and(|part| part.contains(found));
        match self {
            Prefix::Equal => wanted.contains(found),
            Prefix::NotEqual => !wanted.contains(found),
            Prefix::Greater => reaches(wanted.above()),
            Prefix::Less => reaches(wanted.below()),
            Prefix::GreaterOrEqual => reaches(wanted.above()) || wanted.contains(found),
            Prefix::LessOrEqual => reaches(wanted.below()) || wanted.contains(found),
            Prefix::StartsAfter => holds_all(wanted.above()),
            Prefix::EndsBefore => holds_all(wanted.below()),
            Prefix::Approximate => wanted.overlaps(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every prefix with a search for 10 up to 20, and the values that meet it.
    #[test]
    fn each_prefix_compares_ranges_as_its_definition_says() {
        let span = |low: i32, high: i32| Span::until(low, high);
        let from = |low: i32| Span { low: Included(low), high: Unbounded };
        let up_to = |high: i32| Span { low: Unbounded, high: Excluded(high) };
        let found = [
            ("inside", span(12, 15)),
            ("same", span(10, 20)),
            ("across the end", span(15, 25)),
            ("across the start", span(5, 15)),
            ("around", span(5, 25)),
            ("behind", span(20, 25)),
            ("before", span(5, 10)),
            ("open from inside", from(15)),
            ("open up to inside", up_to(15)),
        ];
        for (prefix, names) in [
            ("eq", "inside,same"),
            (
                "ne",
                "across the end,across the start,around,behind,before,open from inside,open up to inside",
            ),
            ("gt", "across the end,around,behind,open from inside"),
            ("lt", "across the start,around,before,open up to inside"),
            ("ge", "inside,same,across the end,around,behind,open from inside"),
            ("le", "inside,same,across the start,around,before,open up to inside"),
            ("sa", "behind"),
            ("eb", "before"),
            (
                "ap",
                "inside,same,across the end,across the start,around,open from inside,open up to inside",
            ),
        ] {
            let (prefix, _) = Prefix::split(prefix).unwrap();
            let meets = found.iter().filter(|(_, found)| prefix.holds(&span(10, 20), found));
            let met: Vec<&str> = meets.map(|(name, _)| *name).collect();
            assert_eq!(met.join(","), names, "{prefix:?}");
        }
        assert!(span(3, 3).is_empty() && span(4, 3).is_empty() && !Span::point(3).is_empty());
    }
}
