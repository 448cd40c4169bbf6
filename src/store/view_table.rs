//! The table of a view in SQLite: how its columns are declared.
//!
//! <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>. A declared type is a choice
//! of affinity, and affinity changes values that are stored. Pure: no connection, and no row is written.
//! What the values are bound as is in `fhir/view/bound.rs`.

use std::collections::HashMap;

use crate::fhir::view::{ColumnKind, ViewColumn, ViewError};

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
pub fn declared_columns(columns: &[ViewColumn]) -> Result<Vec<String>, ViewError> {
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
    Ok(declared)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_declared_by_their_kinds() {
        let mut list = ViewColumn::named("list", ColumnKind::Integer);
        list.is_collection = true;
        let columns = [
            ViewColumn::named("id", ColumnKind::Text),
            ViewColumn::named("active", ColumnKind::Boolean),
            ViewColumn::named("value", ColumnKind::Decimal),
            list,
        ];
        let declared = declared_columns(&columns).unwrap();
        assert_eq!(declared, ["\"id\" TEXT", "\"active\" INTEGER", "\"value\"", "\"list\" TEXT"]);
        let twice = ["id", "ID"].map(|name| ViewColumn::named(name, ColumnKind::Text));
        assert!(declared_columns(&twice).unwrap_err().to_string().contains("`id` and `ID`"));
    }
}
