//! How the screens write numbers, times, URLs and texts of others.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::rest::id_segment;
use crate::http::secrets::is_secret;
use crate::shown::{shortened, shown};
use crate::time::Instant;

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

/// A number of bytes, in a unit that people read.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (number as f64, 0);
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{number} bytes"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
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

/// The path of a resource's screen.
pub fn resource_path(root: &str, resource_type: &str, id: &str) -> String {
    format!("{root}/browse/{}/{}", id_segment(resource_type), id_segment(id))
}

/// A URL with these parameters, without those that `is_left_out` names and without secrets.
pub fn url_with(
    path: &str,
    query: &[(String, String)],
    is_left_out: impl Fn(&str) -> bool,
) -> String {
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
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
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1_500), "1.5 kB");
        assert_eq!(bytes(2_000_000_000), "2.0 GB");
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
