//! What an index of a search parameter keeps of a resource: the keys by which searches find it.
//!
//! <https://hl7.org/fhir/R4/search.html#ptypes>. An index only narrows a search: what it finds is held against
//! the search like every other resource. So a key may say less than the value, and never more: two values may
//! share one, and a number is kept a little wider than it is. `index_lookup.rs` says which keys a search looks
//! for. Composite parameters have no index.

use std::ops::Bound::{Excluded, Included, Unbounded};

use super::coded::codes;
use super::criterion::{ID, LAST_UPDATED};
use super::date::element_span;
use super::definition::SearchParameter;
use super::fold::{folded, uncased};
use super::link::link_keys;
use super::measure::measure;
use super::modifier::ParameterKind;
use super::span::Span;
use super::string::texts;
use super::uri::without_canonical_version;
use super::values::values;
use crate::fhir::json::Tree;
use crate::fhir::path::Decimal;
use crate::time::Instant;

/// The most characters of a text that an index keeps.
const MOST_LETTERS: usize = 60;
/// Raised where other keys are made of a resource than before. Indexes of other rules are not used.
pub const INDEX_RULES: u32 = 1;

/// The end of a range: a time in microseconds, or a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RangeEnd {
    /// Microseconds since 1970.
    Time(i64),
    /// A number, not exact.
    Number(f64),
}

/// One key of a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum IndexEntry {
    /// Found by the same text.
    Same(String),
    /// Found by the beginning of the text.
    Text(String),
    /// Found by where it begins and ends.
    Range {
        /// Where it begins, or before.
        low: RangeEnd,
        /// Where it ends, or behind.
        high: RangeEnd,
    },
    /// The expression cannot be evaluated over the body: every search has to look at the resource.
    Unknown,
}

/// Says why a parameter cannot be indexed; `None` where it can.
pub fn unindexable(parameter: &SearchParameter) -> Option<&'static str> {
    match (parameter.code, parameter.kind) {
        (ID | LAST_UPDATED, _) => Some("it has an index in every store"),
        (_, ParameterKind::Composite) => {
            Some("a composite parameter has no index; index the parameters of its parts")
        }
        (_, ParameterKind::Special) => Some("it cannot be searched for here"),
        _ => parameter.unsupported(),
    }
}

/// The keys of a resource for one parameter. Some may be there twice, and their order says nothing.
pub(super) fn entries(parameter: &SearchParameter, body: &Tree<'_>) -> Vec<IndexEntry> {
    match values(parameter, body) {
        Ok(found) => found.iter().flat_map(|value| of_value(parameter.kind, value.tree)).collect(),
        Err(_) => vec![IndexEntry::Unknown],
    }
}

fn of_value(kind: ParameterKind, found: &Tree<'_>) -> Vec<IndexEntry> {
    match kind {
        ParameterKind::Token => of_codes(found),
        ParameterKind::Reference => {
            let mut entries: Vec<IndexEntry> =
                link_keys(found).into_iter().map(IndexEntry::Same).collect();
            entries.extend(found.get("identifier").map(of_codes).unwrap_or_default());
            entries
        }
        ParameterKind::String => {
            texts(found).map(|text| IndexEntry::Text(text_key(&folded(text)).to_owned())).collect()
        }
        ParameterKind::Uri => {
            let uri = found.as_text().map(without_canonical_version);
            uri.map(|uri| IndexEntry::Same(uri.to_owned())).into_iter().collect()
        }
        ParameterKind::Date => element_span(found).as_ref().map(of_times).into_iter().collect(),
        ParameterKind::Number | ParameterKind::Quantity => {
            let measure = measure(found);
            measure.map(|measure| of_numbers(&measure.numbers)).into_iter().collect()
        }
        ParameterKind::Composite | ParameterKind::Special => Vec::new(),
    }
}

fn of_codes(found: &Tree<'_>) -> Vec<IndexEntry> {
    let keys = codes(found).flat_map(|(system, code)| {
        [IndexEntry::Same(uncased(code)), IndexEntry::Same(token_key(system, code))]
    });
    keys.collect()
}

/// The key of a code in a system, which is empty where there is none. The case of some codes does not count, so that
/// of no code is kept.
pub(super) fn token_key(system: &str, code: &str) -> String {
    format!("{system}|{}", uncased(code))
}

/// The beginning of a text, as far as it is kept.
pub(super) fn text_key(folded: &str) -> &str {
    let end = folded.char_indices().nth(MOST_LETTERS).map_or(folded.len(), |(at, _)| at);
    &folded[..end]
}

fn of_times(span: &Span<Instant>) -> IndexEntry {
    let micros = |time: &Instant| RangeEnd::Time(time.micros());
    let low = match &span.low {
        Included(time) | Excluded(time) => micros(time),
        Unbounded => RangeEnd::Time(i64::MIN),
    };
    let high = match &span.high {
        Included(time) | Excluded(time) => micros(time),
        Unbounded => RangeEnd::Time(i64::MAX),
    };
    IndexEntry::Range { low, high }
}

fn of_numbers(span: &Span<Decimal>) -> IndexEntry {
    let low = match &span.low {
        Included(number) | Excluded(number) => below(number),
        Unbounded => RangeEnd::Number(f64::NEG_INFINITY),
    };
    let high = match &span.high {
        Included(number) | Excluded(number) => above(number),
        Unbounded => RangeEnd::Number(f64::INFINITY),
    };
    IndexEntry::Range { low, high }
}

/// A number that is surely no higher.
pub(super) fn below(number: &Decimal) -> RangeEnd {
    let near = number.to_string().parse::<f64>();
    RangeEnd::Number(near.map_or(f64::NEG_INFINITY, f64::next_down))
}

/// A number that is surely no lower.
pub(super) fn above(number: &Decimal) -> RangeEnd {
    let near = number.to_string().parse::<f64>();
    RangeEnd::Number(near.map_or(f64::INFINITY, f64::next_up))
}
