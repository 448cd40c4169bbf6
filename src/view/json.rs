//! Rows as JSON objects: one on each line, or in an array.
//!
//! <https://github.com/ndjson/ndjson-spec>, <https://www.rfc-editor.org/rfc/rfc8259>. Every row has every
//! column, in order; nothing is `null`. Numbers have their lexemes.

use crate::fhir::json::quoted;
use crate::fhir::view::{ViewColumn, ViewValue};

/// What stands before each value of a row: a brace or a comma, and the name of the column.
pub(super) fn names(columns: &[ViewColumn]) -> Vec<String> {
    let names = columns.iter().enumerate().map(|(number, column)| {
        let open = if number == 0 { '{' } else { ',' };
        format!("{open}{}:", quoted(&column.name))
    });
    names.collect()
}

/// Adds a row.
pub(super) fn write_row(names: &[String], values: &[&ViewValue<'_>], json: &mut String) {
    for (name, value) in names.iter().zip(values) {
        json.push_str(name);
        value.write_json(json);
    }
    json.push('}');
}
