//! Values of quantity parameters: a number, how to compare, and perhaps a unit.
//!
//! <https://hl7.org/fhir/R4/search.html#quantity>. The number of a resource counts as exact. Units are
//! compared, not converted.

use super::escape::{split, unescaped};
use super::measure::measure;
use super::number::NumberBound;
use super::span::SpanLimits;
use crate::fhir::json::Tree;
use crate::fhir::path::Decimal;

/// One value of a quantity parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QuantityBound {
    number: NumberBound,
    system: Option<String>,
    /// The code of the unit. Without a system also the unit's text.
    code: Option<String>,
}

impl QuantityBound {
    /// Reads a value such as `lt5.4|http://unitsofmeasure.org|mg`, `5.4||mg` or `5.4`; `None` where it
    /// is none.
    pub(super) fn parse(text: &str) -> Option<QuantityBound> {
        let (number, unit) = match split(text, '|')[..] {
            [number] => (number, None),
            [number, system, code] => (number, Some((system, code))),
            _ => return None,
        };
        let part = |text: &str| (!text.is_empty()).then(|| unescaped(text));
        Some(QuantityBound {
            number: NumberBound::parse(number)?,
            system: unit.and_then(|(system, _)| part(system)),
            code: unit.and_then(|(_, code)| part(code)),
        })
    }

    /// What the numbers that meet the bound have in common.
    pub(super) fn limits(&self) -> Option<SpanLimits<'_, Decimal>> {
        self.number.limits()
    }

    /// True where an element meets the bound: a Quantity of any kind, a Money, or a Range.
    pub(super) fn holds_in(&self, found: &Tree<'_>) -> bool {
        let Some(found) = measure(found) else { return false };
        let is_unit = |wanted: &Option<String>, found: &[Option<&str>]| {
            wanted.as_deref().is_none_or(|wanted| found.contains(&Some(wanted)))
        };
        let names = [found.code, found.unit.filter(|_| self.system.is_none())];
        is_unit(&self.system, &[found.system])
            && is_unit(&self.code, &names)
            && self.number.holds(&found.numbers)
    }
}

#[cfg(test)]
#[path = "quantity_tests.rs"]
mod tests;
