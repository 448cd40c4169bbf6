//! Why a request of SQL on FHIR is refused: an OperationOutcome whose issues name the parameters at fault.
//!
//! <https://sql-on-fhir.org/ig/OperationDefinition-SQLRun.html#error-handling>: the statuses and the codes of issues.
//! Errors of other kinds go on as they are.

use serde::Serialize;

use crate::error::{Error, Kind, Result};
use crate::fhir::outcome::Severity;
use crate::fhir::view::ViewError;
use crate::http::header::FHIR_JSON;
use crate::http::message::Response;

/// One thing that is wrong with a request.
#[derive(Clone, Debug, Serialize)]
pub struct SqlIssue {
    severity: Severity,
    code: &'static str,
    diagnostics: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<[String; 1]>,
}

impl SqlIssue {
    /// An issue with a code of the value set `issue-type`. An empty `expression` names no parameter.
    pub fn new(code: &'static str, expression: &str, diagnostics: impl Into<String>) -> SqlIssue {
        let expression = (!expression.is_empty()).then(|| [expression.to_owned()]);
        SqlIssue { severity: Severity::Error, code, diagnostics: diagnostics.into(), expression }
    }
}

/// The OperationOutcome of a refusal.
#[derive(Serialize)]
struct SqlFaults<'i> {
    #[serde(rename = "resourceType")]
    resource_type: &'static str,
    issue: &'i [SqlIssue],
}

/// Why a request is not carried out.
#[derive(Debug)]
pub enum SqlRefusal {
    /// What the client is told.
    Told {
        /// The status of the answer.
        status: u16,
        /// What is wrong; at least one thing.
        issues: Vec<SqlIssue>,
    },
    /// An error that every handler may meet.
    Failed(Error),
}

/// The result of what may be refused.
pub type SqlOutcome<T> = std::result::Result<T, SqlRefusal>;

impl SqlRefusal {
    /// A refusal for one reason.
    pub fn new(
        status: u16,
        code: &'static str,
        expression: &str,
        diagnostics: impl Into<String>,
    ) -> SqlRefusal {
        SqlRefusal::Told { status, issues: vec![SqlIssue::new(code, expression, diagnostics)] }
    }

    /// A parameter that is wrong.
    pub fn invalid(expression: &str, diagnostics: impl Into<String>) -> SqlRefusal {
        SqlRefusal::new(400, "invalid", expression, diagnostics)
    }

    /// A resource with faults that each have their place in it.
    pub fn of_view(expression: &str, faults: &[ViewError]) -> SqlRefusal {
        let issue = |fault: &ViewError| SqlIssue::new("invalid", expression, fault.to_string());
        SqlRefusal::Told { status: 422, issues: faults.iter().map(issue).collect() }
    }

    /// The refusal with the issues of another one behind its own.
    #[must_use]
    pub fn with(self, other: SqlRefusal) -> SqlRefusal {
        match (self, other) {
            (
                SqlRefusal::Told { status, mut issues },
                SqlRefusal::Told { issues: mut more, .. },
            ) => {
                issues.append(&mut more);
                SqlRefusal::Told { status, issues }
            }
            (own, _) => own,
        }
    }

    /// True for something that is not here.
    pub fn is_not_found(&self) -> bool {
        matches!(self, SqlRefusal::Told { status: 404, .. })
    }
}

impl From<Error> for SqlRefusal {
    fn from(error: Error) -> SqlRefusal {
        SqlRefusal::Failed(error)
    }
}

/// The answer to a request that may be refused.
///
/// # Errors
/// Those that are no refusal of the operation.
pub fn told(answer: SqlOutcome<Response>) -> Result<Response> {
    match answer {
        Ok(response) => Ok(response),
        Err(SqlRefusal::Failed(error)) => Err(error),
        Err(SqlRefusal::Told { status, issues }) => {
            let outcome = SqlFaults { resource_type: "OperationOutcome", issue: &issues };
            let mut body = serde_json::to_vec(&outcome)
                .map_err(|error| Error::caused(Kind::Internal, "an OperationOutcome", error))?;
            body.push(b'\n');
            Ok(Response::new(status, FHIR_JSON, body))
        }
    }
}
