//! Requests and responses as values, so that handlers are tested without a socket.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::answered::Noted;
use super::form::{parse_form, target_without_secrets};
use super::header::{
    self, AcceptedTypes, FHIR_JSON, MediaType, Preferences, is_host, is_identity, takes_json,
    takes_ndjson,
};
use super::peer::Scheme;
use super::shaped::ShapedBody;
use crate::access::GrantTerms;
use crate::error::{Error, Kind, Result};
use crate::fhir::outcome::{Issue, OperationOutcome, Severity};
use crate::spilled::{LARGE, SpilledBytes};

/// A request.
#[derive(Clone)]
pub struct Request {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// The path and the query as they came, without secret parameters.
    pub target: String,
    /// The decoded segments of the path.
    pub path: Vec<String>,
    /// The decoded names and values of the query.
    pub query: Vec<(String, String)>,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body; empty where the path takes none.
    pub body: Vec<u8>,
    /// True if the client understands chunked bodies (HTTP/1.1).
    pub takes_chunks: bool,
    /// Names the request in its answer and in the log; the engine sets it.
    pub id: String,
    /// What handlers find out about it, for the log and the metrics.
    pub noted: Arc<Noted>,
    /// The client's address: that of the connection, or the one that a trusted proxy names.
    pub peer: IpAddr,
    /// The address at which the request arrived; `None` for a Unix socket.
    pub local: Option<SocketAddr>,
    /// Whether the client still waits for the answer.
    pub watch: ClientWatch,
    /// Whether the connection has TLS.
    pub scheme: Scheme,
    /// Whether the client speaks TLS with a trusted proxy that says so.
    pub proxy_scheme: Option<Scheme>,
    /// The host that the client named to a trusted proxy.
    pub proxy_host: Option<String>,
    /// What stands in front of the path in URLs: nothing, or a segment that `simulated/` took away.
    pub prefix: String,
    /// What differs from the usual where it asks for a token.
    pub terms: GrantTerms,
}

impl Request {
    /// Makes a request of a request line and headers.
    ///
    /// # Errors
    /// `Invalid` for a target that is neither a path nor a URL.
    pub fn new(
        method: &str,
        target: &str,
        mut headers: Vec<(String, String)>,
        takes_chunks: bool,
        peer: IpAddr,
    ) -> Result<Request> {
        let (authority, target) = match (method, target) {
            // https://www.rfc-editor.org/rfc/rfc9110#section-9.3.7: the server itself.
            ("OPTIONS", "*") => (None, "*"),
            _ => split_target(target)?,
        };
        if let Some(authority) = authority {
            headers.retain(|(name, _)| name != "host");
            headers.push(("host".to_owned(), authority.to_owned()));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Ok(Request {
            method: method.to_owned(),
            target: target_without_secrets(path, query),
            path: path.trim_start_matches('/').split('/').map(decoded).collect(),
            query: parse_form(query.as_bytes()),
            id: String::new(),
            noted: Arc::default(),
            headers,
            body: Vec::new(),
            takes_chunks,
            peer,
            local: None,
            watch: ClientWatch::default(),
            scheme: Scheme::Http,
            proxy_scheme: None,
            proxy_host: None,
            prefix: String::new(),
            terms: GrantTerms::default(),
        })
    }

    /// The value of a header, by its name in lower case. Several lines make one list.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.trim())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The first value of a query parameter.
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The preferences of the client.
    pub fn preferences(&self) -> Preferences {
        Preferences::parse(&self.header("prefer").unwrap_or_default())
    }

    /// True if the client prefers gzip to bytes without a coding.
    pub fn prefers_gzip(&self) -> bool {
        self.header("accept-encoding").is_some_and(|header| header::prefers_gzip(&header))
    }

    /// The media types that the client accepts; `None` if it does not say.
    pub fn accept(&self) -> Option<AcceptedTypes> {
        let header = self.header("accept").filter(|header| !header.is_empty())?;
        Some(AcceptedTypes::parse(&header))
    }

    /// Checks that the client takes JSON, the only format of this server.
    ///
    /// # Errors
    /// `NotAcceptable` if the client takes other formats only.
    pub fn check_takes_json(&self) -> Result<()> {
        if takes_json(self.parameter("_format"), self.accept().as_ref()) {
            return Ok(());
        }
        let what = "only JSON is spoken here; ask for application/fhir+json";
        Err(Error::new(Kind::NotAcceptable, what))
    }

    /// Checks that the client takes the answer to a kick-off, which is JSON. A client that names the
    /// format of the files instead is not refused.
    ///
    /// # Errors
    /// As [`Request::check_takes_json`].
    pub fn check_takes_export(&self) -> Result<()> {
        if takes_ndjson(self.parameter("_format"), self.accept().as_ref()) {
            return Ok(());
        }
        self.check_takes_json()
    }

    /// True if the client wants a resource as FHIR JSON rather than its content of type `own`.
    pub fn prefers_json(&self, own: &MediaType) -> bool {
        header::prefers_json(self.parameter("_format"), self.accept().as_ref(), own)
    }

    /// The media type of the body; an empty name if the client does not say.
    ///
    /// # Errors
    /// `UnsupportedFormat` for a body in a content coding.
    pub fn body_type(&self) -> Result<MediaType> {
        let coding = self.header("content-encoding").unwrap_or_default();
        if !is_identity(&coding) {
            let what =
                format!("a body coded as {coding:?} is not read; send the body uncompressed");
            return Err(Error::new(Kind::UnsupportedFormat, what));
        }
        Ok(MediaType::parse(&self.header("content-type").unwrap_or_default()))
    }
}

/// Says whether a client has left. Without a connection none does.
#[derive(Clone, Default)]
pub struct ClientWatch(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl ClientWatch {
    /// Asks `has_left`.
    pub fn new(has_left: impl Fn() -> bool + Send + Sync + 'static) -> ClientWatch {
        ClientWatch(Some(Arc::new(has_left)))
    }

    /// True once the client has left: work for its answer is in vain.
    pub fn has_left(&self) -> bool {
        self.0.as_ref().is_some_and(|has_left| has_left())
    }
}

/// The authority of a target that is a whole URL, which counts for more than `Host`; and the path with the
/// query: <https://www.rfc-editor.org/rfc/rfc9112#section-3.2>.
fn split_target(target: &str) -> Result<(Option<&str>, &str)> {
    let is_url = |scheme: &&str| {
        let start = target.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let (authority, path) = match ["http://", "https://"].into_iter().find(is_url) {
        Some(scheme) => {
            let rest = &target[scheme.len()..];
            let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            if authority.is_empty() || !is_host(authority) {
                let what = "the request target is a URL without a valid host";
                return Err(Error::new(Kind::Invalid, what));
            }
            (Some(authority), path)
        }
        None => (None, target),
    };
    match path {
        "" => Ok((authority, "/")),
        path if path.starts_with('/') || (authority.is_some() && path.starts_with('?')) => {
            Ok((authority, path))
        }
        _ => Err(Error::new(Kind::Invalid, "the request target is not a path")),
    }
}

/// What a client is told of an error.
pub fn explanation(error: &Error, request_id: &str) -> String {
    match error.kind().status() {
        500 => format!("{}; request id {request_id}", error.for_clients()),
        _ => error.for_clients().to_owned(),
    }
}

/// Decodes a segment of a path; `+` stands for itself there.
fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// Writes a body.
pub type BodyWriter = Box<dyn FnOnce(&mut dyn Write) -> Result<()> + Send>;

/// The content of a response.
pub enum Body {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The given number of bytes, written by a function.
    Exactly(u64, BodyWriter),
    /// Bytes written by a function, their number unknown.
    Unknown(BodyWriter),
    /// Bytes written by a function that also says how they end.
    Shaped(ShapedBody),
}

/// A response.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names and values, without those of framing.
    pub headers: Vec<(&'static str, String)>,
    /// The body. The answer to HEAD has its length but not its bytes.
    pub body: Body,
}

impl Response {
    /// A response with a body in memory.
    pub fn new(status: u16, content_type: &str, body: Vec<u8>) -> Response {
        Response {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            body: Body::Bytes(body),
        }
    }

    /// A response without a body.
    pub fn empty(status: u16) -> Response {
        Response { status, headers: Vec::new(), body: Body::Bytes(Vec::new()) }
    }

    /// The reason phrase of the status.
    pub fn reason(&self) -> &'static str {
        match self.status {
            200 => "OK",
            202 => "Accepted",
            204 => "No Content",
            206 => "Partial Content",
            302 => "Found",
            303 => "See Other",
            304 => "Not Modified",
            307 => "Temporary Redirect",
            308 => "Permanent Redirect",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            406 => "Not Acceptable",
            408 => "Request Timeout",
            410 => "Gone",
            411 => "Length Required",
            412 => "Precondition Failed",
            413 => "Content Too Large",
            414 => "URI Too Long",
            415 => "Unsupported Media Type",
            416 => "Range Not Satisfiable",
            417 => "Expectation Failed",
            421 => "Misdirected Request",
            422 => "Unprocessable Content",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            500 => "Internal Server Error",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            505 => "HTTP Version Not Supported",
            // The phrase may be empty: <https://www.rfc-editor.org/rfc/rfc9112#section-4>.
            _ => "",
        }
    }

    /// Adds a header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds headers that answers of every kind have. A list that the response has already gets longer.
    pub fn with_all(mut self, headers: &[(&'static str, String)]) -> Response {
        for (name, value) in headers {
            match self.headers.iter_mut().find(|(known, _)| known == name) {
                Some((_, list)) => list.push_str(&format!(", {value}")),
                None => self.headers.push((name, value.clone())),
            }
        }
        self
    }

    /// An OperationOutcome with one issue.
    pub fn outcome(status: u16, issue: Issue) -> Response {
        Response::new(status, FHIR_JSON, OperationOutcome::of(&[issue]).to_line())
    }

    /// An error as an OperationOutcome, without the details of the server's own faults. Of these, the log
    /// says more under the id of the request.
    pub fn error(error: &Error, request_id: &str) -> Response {
        let (_, status, code) = error.kind().outward();
        let issue = Issue {
            severity: Severity::Error,
            code: code.to_owned(),
            diagnostics: explanation(error, request_id),
        };
        Response::outcome(status, issue).retry(error)
    }

    /// Moves a large body out of memory, since the client may be slow.
    ///
    /// # Errors
    /// `Io` where the folder for temporary files is full or cannot be written.
    pub fn without_memory(mut self) -> Result<Response> {
        if let Body::Bytes(bytes) = &self.body
            && bytes.len() > LARGE
        {
            let spilled = SpilledBytes::of(&[bytes])?;
            let length = spilled.length();
            let write = move |out: &mut dyn Write| {
                spilled.write_to(out).map_err(|error| Error::io("the connection", error))
            };
            self.body = Body::Exactly(length, Box::new(write));
        }
        Ok(self)
    }

    /// Replaces the status.
    pub fn with_status(self, status: u16) -> Response {
        Response { status, ..self }
    }

    /// A FHIR resource of this server's own.
    pub fn fhir_resource(resource: &impl Serialize) -> Result<Response> {
        let body = serde_json::to_vec_pretty(resource)
            .map_err(|error| Error::caused(Kind::Internal, "a resource of the server", error))?;
        Ok(Response::new(200, FHIR_JSON, body))
    }

    /// Adds `Retry-After` if the error names a time. Clients without it wait a minute.
    pub fn retry(self, error: &Error) -> Response {
        match error.retry_after() {
            Some(seconds) => self.with("Retry-After", seconds.to_string()),
            None => self,
        }
    }

    /// A response of plain JSON.
    pub fn json(status: u16, body: &impl Serialize) -> Response {
        let mut text = serde_json::to_vec(body).unwrap_or_default();
        text.push(b'\n');
        Response::new(status, "application/json", text)
    }
}
