//! The values of rows as databases hold them: nothing, an integer, a double, or a text.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html#type-hinting-with-tags>. No digit of a
//! decimal is lost without the view asking for that. How a database declares its columns is not said here.

use std::borrow::Cow;

use super::column::{ColumnKind, ViewColumn};
use super::value::ViewValue;
use crate::fhir::path::Decimal;

/// What a value of a view is bound as.
#[derive(Clone, Debug, PartialEq)]
pub enum BoundValue<'v> {
    /// NULL.
    Null,
    /// An INTEGER.
    Integer(i64),
    /// A REAL.
    Real(f64),
    /// A TEXT.
    Text(Cow<'v, str>),
}

/// What a value is bound as. Booleans are 0 and 1; lists and elements that have elements are JSON. A decimal
/// is a number where the shortest text of the double has the same value, else its text: zeros at its end are
/// not kept, since a number has none.
pub fn bound<'v>(column: &ViewColumn, value: &'v ViewValue<'_>) -> BoundValue<'v> {
    match (column.kind, value) {
        (_, ViewValue::Null) => BoundValue::Null,
        (ColumnKind::Boolean, ViewValue::Boolean(value)) => BoundValue::Integer(i64::from(*value)),
        (ColumnKind::Integer | ColumnKind::Integer64, ViewValue::Number(lexeme)) => {
            lexeme.parse().map_or(BoundValue::Text(Cow::Borrowed(lexeme)), BoundValue::Integer)
        }
        (ColumnKind::Decimal, ViewValue::Number(lexeme)) => number(lexeme, column.is_double()),
        (_, value) => value.plain().map_or(BoundValue::Null, BoundValue::Text),
    }
}

/// A decimal: an integer, a double, or its text where a double would lose digits.
fn number(lexeme: &str, is_double: bool) -> BoundValue<'_> {
    if !is_double && let Ok(whole) = lexeme.parse() {
        return BoundValue::Integer(whole);
    }
    match lexeme.parse::<f64>() {
        Ok(double) if double.is_finite() => {
            let is_exact = is_double || is_same_number(lexeme, &double.to_string());
            if is_exact {
                BoundValue::Real(double)
            } else {
                BoundValue::Text(Cow::Borrowed(lexeme))
            }
        }
        _ => BoundValue::Text(Cow::Borrowed(lexeme)),
    }
}

/// True for two lexemes of the same number.
fn is_same_number(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let both = Decimal::parse(one).zip(Decimal::parse(other));
    both.is_some_and(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_numbers_where_a_double_has_their_digits() {
        let of = ViewColumn::named("value", ColumnKind::Decimal);
        for (lexeme, wanted) in [
            ("140", BoundValue::Integer(140)),
            ("5.40", BoundValue::Real(5.4)),
            ("1e2", BoundValue::Real(100.0)),
            ("-0.1", BoundValue::Real(-0.1)),
            ("0.1234567890123456", BoundValue::Real(0.1234567890123456)),
            ("0.12345678901234567890", BoundValue::Text("0.12345678901234567890".into())),
            ("12345678901234567890", BoundValue::Text("12345678901234567890".into())),
            ("1e400", BoundValue::Text("1e400".into())),
        ] {
            assert_eq!(bound(&of, &ViewValue::Number(lexeme.into())), wanted, "{lexeme}");
        }
        let of = ViewColumn::named("active", ColumnKind::Boolean);
        assert_eq!(bound(&of, &ViewValue::Boolean(true)), BoundValue::Integer(1));
        let of = ViewColumn::named("text", ColumnKind::Text);
        assert_eq!(bound(&of, &ViewValue::Boolean(true)), BoundValue::Text("true".into()));
    }
}
