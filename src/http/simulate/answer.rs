//! Faults in an answer: its status, its body, and its headers.
//!
//! An answer is a value here: status, headers, body in memory. Some faults answer instead of the server,
//! so that no job begins and no file is read; the others change what the server answers. The status codes
//! of an export are in <https://hl7.org/fhir/uv/bulkdata/export.html>. Manifests and files have more
//! faults: `manifest.rs`, `rows.rs`, `wire.rs`.

use super::member::FaultMember;
use super::place::FaultPlace;
use super::retry_after::RetryAfter;
use super::rule::FaultRule;
use super::urls;
use crate::fhir::outcome::{Issue, OperationOutcome, Severity};
use crate::time::Instant;

/// The media type of an OperationOutcome.
const FHIR_JSON: &str = "application/fhir+json";
const CONTENT_TYPE: &str = "Content-Type";
const LOCATION: &str = "Location";
const RETRY_AFTER: &str = "Retry-After";
const CONTENT_LOCATION: &str = "Content-Location";
/// The status of a redirect, unless the rule says another.
const FOUND: u16 = 302;
/// The status of a token endpoint's error, unless the rule says another.
const BAD_REQUEST: u16 = 400;
/// What an error says, unless the rule says something else.
const MESSAGE: &str = "a fault that the simulation was asked for";

/// An answer whose body is in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainAnswer {
    /// The status code.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl PlainAnswer {
    /// An answer without a body.
    pub fn empty(status: u16) -> PlainAnswer {
        PlainAnswer { status, ..PlainAnswer::default() }
    }

    /// An answer with a body.
    pub fn new(status: u16, content_type: &str, body: Vec<u8>) -> PlainAnswer {
        PlainAnswer { status, headers: vec![(CONTENT_TYPE, content_type.to_owned())], body }
    }

    /// An OperationOutcome with one error.
    pub fn outcome(status: u16, code: &str, diagnostics: &str) -> PlainAnswer {
        let issue = Issue {
            severity: Severity::Error,
            code: code.to_owned(),
            diagnostics: diagnostics.to_owned(),
        };
        PlainAnswer::new(status, FHIR_JSON, OperationOutcome::of(&[issue]).to_line())
    }

    /// Adds a header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> PlainAnswer {
        self.headers.push((name, value.into()));
        self
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let is_it = |(known, _): &&(&'static str, String)| known.eq_ignore_ascii_case(name);
        self.headers.iter().find(is_it).map(|(_, value)| value.as_str())
    }

    /// Sets a header, or removes it.
    pub fn set(&mut self, name: &'static str, value: Option<String>) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.extend(value.map(|value| (name, value)));
    }
}

/// What an answer's faults must know of the request.
#[derive(Clone, Copy, Debug)]
pub struct AnswerPlace<'a> {
    /// The absolute URL of the request.
    pub url: &'a str,
    /// The time.
    pub now: Instant,
}

/// What happens to an answer by one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerFault {
    place: FaultPlace,
    status: Option<u16>,
    body: Option<ErrorBody>,
    code: Option<String>,
    message: String,
    token_error: Option<String>,
    retry_after: Option<RetryAfter>,
    redirect: Option<RedirectForm>,
    content_location: Option<LocationForm>,
}

/// The form of an error's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorBody {
    Outcome,
    Text,
    Empty,
}

/// Where a redirect leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RedirectForm {
    Foreign,
    Loop,
    Relative,
}

/// What is wrong with `Content-Location`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LocationForm {
    Absent,
    Relative,
    Foreign,
}

impl AnswerFault {
    /// The part of a rule that is about answers.
    pub fn of(rule: &FaultRule) -> AnswerFault {
        let body = rule.text(FaultMember::Body).map(|word| match word {
            "text" => ErrorBody::Text,
            "empty" => ErrorBody::Empty,
            _ => ErrorBody::Outcome,
        });
        let redirect = rule.text(FaultMember::Redirect).map(|word| match word {
            "loop" => RedirectForm::Loop,
            "relative" => RedirectForm::Relative,
            _ => RedirectForm::Foreign,
        });
        let content_location = rule.text(FaultMember::ContentLocation).map(|word| match word {
            "relative" => LocationForm::Relative,
            "foreign" => LocationForm::Foreign,
            _ => LocationForm::Absent,
        });
        AnswerFault {
            place: rule.place(),
            status: rule.count(FaultMember::Status).and_then(|status| u16::try_from(status).ok()),
            body,
            code: rule.text(FaultMember::Code).map(str::to_owned),
            message: rule.text(FaultMember::Message).unwrap_or(MESSAGE).to_owned(),
            token_error: rule.text(FaultMember::TokenError).map(str::to_owned),
            retry_after: rule.text(FaultMember::RetryAfter).and_then(RetryAfter::parse),
            redirect,
            content_location,
        }
    }

    /// The answer instead of the server's; `None` where the server answers.
    pub fn instead(&self, place: AnswerPlace<'_>) -> Option<PlainAnswer> {
        let answer = match (self.redirect, self.status) {
            (Some(form), status) => redirect(form, status.unwrap_or(FOUND), place.url),
            (None, Some(204)) => PlainAnswer::empty(204),
            (None, Some(status @ 300..=399)) => {
                PlainAnswer::empty(status).with(LOCATION, place.url)
            }
            (None, Some(status @ 400..)) => self.error(status),
            (None, None) if self.token_error.is_some() => self.error(BAD_REQUEST),
            (None, _) => return None,
        };
        let value = self.retry_after.as_ref().and_then(|form| form.value(place.now));
        Some(match value {
            Some(value) => answer.with(RETRY_AFTER, value),
            None => answer,
        })
    }

    /// True for a redirect to another host. There the request should be answered.
    pub fn leads_away(&self) -> bool {
        self.redirect == Some(RedirectForm::Foreign)
    }

    /// Changes what the server answers.
    pub fn apply(&self, answer: &mut PlainAnswer, place: AnswerPlace<'_>) {
        if let Some(status) = self.status {
            answer.status = status;
        }
        if let Some(form) = self.content_location
            && let Some(url) = answer.header(CONTENT_LOCATION)
        {
            let value = match form {
                LocationForm::Absent => None,
                LocationForm::Relative => Some(urls::relative(url)),
                LocationForm::Foreign => Some(urls::foreign(url)),
            };
            answer.set(CONTENT_LOCATION, value);
        }
        // Only these answers tell a client to come back.
        if let Some(form) = &self.retry_after
            && matches!(answer.status, 202 | 429 | 503)
        {
            answer.set(RETRY_AFTER, form.value(place.now));
        }
    }

    fn error(&self, status: u16) -> PlainAnswer {
        if let (FaultPlace::Token, None) = (self.place, self.body) {
            return token_error(status, self.token_error.as_deref(), &self.message);
        }
        let code = self.code.as_deref().unwrap_or_else(|| usual_code(status));
        match self.body {
            None | Some(ErrorBody::Outcome) => PlainAnswer::outcome(status, code, &self.message),
            Some(ErrorBody::Text) => {
                PlainAnswer::new(status, "text/plain", self.message.clone().into_bytes())
            }
            Some(ErrorBody::Empty) => PlainAnswer::empty(status),
        }
    }
}

/// An error of the token endpoint: <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>.
fn token_error(status: u16, error: Option<&str>, description: &str) -> PlainAnswer {
    let usual = match status {
        401 => "invalid_client",
        400..=499 => "invalid_request",
        _ => "server_error",
    };
    let json = serde_json::json!({
        "error": error.unwrap_or(usual),
        "error_description": description,
    });
    PlainAnswer::new(status, "application/json", json.to_string().into_bytes())
}

fn redirect(form: RedirectForm, status: u16, url: &str) -> PlainAnswer {
    let location = match form {
        RedirectForm::Foreign => urls::foreign(url),
        RedirectForm::Loop => url.to_owned(),
        RedirectForm::Relative => urls::relative(url),
    };
    PlainAnswer::empty(status).with(LOCATION, location)
}

/// The issue code that a status usually has: <https://hl7.org/fhir/R4/valueset-issue-type.html>.
fn usual_code(status: u16) -> &'static str {
    match status {
        401 => "login",
        403 => "forbidden",
        404 => "not-found",
        408 | 504 => "timeout",
        410 => "deleted",
        429 => "throttled",
        502 | 503 => "transient",
        400..=499 => "invalid",
        _ => "exception",
    }
}
