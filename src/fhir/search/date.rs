//! Values of a date parameter: a time with its precision, and a prefix that says how to compare.
//!
//! <https://hl7.org/fhir/R4/search.html#date>. A time without a zone counts as UTC. A Period without an
//! end, or without a start, is open there. Of a Timing its outer limits count.

use std::ops::Bound::{Excluded, Included, Unbounded};

use super::span::{Prefix, Span, SpanLimits};
use crate::fhir::json::Tree;
use crate::time::{Instant, span};

const MINUTE: i64 = 60_000_000;

/// One value of a date parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DateBound {
    prefix: Prefix,
    wanted: Span<Instant>,
}

impl DateBound {
    /// Reads a value such as `ge2020-05` or `2020-05-12T10:00Z`; `None` where it is none. For `ap`
    /// the range becomes wider on both sides by a tenth of its distance from `now`.
    pub(super) fn parse(text: &str, now: Instant) -> Option<DateBound> {
        let (prefix, time) = Prefix::split(text)?;
        // A `+` in the zone arrives as a blank where a client did not encode it.
        let (first, next) = moments(&time.replace(' ', "+"))?;
        let by = match prefix {
            Prefix::Approximate => {
                (now.micros().saturating_sub(first.micros()) / 10).saturating_abs()
            }
            _ => 0,
        };
        let moved = |time: Instant, by: i64| Instant::from_micros(time.micros().saturating_add(by));
        Some(DateBound { prefix, wanted: Span::until(moved(first, -by), moved(next, by)) })
    }

    /// What the time spans that meet the bound have in common.
    pub(super) fn limits(&self) -> Option<SpanLimits<'_, Instant>> {
        self.prefix.limits(&self.wanted)
    }

    /// True where a time span meets the bound.
    pub(super) fn holds(&self, found: &Span<Instant>) -> bool {
        self.prefix.holds(&self.wanted, found)
    }

    /// True where an element meets the bound.
    pub(super) fn holds_in(&self, found: &Tree<'_>) -> bool {
        element_span(found).is_some_and(|found| self.holds(&found))
    }
}

/// The first moment of a time, and the first moment behind it. Seconds may be left out.
fn moments(text: &str) -> Option<(Instant, Instant)> {
    match text.split_at_checked(16) {
        Some((minute, zone)) if !zone.starts_with(':') => {
            let (first, _) = span(&format!("{minute}:00{zone}"))?;
            Some((first, Instant::from_micros(first.micros() + MINUTE)))
        }
        _ => span(text),
    }
}

fn text_span(text: &str) -> Option<Span<Instant>> {
    let (first, next) = moments(text)?;
    Some(Span::until(first, next))
}

/// The time that an element covers: a date, a Period or a Timing. `None` for an element of another
/// form, and for a Period that ends before it starts.
pub(super) fn element_span(found: &Tree<'_>) -> Option<Span<Instant>> {
    if let Some(text) = found.as_text() {
        return text_span(text);
    }
    if let Some(span) = period_span(found) {
        return Some(span);
    }
    let events = found.get("event").map(Tree::values).unwrap_or_default();
    let events = events.iter().filter_map(Tree::as_text).filter_map(text_span);
    let bounds = found.get("repeat").and_then(|repeat| repeat.get("boundsPeriod"));
    outer(events.chain(bounds.and_then(period_span)))
}

fn period_span(period: &Tree<'_>) -> Option<Span<Instant>> {
    let end_of = |name| period.get(name).and_then(Tree::as_text).map(text_span);
    let (start, end) = (end_of("start"), end_of("end"));
    if start.is_none() && end.is_none() {
        return None;
    }
    // An end that is no date leaves nothing to compare.
    let low = start.map_or(Some(Unbounded), |start| Some(start?.low))?;
    let high = end.map_or(Some(Unbounded), |end| Some(end?.high))?;
    let span = Span { low, high };
    (!span.is_empty()).then_some(span)
}

/// The range from the first of several to the last.
fn outer(spans: impl Iterator<Item = Span<Instant>>) -> Option<Span<Instant>> {
    spans.reduce(|one, other| {
        let low = match (one.low, other.low) {
            (Included(one), Included(other)) => Included(one.min(other)),
            _ => Unbounded,
        };
        let high = match (one.high, other.high) {
            (Excluded(one), Excluded(other)) => Excluded(one.max(other)),
            _ => Unbounded,
        };
        Span { low, high }
    })
}

#[cfg(test)]
#[path = "date_tests.rs"]
mod tests;
