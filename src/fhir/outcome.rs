//! `OperationOutcome`: how every error leaves the server.
//!
//! <https://hl7.org/fhir/R4/operationoutcome.html>

use serde::Serialize;

/// An OperationOutcome of one issue.
#[derive(Serialize)]
pub struct OperationOutcome<'a> {
    #[serde(rename = "resourceType")]
    resource_type: &'static str,
    issue: [Issue<'a>; 1],
}

#[derive(Serialize)]
struct Issue<'a> {
    severity: &'static str,
    code: &'a str,
    diagnostics: &'a str,
}

impl<'a> OperationOutcome<'a> {
    /// An error of `code` (value set `issue-type`) that says `diagnostics`.
    pub fn error(code: &'a str, diagnostics: &'a str) -> OperationOutcome<'a> {
        OperationOutcome {
            resource_type: "OperationOutcome",
            issue: [Issue { severity: "error", code, diagnostics }],
        }
    }
}
