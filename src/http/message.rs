//! Requests and responses as values, so that handlers can be tried without a socket.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use chrono::DateTime;
use percent_encoding::{CONTROLS, percent_decode_str, utf8_percent_encode};
use serde::Serialize;

use crate::error::{Error, Kind, Result};
use crate::fhir::outcome::{Issue, OperationOutcome, Severity};
use crate::time::Instant;

/// The media type of FHIR JSON.
pub const FHIR_JSON: &str = "application/fhir+json";

/// A request.
#[derive(Clone)]
pub struct Request {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// The path and query as they came, but for secrets.
    pub target: String,
    /// The path's segments, decoded.
    pub path: Vec<String>,
    /// Names and values of the query, decoded.
    pub query: Vec<(String, String)>,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body, where one is wanted.
    pub body: Vec<u8>,
    /// Whether the client can take a body in pieces (HTTP/1.1).
    pub takes_chunks: bool,
    /// From where it comes.
    pub peer: IpAddr,
    /// At which of our addresses, where we have several.
    pub local: Option<SocketAddr>,
}

/// Parameters that must not be seen again: not in a manifest, not in the audit.
const SECRETS: [&str; 4] = ["access_token", "client_assertion", "client_secret", "refresh_token"];

impl Request {
    /// From a request line and headers.
    ///
    /// # Errors
    /// `Invalid` for a target that is no path.
    pub fn new(
        method: &str,
        target: &str,
        headers: Vec<(String, String)>,
        takes_chunks: bool,
        peer: IpAddr,
    ) -> Result<Request> {
        // https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2: a target may be a whole URL.
        let target = match target.strip_prefix("http://").or(target.strip_prefix("https://")) {
            Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => target,
        };
        if !target.starts_with('/') {
            return Err(Error::new(Kind::Invalid, "the request target is not a path"));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Ok(Request {
            method: method.to_owned(),
            target: without_secrets(path, query),
            path: path.trim_start_matches('/').split('/').map(decode).collect(),
            query: pairs(query),
            headers,
            body: Vec::new(),
            takes_chunks,
            peer,
            local: None,
        })
    }

    /// The value of a header, by its name in lower case; that of several lines as one list.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.trim())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// True if the client would rather have gzip than the bytes as they are.
    pub fn prefers_gzip(&self) -> bool {
        let accepted = self.header("accept-encoding").unwrap_or_default().to_ascii_lowercase();
        let weight = |wanted: &str| {
            accepted.split(',').find_map(|coding| {
                let mut parts = coding.split(';').map(str::trim);
                let named = parts.next() == Some(wanted);
                let q = parts.find_map(|part| part.strip_prefix("q="));
                named.then(|| q.map_or(1.0, |q| q.parse::<f32>().unwrap_or(1.0)))
            })
        };
        let gzip = weight("gzip").unwrap_or(0.0);
        gzip > 0.0 && gzip >= weight("identity").unwrap_or(0.0)
    }
}

/// True for the name of a parameter whose value must not be seen again.
pub fn is_secret(name: &str) -> bool {
    SECRETS.contains(&name.to_ascii_lowercase().as_str())
}

/// A path and its query as they came, but for secrets.
fn without_secrets(path: &str, query: &str) -> String {
    let says_none = |pair: &&str| !is_secret(&decode(pair.split('=').next().unwrap_or_default()));
    let left: Vec<&str> = query.split('&').filter(says_none).collect();
    let target = match left.join("&") {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    };
    // Nobody's terminal is to obey it.
    utf8_percent_encode(&target, CONTROLS).to_string()
}

/// Names and values of a query or a form, decoded.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let pair = pair.replace('+', " ");
        let (name, value) = pair.split_once('=').unwrap_or((&pair, ""));
        (decode(name), decode(value))
    };
    text.split('&').filter(|one| !one.is_empty()).map(pair).collect()
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A time as headers have it: <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>
pub fn http_date(time: Instant) -> String {
    let time = DateTime::from_timestamp_micros(time.micros()).unwrap_or_default();
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Writes a body.
pub type Writer = Box<dyn FnOnce(&mut dyn Write) -> Result<()> + Send>;

/// What comes after the headers.
pub enum Body {
    /// These bytes.
    Bytes(Vec<u8>),
    /// As many bytes as said, written by a function.
    Exactly(u64, Writer),
    /// Bytes of which the number is not known before.
    Unknown(Writer),
}

/// A response.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names and values, without those of framing.
    pub headers: Vec<(&'static str, String)>,
    /// The body; for HEAD it is left out when it is sent, its length is not.
    pub body: Body,
}

impl Response {
    /// With a body in memory.
    pub fn new(status: u16, content_type: &str, body: Vec<u8>) -> Response {
        Response {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            body: Body::Bytes(body),
        }
    }

    /// Without a body.
    pub fn empty(status: u16) -> Response {
        Response { status, headers: Vec::new(), body: Body::Bytes(Vec::new()) }
    }

    /// The words that go with its status.
    pub fn reason(&self) -> &'static str {
        match self.status {
            200 => "OK",
            202 => "Accepted",
            204 => "No Content",
            206 => "Partial Content",
            304 => "Not Modified",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            406 => "Not Acceptable",
            408 => "Request Timeout",
            410 => "Gone",
            412 => "Precondition Failed",
            413 => "Content Too Large",
            415 => "Unsupported Media Type",
            416 => "Range Not Satisfiable",
            429 => "Too Many Requests",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        }
    }

    /// With one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    /// An OperationOutcome of one issue.
    pub fn outcome(status: u16, issue: Issue) -> Response {
        Response::new(status, FHIR_JSON, OperationOutcome::of(&[issue]).to_line())
    }

    /// An error as an OperationOutcome. Faults of our own say no more than that they are.
    pub fn error(error: &Error) -> Response {
        let (_, status, code) = error.kind().outward();
        let issue = Issue {
            severity: Severity::Error,
            code: code.to_owned(),
            diagnostics: error.for_clients().to_owned(),
        };
        let response = Response::outcome(status, issue);
        response.retry(error)
    }

    /// With how long to wait before it is tried again, where an error says so: clients that are not told
    /// wait a minute.
    pub fn retry(self, error: &Error) -> Response {
        match error.retry_after() {
            Some(seconds) => self.with("Retry-After", seconds.to_string()),
            None => self,
        }
    }

    /// Plain JSON.
    pub fn json(status: u16, body: &impl Serialize) -> Response {
        let mut text = serde_json::to_vec(body).unwrap_or_default();
        text.push(b'\n');
        Response::new(status, "application/json", text)
    }
}
