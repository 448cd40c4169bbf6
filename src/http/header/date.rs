//! Dates: `Date`, `Expires`, `Last-Modified`.

use chrono::{DateTime, NaiveDateTime};

use crate::time::Instant;

/// The form of a date: <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>
const FORM: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// Writes a time as headers have it.
pub fn http_date(time: Instant) -> String {
    let time = DateTime::from_timestamp_micros(time.micros()).unwrap_or_default();
    time.format(FORM).to_string()
}

/// Reads what [`http_date`] wrote, which is exact to the second.
pub fn read_http_date(text: &str) -> Option<Instant> {
    let time = NaiveDateTime::parse_from_str(text, FORM).ok()?;
    Some(Instant::from_micros(time.and_utc().timestamp_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_it_was_written() {
        let time = Instant::from_micros(1_592_215_200_000_000);
        assert_eq!(http_date(time), "Mon, 15 Jun 2020 10:00:00 GMT");
        assert_eq!(read_http_date(&http_date(time)), Some(time));
        assert_eq!(read_http_date("2020-06-15"), None);
    }
}
