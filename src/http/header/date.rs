//! Dates: `Date`, `Expires`, `Last-Modified`.

use chrono::DateTime;

use crate::time::Instant;

/// Writes a time as headers have it: <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>
pub fn http_date(time: Instant) -> String {
    let time = DateTime::from_timestamp_micros(time.micros()).unwrap_or_default();
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
