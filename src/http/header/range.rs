//! `Range`: <https://www.rfc-editor.org/rfc/rfc9110#section-14>

use std::ops::Range;

/// The part of some content that a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum RequestedRange {
    /// All bytes: the header has another unit, several ranges, or a fault, and is ignored.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes beyond the end, so none.
    Unsatisfiable,
}

impl RequestedRange {
    /// Reads a `Range` header for content of `length` bytes.
    pub fn parse(header: &str, length: u64) -> RequestedRange {
        match parse(header, length) {
            None => RequestedRange::Whole,
            Some(range) if range.is_empty() => RequestedRange::Unsatisfiable,
            Some(range) => RequestedRange::Part(range),
        }
    }
}

/// Reads the one range of a header.
fn parse(header: &str, length: u64) -> Option<Range<u64>> {
    let (unit, ranges) = header.split_once('=')?;
    let mut ranges = ranges.split(',').map(str::trim).filter(|range| !range.is_empty());
    let range = ranges.next()?;
    if !unit.eq_ignore_ascii_case("bytes") || ranges.next().is_some() {
        return None;
    }
    match range.split_once('-')? {
        ("", count) => Some(length.saturating_sub(number(count)?)..length),
        (first, "") => Some(number(first)?..length),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| first..last.saturating_add(1).min(length))
        }
    }
}

/// Reads digits. A number that is too large for the type is as good as the largest.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        for (header, first, end) in [
            ("bytes=0-0", 0, 1),
            ("bytes=3-", 3, 10),
            ("bytes=-4", 6, 10),
            ("bytes=-40", 0, 10),
            ("bytes=5-99999999999999999999999", 5, 10),
            ("Bytes=0-0", 0, 1),
            ("bytes=, 0-0 ,", 0, 1),
        ] {
            let read = RequestedRange::parse(header, 10);
            assert_eq!(read, RequestedRange::Part(first..end), "{header}");
        }
        for header in ["bytes=10-", "bytes=-0", "bytes=99-100"] {
            assert_eq!(
                RequestedRange::parse(header, 10),
                RequestedRange::Unsatisfiable,
                "{header}"
            );
        }
        for header in [
            "bytes=5-4",
            "bytes=0-1,3-4",
            "bytes=0-1, bytes=3-4",
            "lines=1-2",
            "bytes=",
            "bytes=,",
            "bytes=+1-2",
            "bytes=a-b",
            "bytes=1",
            "bytes",
        ] {
            assert_eq!(RequestedRange::parse(header, 10), RequestedRange::Whole, "{header}");
        }
    }
}
