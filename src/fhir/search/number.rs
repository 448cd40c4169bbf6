//! Values of number parameters: a number with the range that its digits leave open, and a prefix that
//! says how to compare.
//!
//! <https://hl7.org/fhir/R4/search.html#number>. The digits of a search matter with `eq` and `ne`
//! alone; every other prefix takes its number as exact. The number of a resource is always exact.

use std::cmp::{max, min};

use super::measure::measure;
use super::span::{Prefix, Span, SpanLimits};
use crate::fhir::json::Tree;
use crate::fhir::path::Decimal;

/// The longest number that is searched for. FHIR asks for 18 digits.
const MOST_BYTES: usize = 40;

/// What the number of a search stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SearchedNumber {
    /// The number itself.
    exact: Decimal,
    /// What its digits leave open: 99.5 up to 100.5 for `100`.
    precise: Span<Decimal>,
    /// A tenth less up to a tenth more, and at least `precise`.
    near: Span<Decimal>,
}

impl SearchedNumber {
    /// Reads the number of a search; `None` for any other text, and for one of more than 40 bytes.
    ///
    /// Half of the last digit's unit is left open on both sides. The specification takes `1e2` for 95
    /// up to 105: so an exponent behind a whole number counts as if `.0` stood before it.
    fn parse(text: &str) -> Option<SearchedNumber> {
        // A `+` in the exponent arrives as a blank where a client did not encode it.
        let text = text.replace(' ', "+");
        if text.len() > MOST_BYTES {
            return None;
        }
        let exact = Decimal::parse(&text)?;
        let tenth = Decimal::parse("0.1")?;
        let is_bare = !text.contains('.') && text.contains(['e', 'E']);
        let half = exact.half_unit();
        let half = if is_bare { half.multiply(&tenth)? } else { half };
        let by = exact.multiply(&tenth)?;
        let around = |by: &Decimal| Some((exact.subtract(by)?, exact.add(by)?));
        let (precise, near) = (around(&half)?, around(&by)?);
        // Below zero a tenth more is the smaller number.
        let low = min(&precise.0, min(&near.0, &near.1)).clone();
        let high = max(&precise.1, max(&near.0, &near.1)).clone();
        Some(SearchedNumber {
            precise: Span::until(precise.0, precise.1),
            near: Span::until(low, high),
            exact,
        })
    }
}

/// One value of a number parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NumberBound {
    prefix: Prefix,
    wanted: Span<Decimal>,
}

impl NumberBound {
    /// Reads a value such as `100`, `lt0.8` or `1e2`; `None` where it is none.
    pub(super) fn parse(text: &str) -> Option<NumberBound> {
        let (prefix, number) = Prefix::split(text)?;
        let number = SearchedNumber::parse(number)?;
        let wanted = match prefix {
            Prefix::Equal | Prefix::NotEqual => number.precise,
            Prefix::Approximate => number.near,
            _ => Span::point(number.exact),
        };
        Some(NumberBound { prefix, wanted })
    }

    /// What the ranges that meet the bound have in common.
    pub(super) fn limits(&self) -> Option<SpanLimits<'_, Decimal>> {
        self.prefix.limits(&self.wanted)
    }

    /// True where a range of numbers meets the bound.
    pub(super) fn holds(&self, found: &Span<Decimal>) -> bool {
        self.prefix.holds(&self.wanted, found)
    }

    /// True where an element meets the bound: a number, or a Range.
    pub(super) fn holds_in(&self, found: &Tree<'_>) -> bool {
        measure(found).is_some_and(|found| self.holds(&found.numbers))
    }
}

#[cfg(test)]
#[path = "number_tests.rs"]
mod tests;
