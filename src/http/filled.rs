//! Data that a test gives a server: imported as a whole or not at all.
//!
//! What data can look like is said by `src/import/`; an array of resources is one more form here.

use serde_json::value::RawValue;

use crate::error::{Error, Kind, Result};
use crate::fhir::outcome::{Issue, Severity};
use crate::import::{Import, Observer, Remark, Report};
use crate::source::{Input, Inputs};
use crate::store::{Store, User};

/// The most rejected items that are named.
const MOST_REJECTS: usize = 100;

/// What came of data.
pub enum FillOutcome {
    /// All of it was imported.
    Done(Report),
    /// None of it was, and why.
    Refused(Vec<Issue>),
}

/// Imports all of some data, or nothing: an array of resources, a resource, a Bundle, NDJSON of either, or an archive.
///
/// # Errors
/// `Invalid` for data without a resource; where the store cannot be written.
pub fn filled(store: &Store, data: &[u8], owner: Option<&User>) -> Result<FillOutcome> {
    let inputs = vec![Input::memory("body", &unwrapped(data))];
    let inputs = Inputs { inputs, ..Inputs::default() };
    let mut import = Import::new().strict(true);
    if let Some(owner) = owner {
        import = import.user(owner);
    }
    let mut rejects = Rejects(Vec::new());
    let report = import.run(store, &inputs, &mut rejects)?;
    if report.rejected > 0 {
        return Ok(FillOutcome::Refused(rejects.0));
    }
    if report.found_nothing {
        let what = "there is no resource in the body; send a JSON array of resources, or NDJSON";
        return Err(Error::new(Kind::Invalid, what));
    }
    Ok(FillOutcome::Done(report))
}

/// The elements of an array as lines. Everything else stays as it is, and the import says what is wrong with it.
fn unwrapped(data: &[u8]) -> Vec<u8> {
    let elements: std::result::Result<Vec<&RawValue>, _> = serde_json::from_slice(data);
    match elements {
        // Line breaks within JSON are white space, and none can be in its strings.
        Ok(elements) => {
            let lines = elements.iter().map(|raw| raw.get().replace(['\n', '\r'], " "));
            lines.flat_map(|line| (line + "\n").into_bytes()).collect()
        }
        Err(_) => data.to_vec(),
    }
}

/// Keeps why items were not taken.
struct Rejects(Vec<Issue>);

impl Observer for Rejects {
    fn rejected(&mut self, remark: &Remark) {
        if self.0.len() < MOST_REJECTS {
            self.0.push(Issue {
                severity: Severity::Error,
                code: "invalid".to_owned(),
                diagnostics: remark.to_string(),
            });
        }
    }
}
