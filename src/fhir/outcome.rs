//! `OperationOutcome`: how every error leaves the server, and what is said beside an export.
//!
//! <https://hl7.org/fhir/R4/operationoutcome.html>

use serde::{Deserialize, Serialize};

/// How much an issue matters: the value set `issue-severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// What was asked for was not done.
    Error,
    /// It was done, though not quite as asked.
    Warning,
    /// It was done.
    Information,
}

/// One issue: what is said, and how much it matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// How much it matters.
    pub severity: Severity,
    /// A code of the value set `issue-type`.
    pub code: String,
    /// For a person: what is wrong and what would be right.
    pub diagnostics: String,
}

impl Issue {
    /// A warning about something that was asked for and left out of account.
    pub fn warning(code: &str, diagnostics: impl Into<String>) -> Issue {
        Issue {
            severity: Severity::Warning,
            code: code.to_owned(),
            diagnostics: diagnostics.into(),
        }
    }

    /// Something worth knowing.
    pub fn information(diagnostics: impl Into<String>) -> Issue {
        let code = "informational".to_owned();
        Issue { severity: Severity::Information, code, diagnostics: diagnostics.into() }
    }
}

/// An OperationOutcome.
#[derive(Serialize)]
pub struct OperationOutcome<'a> {
    #[serde(rename = "resourceType")]
    resource_type: &'static str,
    issue: &'a [Issue],
}

impl<'a> OperationOutcome<'a> {
    /// Of these issues, of which there should be one at least.
    pub fn of(issue: &'a [Issue]) -> OperationOutcome<'a> {
        OperationOutcome { resource_type: "OperationOutcome", issue }
    }

    /// As one line of JSON, with its end.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}
