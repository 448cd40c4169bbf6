//! `OperationOutcome`: the form of every error of the server, and of the notices beside an export.
//!
//! <https://hl7.org/fhir/R4/operationoutcome.html>

use serde::{Deserialize, Serialize};

/// How much an issue matters: the value set `issue-severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The request was not carried out.
    Error,
    /// The request was carried out, but not quite as asked.
    Warning,
    /// The request was carried out.
    Information,
}

/// One issue of an OperationOutcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// How much it matters.
    pub severity: Severity,
    /// A code of the value set `issue-type`.
    pub code: String,
    /// What is wrong and what would be right, for a person.
    pub diagnostics: String,
}

impl Issue {
    /// A warning about a part of the request that was ignored.
    pub fn warning(code: &str, diagnostics: impl Into<String>) -> Issue {
        Issue {
            severity: Severity::Warning,
            code: code.to_owned(),
            diagnostics: diagnostics.into(),
        }
    }

    /// A piece of information that asks for no action.
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
    /// An outcome with these issues; FHIR wants at least one.
    pub fn of(issue: &'a [Issue]) -> OperationOutcome<'a> {
        OperationOutcome { resource_type: "OperationOutcome", issue }
    }

    /// Writes the outcome as one line of JSON, line break included.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}
