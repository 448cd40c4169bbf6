//! Answers of the engine itself: to messages that are no requests, and to requests beyond a limit.

use crate::fhir::outcome::{Issue, Severity};
use crate::http::message::Response;

/// Why a message is refused before a handler sees it. The connection ends with such an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, for a person.
    pub what: String,
}

impl Refusal {
    /// A refusal with this status.
    pub fn new(status: u16, what: impl Into<String>) -> Refusal {
        Refusal { status, what: what.into() }
    }

    /// 400: the message is not what the grammar of HTTP has.
    pub fn bad(what: impl Into<String>) -> Refusal {
        Refusal::new(400, what)
    }

    /// The answer: an OperationOutcome.
    pub fn response(self) -> Response {
        // http://hl7.org/fhir/R4/valueset-issue-type.html
        let code = match self.status {
            408 => "timeout",
            413 => "too-costly",
            414 | 431 => "too-long",
            417 | 501 | 505 => "not-supported",
            503 => "transient",
            _ => "invalid",
        };
        let issue =
            Issue { severity: Severity::Error, code: code.to_owned(), diagnostics: self.what };
        let response = Response::outcome(self.status, issue);
        if self.status == 503 { response.with("Retry-After", "1") } else { response }
    }
}

/// Why a request gets no further.
pub enum Halt {
    /// The message is refused.
    Refused(Refusal),
    /// The handler refuses the body, with this answer.
    Answered(Box<Response>),
    /// The client has gone, or was silent for too long and waits for no answer.
    Gone,
}

impl Halt {
    /// The answer, if there is one.
    pub fn answer(self) -> Option<Response> {
        match self {
            Halt::Refused(refusal) => Some(refusal.response()),
            Halt::Answered(response) => Some(*response),
            Halt::Gone => None,
        }
    }
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Halt {
        Halt::Refused(refusal)
    }
}
