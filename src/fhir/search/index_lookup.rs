//! Which keys of an index a search looks for. `index_entry.rs` says which ones a resource has.
//!
//! What is found by them is a superset of what the search finds.

use super::bound::Bound;
use super::coded::TokenBound;
use super::criterion::Test;
use super::fold::{folded, uncased};
use super::index_entry::{RangeEnd, above, below, text_key, token_key};
use super::link::ReferenceBound;
use super::modifier::Modifier;
use super::query::Search;
use super::span::SpanLimits;
use super::string::StringBound;
use super::uri::{UriBound, without_canonical_version};
use crate::fhir::path::Decimal;
use crate::time::Instant;

/// A key, or a range of keys, that is looked for.
#[derive(Clone, Debug, PartialEq)]
pub enum IndexLookup {
    /// The same text.
    Same(String),
    /// A text that begins so.
    Beginning(String),
    /// A range. Each limit includes itself.
    Range {
        /// It begins here or later.
        low_from: Option<RangeEnd>,
        /// It begins here or earlier.
        low_to: Option<RangeEnd>,
        /// It ends here or later.
        high_from: Option<RangeEnd>,
    },
}

/// What the index of one parameter answers of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexQuestion {
    /// The name of the parameter.
    pub code: &'static str,
    /// A resource that is found has one of these.
    pub any: Vec<IndexLookup>,
}

impl Search {
    /// What indexes can answer of the search. A resource that it finds is among the answers to each question.
    pub fn index_questions(&self) -> Vec<IndexQuestion> {
        let of_test = |test: &Test| match test {
            Test::Any { parameter, modifier, bounds } if *modifier != Modifier::Not => {
                let any = bounds.iter().map(lookups).collect::<Option<Vec<_>>>()?.concat();
                Some(IndexQuestion { code: parameter.code, any })
            }
            _ => None,
        };
        self.criteria.iter().filter_map(|criterion| of_test(&criterion.test)).collect()
    }
}

/// What is looked for, for a value of a search; `None` where no key says anything.
fn lookups(bound: &Bound) -> Option<Vec<IndexLookup>> {
    let same = |key: String| Some(vec![IndexLookup::Same(key)]);
    match bound {
        Bound::Token(token) | Bound::Reference(ReferenceBound::Identifier(token)) => match token {
            TokenBound::Code(token) => match &token.system {
                None => same(uncased(&token.value)),
                Some(system) => {
                    // A plain code has no system in the resource.
                    let mut systems = vec![system.as_str(), ""];
                    systems.dedup();
                    let key = |system: &str| IndexLookup::Same(token_key(system, &token.value));
                    Some(systems.into_iter().map(key).collect())
                }
            },
            TokenBound::OfType { value, .. } => same(uncased(value)),
            TokenBound::System(_) | TokenBound::Text(_) => None,
        },
        Bound::Reference(ReferenceBound::Local { id, .. }) => same(id.clone()),
        Bound::Reference(ReferenceBound::Url(url)) | Bound::Uri(UriBound::Same(url)) => {
            same(without_canonical_version(url).to_owned())
        }
        Bound::String(StringBound::StartsWith(text)) => beginning(text),
        Bound::String(StringBound::Exact(text)) => beginning(&folded(text)),
        Bound::Date(bound) => range(bound.limits(), |time: &Instant| {
            [RangeEnd::Time(time.micros()), RangeEnd::Time(time.micros())]
        }),
        Bound::Number(bound) => of_number(bound.limits()),
        Bound::Quantity(bound) => of_number(bound.limits()),
        Bound::Uri(_) | Bound::String(_) | Bound::Composite(_) => None,
    }
}

fn beginning(text: &str) -> Option<Vec<IndexLookup>> {
    (!text.is_empty()).then(|| vec![IndexLookup::Beginning(text_key(text).to_owned())])
}

fn of_number(limits: Option<SpanLimits<'_, Decimal>>) -> Option<Vec<IndexLookup>> {
    range(limits, |number: &Decimal| [below(number), above(number)])
}

/// `ends` gives of a limit one that is surely no higher, and one that is surely no lower.
fn range<T>(
    limits: Option<SpanLimits<'_, T>>,
    ends: impl Fn(&T) -> [RangeEnd; 2],
) -> Option<Vec<IndexLookup>> {
    let limits = limits?;
    Some(vec![IndexLookup::Range {
        low_from: limits.low_from.map(|limit| ends(limit)[0]),
        low_to: limits.low_to.map(|limit| ends(limit)[1]),
        high_from: limits.high_from.map(|limit| ends(limit)[0]),
    }])
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
