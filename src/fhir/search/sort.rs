//! By what resources are sorted.
//!
//! <https://hl7.org/fhir/R4/search.html#sort>. Every parameter can be a key but composite and special
//! ones. Of several values the first one in the order counts: the earliest time upwards, the latest
//! downwards. A Period counts by its beginning upwards and by its end downwards. A text counts without
//! case and accents, a token by its code, a quantity by its number alone, a reference by what it
//! refers to. The specification leaves open where resources without a value stand: here they come last
//! in both directions. Resources that are equal in all keys stand in the order of their versions, turned
//! round where the last key is.

use std::cmp::Reverse;
use std::ops::Bound::{self, Excluded, Included, Unbounded};

use super::coded::first_code;
use super::criterion::{ID, LAST_UPDATED};
use super::date::element_span;
use super::definition::SearchParameter;
use super::fault::SearchError;
use super::fold::folded;
use super::link::link;
use super::measure::measure;
use super::modifier::ParameterKind;
use super::string::texts;
use super::values::{Candidate, values};
use crate::fhir::json::Tree;
use crate::fhir::path::Decimal;
use crate::time::Instant;

/// The parameter that names the keys.
const SORT: &str = "_sort";
/// The most keys.
const MOST_KEYS: usize = 8;
/// The most bytes of a text that are compared: a page keeps the keys of its resources in memory.
const MOST_BYTES: usize = 1000;

/// The keys that resources are sorted by; none where they stand in the order of their versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SortOrder(Vec<SortRule>);

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SortRule {
    code: String,
    is_descending: bool,
}

/// Where a resource stands among others of the same search.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SortPlace {
    parts: Vec<SortPart>,
    tie: i64,
}

/// The place by one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SortPart {
    Upwards(SortKey),
    Downwards(Reverse<SortKey>),
    Missing,
}

/// What resources are compared by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SortKey {
    /// The beginning of a range that is open below.
    Lowest,
    Time(Instant),
    Number(Decimal),
    /// A code, or a text without case and accents.
    Text(String),
    /// The end of a range that is open above.
    Highest,
}

impl SortOrder {
    /// Reads `birthdate,-_lastUpdated` for a search of these types. Each of them must have each
    /// parameter.
    ///
    /// # Errors
    /// What is wrong, with the parameters that there are.
    pub fn parse(value: &str, types: &[String]) -> Result<SortOrder, SearchError> {
        let wrong = |what: String| {
            let (name, value) = (SORT.to_owned(), value.to_owned());
            SearchError::WrongValue { name, value, what }
        };
        let mut rules: Vec<SortRule> = Vec::new();
        for text in value.split(',') {
            let (code, is_descending) = match text.strip_prefix('-') {
                Some(code) => (code, true),
                None => (text, false),
            };
            if code.is_empty() {
                return Err(wrong(
                    "should name parameters, as in birthdate,-_lastUpdated".to_owned(),
                ));
            }
            for resource_type in types {
                if SearchParameter::of(resource_type, code).is_none_or(|found| !found.can_sort()) {
                    let all = SearchParameter::all(resource_type).into_iter();
                    let known: Vec<&str> =
                        all.filter(|found| found.can_sort()).map(|found| found.code).collect();
                    return Err(wrong(format!(
                        "names {code:?}, by which {resource_type} cannot be sorted; it can by {}",
                        known.join(", ")
                    )));
                }
            }
            rules.push(SortRule { code: code.to_owned(), is_descending });
        }
        if rules.len() > MOST_KEYS {
            return Err(wrong(format!("has too many keys; {MOST_KEYS} are the most")));
        }
        Ok(SortOrder(rules))
    }

    /// True without any key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True where `_lastUpdated` is the only key: whether the newest comes first. `None` for other keys.
    pub fn by_time_alone(&self) -> Option<bool> {
        match &self.0[..] {
            [SortRule { code, is_descending }] if code == LAST_UPDATED => Some(*is_descending),
            _ => None,
        }
    }

    /// True where a key is in the body of a resource.
    pub fn needs_body(&self) -> bool {
        self.0.iter().any(|rule| ![ID, LAST_UPDATED].contains(&rule.code.as_str()))
    }

    /// Where a resource of a type stands.
    ///
    /// # Errors
    /// Why an expression cannot be evaluated over the body.
    pub fn place(
        &self,
        resource_type: &str,
        candidate: &Candidate<'_>,
        seq: i64,
    ) -> Result<SortPlace, String> {
        let mut parts = Vec::with_capacity(self.0.len());
        for SortRule { code, is_descending } in &self.0 {
            let key = match SearchParameter::of(resource_type, code) {
                Some(parameter) => parameter.sort_key(candidate, *is_descending)?,
                None => None,
            };
            parts.push(match key {
                Some(key) if *is_descending => SortPart::Downwards(Reverse(key)),
                Some(key) => SortPart::Upwards(key),
                None => SortPart::Missing,
            });
        }
        Ok(SortPlace { parts, tie: self.tie(seq) })
    }

    /// Where a resource stands that has no value for any key.
    pub fn last_place(&self, seq: i64) -> SortPlace {
        SortPlace { parts: vec![SortPart::Missing; self.0.len()], tie: self.tie(seq) }
    }

    fn tie(&self, seq: i64) -> i64 {
        let is_turned = self.0.last().is_some_and(|rule| rule.is_descending);
        if is_turned { -seq } else { seq }
    }
}

impl SearchParameter {
    /// True where resources can be sorted by the parameter.
    fn can_sort(&self) -> bool {
        let kinds = [ParameterKind::Composite, ParameterKind::Special];
        self.unsupported().is_none() && !kinds.contains(&self.kind)
    }

    /// The key of a resource; `None` where it has no value to be sorted by.
    fn sort_key(
        &self,
        candidate: &Candidate<'_>,
        is_descending: bool,
    ) -> Result<Option<SortKey>, String> {
        match self.code {
            ID => return Ok(Some(SortKey::Text(candidate.id.to_owned()))),
            LAST_UPDATED => return Ok(Some(SortKey::Time(candidate.last_updated))),
            _ => {}
        }
        let found = values(self, candidate.body)?;
        let keys = found.iter().flat_map(|found| self.keys(found.tree, is_descending));
        Ok(if is_descending { keys.max() } else { keys.min() })
    }

    /// The keys of one value.
    fn keys(&self, value: &Tree<'_>, is_descending: bool) -> Vec<SortKey> {
        let one = |key: Option<SortKey>| key.into_iter().collect();
        match self.kind {
            ParameterKind::Date => one(element_span(value).map(|span| {
                key(if is_descending { span.high } else { span.low }, is_descending, SortKey::Time)
            })),
            ParameterKind::Number | ParameterKind::Quantity => one(measure(value).map(|measure| {
                let span = measure.numbers;
                key(
                    if is_descending { span.high } else { span.low },
                    is_descending,
                    SortKey::Number,
                )
            })),
            ParameterKind::String => {
                texts(value).map(|text| SortKey::Text(cut(&folded(text)))).collect()
            }
            ParameterKind::Token => one(first_code(value).map(|code| SortKey::Text(cut(code)))),
            ParameterKind::Reference => one(link(value).map(|link| SortKey::Text(cut(&link)))),
            ParameterKind::Uri => one(value.as_text().map(|uri| SortKey::Text(cut(uri)))),
            ParameterKind::Composite | ParameterKind::Special => Vec::new(),
        }
    }
}

/// The key of one end of a range.
fn key<T>(end: Bound<T>, is_high: bool, key: impl Fn(T) -> SortKey) -> SortKey {
    match end {
        Included(value) | Excluded(value) => key(value),
        Unbounded if is_high => SortKey::Highest,
        Unbounded => SortKey::Lowest,
    }
}

/// The beginning of a text.
fn cut(text: &str) -> String {
    let end = (0..=MOST_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text[..end.unwrap_or_default()].to_owned()
}

#[cfg(test)]
#[path = "sort_tests.rs"]
mod tests;
