//! The table of a view in SQLite: how its columns are declared, and what their values are bound as.
//!
//! <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>. A declared type is a choice
//! of affinity, and affinity changes values that are stored. Pure: no connection, and no row is written.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::fhir::view::{ColumnKind, ViewColumn, ViewError, ViewValue};

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

/// The columns of a view's table, as `CREATE TABLE` lists them: `"id" TEXT, "active" INTEGER`.
///
/// | values | declared | affinity | why |
/// |---|---|---|---|
/// | booleans | `INTEGER` | INTEGER | 0 and 1, as SQLite's own conditions give them. `BOOLEAN` would have the affinity NUMERIC, and other programs take it for text |
/// | `integer`, `positiveInt`, `unsignedInt`, `integer64` | `INTEGER` | INTEGER | exact up to 64 bits |
/// | decimals | nothing | BLOB | what is bound stays as it is: a number where a double has all its digits, else the text, of which any affinity for numbers would keep 15 digits. TEXT would compare as text: `'99' > '140'` |
/// | decimals with the tag `ansi/type` = `DOUBLE PRECISION` | `REAL` | REAL | the view asks for doubles |
/// | dates, dateTimes, instants, times | `TEXT` | TEXT | FHIR's form sorts; `DATE` would have the affinity NUMERIC and make the number 2020 of the year |
/// | other primitive types, columns without a type | `TEXT` | TEXT | identifiers keep their zeros: `007` |
/// | lists; elements that have elements | `TEXT` | TEXT | JSON, for `json_each` and `->>` |
///
/// Tables are not STRICT: a sqlite3 before 3.37 could not open the file at all.
///
/// # Errors
///
/// Two names differ in capitals alone, which SQLite takes for the same. The error names both columns.
pub fn declared_columns(columns: &[ViewColumn]) -> Result<String, ViewError> {
    let mut names: HashMap<String, &str> = HashMap::new();
    let mut declared = Vec::with_capacity(columns.len());
    for column in columns {
        let name = column.name.as_str();
        if let Some(other) = names.insert(name.to_ascii_lowercase(), name) {
            return Err(ViewError::new(
                "select",
                format!(
                    "SQLite takes the columns `{other}` and `{name}` for the same; rename one of them"
                ),
            ));
        }
        let of = declared_type(column);
        let space = if of.is_empty() { "" } else { " " };
        // The reader of views takes letters, digits and underscores alone.
        declared.push(format!("\"{name}\"{space}{of}"));
    }
    Ok(declared.join(", "))
}

/// The type that a column is declared with; empty for none.
fn declared_type(column: &ViewColumn) -> &'static str {
    match column.kind {
        _ if column.is_collection => "TEXT",
        ColumnKind::Boolean | ColumnKind::Integer | ColumnKind::Integer64 => "INTEGER",
        ColumnKind::Decimal if column.is_double() => "REAL",
        ColumnKind::Decimal => "",
        ColumnKind::Text | ColumnKind::Json => "TEXT",
    }
}

/// What a value is bound as, in a column that is declared by [`declared_columns`]. A decimal is a number
/// where the shortest text of the double has the same value: zeros at its end are not kept, since a
/// number has none.
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
    use crate::fhir::path::Decimal;
    let both = Decimal::parse(one).zip(Decimal::parse(other));
    both.is_some_and(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: ColumnKind) -> ViewColumn {
        ViewColumn {
            name: name.to_owned(),
            type_name: None,
            kind,
            is_collection: false,
            description: None,
            tags: Vec::new(),
        }
    }

    #[test]
    fn columns_are_declared_by_their_kinds() {
        let mut list = column("list", ColumnKind::Integer);
        list.is_collection = true;
        let columns = [
            column("id", ColumnKind::Text),
            column("active", ColumnKind::Boolean),
            column("value", ColumnKind::Decimal),
            list,
        ];
        let declared = declared_columns(&columns).unwrap();
        assert_eq!(declared, r#""id" TEXT, "active" INTEGER, "value", "list" TEXT"#);
        let twice = [column("id", ColumnKind::Text), column("ID", ColumnKind::Text)];
        assert!(declared_columns(&twice).unwrap_err().to_string().contains("`id` and `ID`"));
    }

    #[test]
    fn decimals_are_numbers_where_a_double_has_their_digits() {
        let of = column("value", ColumnKind::Decimal);
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
        let of = column("active", ColumnKind::Boolean);
        assert_eq!(bound(&of, &ViewValue::Boolean(true)), BoundValue::Integer(1));
        let of = column("text", ColumnKind::Text);
        assert_eq!(bound(&of, &ViewValue::Boolean(true)), BoundValue::Text("true".into()));
    }
}
