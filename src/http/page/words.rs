//! How the screens write numbers, times, URLs and texts of others.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::secrets::is_secret;
use crate::shown::{shortened, shown};
use crate::time::Instant;

/// All but what ids and words are made of.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');
/// The most characters of a text in a table.
const MOST_IN_TABLE: usize = 90;

/// A number with a comma between each three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes in the unit that suits it.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if number < 1000 {
        return format!("{number} bytes");
    }
    let mut tenths = number.saturating_add(50) / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths = tenths.div_ceil(1000);
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A time to the second, in UTC.
pub fn when(time: Instant) -> String {
    let text = time.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{} UTC", seconds.replacen('T', " ", 1)),
        None => text,
    }
}

/// A text of others: nothing in it changes how it reads, and it is not too long for a table.
pub fn cell_text(text: &str) -> String {
    shown(&shortened(text.trim(), MOST_IN_TABLE)).into_owned()
}

/// The day of a time as FHIR writes it.
pub fn day(text: &str) -> &str {
    text.get(..10).unwrap_or(text)
}

/// The path of a resource's screen.
pub fn resource_path(root: &str, resource_type: &str, id: &str) -> String {
    format!("{root}/browse/{}/{}", escaped(resource_type), escaped(id))
}

/// A text as a segment of a path, or as a value in a query.
pub fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// A URL with these parameters, without those that `is_left_out` names and without secrets.
pub fn url_with(
    path: &str,
    query: &[(String, String)],
    is_left_out: impl Fn(&str) -> bool,
) -> String {
    let kept = query.iter().filter(|(name, value)| !is_left_out(name) && !is_secret(name, value));
    let pairs: Vec<String> =
        kept.map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    match pairs.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", pairs.join("&")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (number, wanted) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), wanted);
        }
        for (number, wanted) in [
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (1_049, "1.0 kB"),
            (999_949, "999.9 kB"),
            (1_250_000, "1.3 MB"),
            (5_000_000_000, "5.0 GB"),
            (u64::MAX, "18446744.1 TB"),
        ] {
            assert_eq!(bytes(number), wanted);
        }
        assert_eq!(when(Instant::from_micros(0)), "1970-01-01 00:00:00 UTC");
    }

    #[test]
    fn urls_are_escaped_part_by_part() {
        let query = [("name", "a&b=c"), ("_after", "7"), ("x\"", "<")];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let url = url_with("/browse/Patient", &query, |name| name == "_after");
        assert_eq!(url, "/browse/Patient?name=a%26b%3Dc&x%22=%3C");
        assert_eq!(resource_path("/x", "Patient", "a/../\"b"), "/x/browse/Patient/a%2F..%2F%22b");
    }
}
