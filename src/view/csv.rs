//! Rows as CSV.
//!
//! <https://www.rfc-editor.org/rfc/rfc4180>: commas, line ends of two bytes, quotes where a field needs
//! them. Nothing is an empty field, an empty text is `""`. Lists and objects are JSON. A view of one
//! column has `""` for nothing too, because readers skip empty lines. There is no byte order mark.

use crate::fhir::view::{ViewColumn, ViewValue};

/// Adds the line of the names of the columns.
pub(super) fn write_header(columns: &[ViewColumn], csv: &mut String) {
    write_record(columns.iter().map(|column| Some(column.name.as_str())), csv);
}

/// Adds a row.
pub(super) fn write_row(values: &[&ViewValue<'_>], csv: &mut String) {
    write_record(values.iter().map(|value| value.plain()), csv);
}

fn write_record(fields: impl Iterator<Item = Option<impl AsRef<str>>>, csv: &mut String) {
    let start = csv.len();
    for (number, field) in fields.enumerate() {
        if number > 0 {
            csv.push(',');
        }
        if let Some(field) = field {
            write_field(field.as_ref(), csv);
        }
    }
    if csv.len() == start {
        csv.push_str("\"\"");
    }
    csv.push_str("\r\n");
}

fn write_field(text: &str, csv: &mut String) {
    let needs_quotes = |b: &u8| matches!(b, b',' | b'"' | b'\r' | b'\n');
    // Without a way out of the loop several bytes are looked at at once, and most fields are short.
    if !text.is_empty() && !text.as_bytes().iter().fold(false, |any, b| any | needs_quotes(b)) {
        csv.push_str(text);
        return;
    }
    csv.push('"');
    for (number, part) in text.split('"').enumerate() {
        if number > 0 {
            csv.push_str("\"\"");
        }
        csv.push_str(part);
    }
    csv.push('"');
}
