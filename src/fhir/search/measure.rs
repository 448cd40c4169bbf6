//! The measures of a resource, with which numbers and quantities are compared.
//!
//! <https://hl7.org/fhir/R4/search.html#quantity>. The number of a resource counts as exact.

use std::ops::Bound::{Excluded, Included, Unbounded};

use super::span::Span;
use crate::fhir::json::Tree;
use crate::fhir::path::Decimal;

/// The system of the codes of a Money.
const CURRENCIES: &str = "urn:iso:std:iso:4217";

/// The numbers that an element stands for, and their unit.
pub(super) struct Measure<'f> {
    pub(super) numbers: Span<Decimal>,
    pub(super) system: Option<&'f str>,
    pub(super) code: Option<&'f str>,
    pub(super) unit: Option<&'f str>,
}

/// Reads a number, a Quantity, a Money or a Range; `None` for an element of another form.
pub(super) fn measure<'f>(found: &'f Tree<'_>) -> Option<Measure<'f>> {
    if let Tree::Number(_) = found {
        let numbers = Span::point(decimal(found)?);
        return Some(Measure { numbers, system: None, code: None, unit: None });
    }
    match (found.get("low"), found.get("high")) {
        (None, None) => quantity(found),
        (low, high) => range(low, high),
    }
}

fn quantity<'f>(found: &'f Tree<'_>) -> Option<Measure<'f>> {
    let text = |name| found.get(name).and_then(Tree::as_text);
    let value = decimal(found.get("value")?)?;
    let numbers = match text("comparator") {
        None => Span::point(value),
        Some("<") => Span { low: Unbounded, high: Excluded(value) },
        Some("<=") => Span { low: Unbounded, high: Included(value) },
        Some(">") => Span { low: Excluded(value), high: Unbounded },
        Some(">=") => Span { low: Included(value), high: Unbounded },
        Some(_) => return None,
    };
    let (system, code) = match text("currency") {
        Some(currency) => (Some(CURRENCIES), Some(currency)),
        None => (text("system"), text("code")),
    };
    Some(Measure { numbers, system, code, unit: text("unit") })
}

/// The range between two quantities, of which one may be missing. The unit of the lower one counts.
fn range<'f>(low: Option<&'f Tree<'_>>, high: Option<&'f Tree<'_>>) -> Option<Measure<'f>> {
    let end = |quantity: Option<&Tree<'_>>| match quantity.and_then(|found| found.get("value")) {
        Some(value) => Some(Included(decimal(value)?)),
        None => Some(Unbounded),
    };
    let numbers = Span { low: end(low)?, high: end(high)? };
    let text = |name| low.or(high).and_then(|found| found.get(name)).and_then(Tree::as_text);
    let is_open = matches!((&numbers.low, &numbers.high), (Unbounded, Unbounded));
    (!is_open && !numbers.is_empty()).then(|| Measure {
        numbers,
        system: text("system"),
        code: text("code"),
        unit: text("unit"),
    })
}

fn decimal(found: &Tree<'_>) -> Option<Decimal> {
    match found {
        Tree::Number(lexeme) => Decimal::parse(lexeme),
        _ => None,
    }
}
