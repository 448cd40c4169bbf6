//! Exports in words: what was asked for, and how much it is.

use crate::export::{Edition, ExportRequest, Level};
use crate::shown::{shortened, shown};
use crate::store::JobState;

/// The most characters of a name that a list shows.
const SHOWN: usize = 80;

/// What an export is of.
pub fn level_words(request: &ExportRequest) -> String {
    let level = match &request.level {
        Level::System => "Everything in the store".to_owned(),
        Level::Patient if request.patients.is_some() => "Some patients".to_owned(),
        Level::Patient => "All patients".to_owned(),
        Level::OnePatient(id) => format!("Patient/{}", cut(id)),
        Level::Group(id) => format!("The members of Group/{}", cut(id)),
    };
    match request.views {
        Some(_) => format!("{level}, as rows of views"),
        None => level,
    }
}

/// The types that were asked for.
pub fn type_words(request: &ExportRequest) -> String {
    match &request.filter.types {
        Some(types) => types.iter().map(|name| cut(name)).collect::<Vec<_>>().join(", "),
        None => "all".to_owned(),
    }
}

/// The edition of a manifest.
pub fn edition_words(edition: Edition) -> &'static str {
    match edition {
        Edition::Stu3 => "STU1 to STU3",
        Edition::Stu4 => "ballot of STU4",
    }
}

/// The state of a job.
pub fn state_words(state: JobState) -> &'static str {
    match state {
        JobState::Running => "In progress",
        JobState::Complete => "Finished",
        JobState::Failed => "Failed",
    }
}

/// A number of bytes in the unit that suits it.
pub fn bytes_words(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes.saturating_add(50) / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths = tenths.div_ceil(1000);
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A number with its thousands apart.
pub fn number_words(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with what it counts: `1 file`, `2 files`.
pub fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", number_words(number), if number == 1 { "" } else { "s" })
}

/// A name as a list shows it: cut, and without what changes the order of characters.
pub fn cut(text: &str) -> String {
    shortened(&shown(text), SHOWN).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_at_a_glance() {
        for (bytes, wanted) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_049, "1.0 kB"),
            (999_949, "999.9 kB"),
            (1_250_000, "1.3 MB"),
            (5_000_000_000, "5.0 GB"),
            (u64::MAX, "18446744.1 TB"),
        ] {
            assert_eq!(bytes_words(bytes), wanted);
        }
        for (number, wanted) in [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(number_words(number), wanted);
        }
        assert_eq!((&*counted(1, "file"), &*counted(0, "file")), ("1 file", "0 files"));
        assert_eq!(cut("a\u{202e}b"), "a\\u{202e}b");
    }
}
