//! Exports in words: what was asked for, and how much it is.

use super::words::{cell_text, grouped};
use crate::export::{Edition, ExportRequest, Level};
use crate::store::JobState;

/// What an export is of.
pub fn level_words(request: &ExportRequest) -> String {
    let level = match &request.level {
        Level::System => "Everything in the store".to_owned(),
        Level::Patient if request.patients.is_some() => "Some patients".to_owned(),
        Level::Patient => "All patients".to_owned(),
        Level::OnePatient(id) => format!("Patient/{}", cell_text(id)),
        Level::Group(id) => format!("The members of Group/{}", cell_text(id)),
    };
    match request.views {
        Some(_) => format!("{level}, as rows of views"),
        None => level,
    }
}

/// The types that were asked for.
pub fn type_words(request: &ExportRequest) -> String {
    match &request.filter.types {
        Some(types) => types.iter().map(|name| cell_text(name)).collect::<Vec<_>>().join(", "),
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

/// A number with what it counts: `1 file`, `2 files`.
pub fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_counted() {
        assert_eq!((&*counted(1, "file"), &*counted(0, "file")), ("1 file", "0 files"));
    }
}
