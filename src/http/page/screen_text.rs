//! Texts of data as cells and links have them. The templates escape them.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::shown::{shortened, shown};

/// The longest text in a cell.
const LONGEST_TEXT: usize = 160;

/// A text as a cell shows it: cut, and without characters that turn the direction of writing.
pub fn in_cell(text: &str) -> String {
    shortened(&shown(text), LONGEST_TEXT).into_owned()
}

/// The path of a resource's screen, below the root.
pub fn resource_path(resource_type: &str, id: &str) -> String {
    format!("/browse/{}/{}", segment(resource_type), segment(id))
}

/// A text as a segment of a path, or as a value in a query.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().replace("%2D", "-").replace("%5F", "_")
}

/// The day of a time as FHIR writes it.
pub fn day(text: &str) -> &str {
    text.get(..10).unwrap_or(text)
}
