//! `POST [base]` with a batch: each entry is answered as a request by itself would be.
//!
//! <https://hl7.org/fhir/R4/http.html#transaction>. Entries read only: GET and HEAD. The routing table says what can be an
//! entry; it answers one through the function that [`batch`] is given. Nothing here runs entries side by side.

use super::bundle::{AnswerBundle, AnswerEntry, EntryResponse, raw};
use crate::error::{Error, Kind, Result};
use crate::fhir::batch::{BatchRequest, read};
use crate::fhir::name::short;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::FHIR;
use crate::http::header::{FHIR_JSON, read_http_date};
use crate::http::message::{Body, Request, Response};
use crate::http::posted;

/// The most entries.
const MOST_ENTRIES: usize = 1000;
/// The most bytes of all answers together.
const MOST_BYTES: usize = 8 << 20;

/// Answers an entry; an error is an OperationOutcome.
pub type EntryHandler<'a> = dyn Fn(&Request) -> Response + 'a;

/// The answer to an entry, before the Bundle is written.
struct AnsweredEntry {
    status: String,
    is_error: bool,
    etag: Option<String>,
    last_modified: Option<String>,
    /// FHIR JSON; empty where there is none.
    body: Vec<u8>,
}

/// Answers a batch; `answer` answers each entry.
pub fn batch(request: &AuthenticatedRequest<'_>, answer: &EntryHandler<'_>) -> Result<Response> {
    request.check_takes_json()?;
    let entries = read(posted::resource(request, "Bundle")?)
        .map_err(|why| Error::new(Kind::Invalid, format!("the body is no batch: {why}")))?;
    if entries.len() > MOST_ENTRIES {
        let what = format!(
            "{} entries are too many; a batch has {MOST_ENTRIES} at most, so send several",
            entries.len()
        );
        return Err(Error::new(Kind::TooMuch, what));
    }
    let base = format!("{}{FHIR}", request.base());
    let (mut answered, mut left) = (Vec::with_capacity(entries.len()), MOST_BYTES);
    for entry in entries {
        request.check_is_there()?;
        let asked = entry
            .map_err(|why| Error::new(Kind::Invalid, why))
            .and_then(|entry| asked(request, &entry, &base));
        let response = match asked {
            Ok(asked) => AnsweredEntry::of(answer(&asked), left)
                .map(|answered| answered.without_resource(asked.method == "HEAD")),
            Err(error) => Err(error),
        };
        // The answer to an entry may be a refusal, which is short.
        let response = response
            .or_else(|error| AnsweredEntry::of(Response::error(&error, &request.id), usize::MAX))?;
        left = left.saturating_sub(response.body.len());
        answered.push(response);
    }
    let mut bundle = AnswerBundle::new("batch-response");
    bundle.entry = answered.iter().map(AnsweredEntry::to_entry).collect::<Result<_>>()?;
    let body = bundle.to_json()?;
    Ok(Response::new(200, FHIR_JSON, body).with("Cache-Control", "no-store"))
}

/// The request of an entry, with what it has of the batch: the caller and the connection.
///
/// # Errors
/// `MethodNotAllowed` for a change, `Invalid` for a URL of another server.
fn asked(batch: &Request, entry: &BatchRequest, base: &str) -> Result<Request> {
    let BatchRequest { method, url, if_none_match } = entry;
    if !["GET", "HEAD"].contains(&method.as_str()) {
        let what = format!("{} is not carried out: nothing is written here", short(method));
        return Err(Error::new(Kind::MethodNotAllowed, what));
    }
    let below = |base: &str| {
        let rest = url.strip_prefix(base)?;
        (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest)
    };
    let rest = below(base).or_else(|| below(FHIR)).unwrap_or(url).trim_start_matches('/');
    let path = rest.split('?').next().unwrap_or_default();
    if path.contains(':') {
        let what = format!("the entry's url {:?} is not below {base}", short(url));
        return Err(Error::new(Kind::Invalid, what));
    }
    // A header of the batch is about its own answer, unless it says how parameters are read.
    let is_kept = |name: &str| matches!(name, "host" | "prefer");
    let mut headers = batch.headers.clone();
    headers.retain(|(name, _)| is_kept(name));
    headers.push(("accept".to_owned(), FHIR_JSON.to_owned()));
    headers.extend(if_none_match.iter().map(|tags| ("if-none-match".to_owned(), tags.clone())));
    let target = format!("{FHIR}/{rest}");
    let made = Request::new(method, &target, headers, batch.takes_chunks, batch.peer)?;
    Ok(Request {
        method: made.method,
        target: made.target,
        path: made.path,
        query: made.query,
        headers: made.headers,
        noted: made.noted,
        body: Vec::new(),
        ..batch.clone()
    })
}

impl AnsweredEntry {
    /// Takes an answer, whose body has `most` bytes at most.
    ///
    /// # Errors
    /// `TooMuch` for a longer one, `NotAcceptable` for one that is not FHIR JSON.
    fn of(response: Response, most: usize) -> Result<AnsweredEntry> {
        let header = |name: &str| {
            let found = response.headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone())
        };
        let status = format!("{} {}", response.status, response.reason());
        let (etag, last_modified) = (header("ETag"), header("Last-Modified"));
        let content_type = header("Content-Type");
        let is_error = response.status >= 400;
        let body = match response.body {
            Body::Bytes(bytes) => bytes,
            Body::Exactly(..) | Body::Unknown(_) | Body::Shaped(_) => {
                let what = "this is no FHIR JSON, so it is not answered within a batch";
                return Err(Error::new(Kind::NotAcceptable, what));
            }
        };
        if !body.is_empty() && content_type.as_deref() != Some(FHIR_JSON) {
            let what = format!(
                "{} cannot stand in a Bundle; leave _format out, or ask by itself",
                content_type.unwrap_or_default()
            );
            return Err(Error::new(Kind::NotAcceptable, what));
        }
        if body.len() > most {
            let what = format!(
                "the answers to a batch have {MOST_BYTES} bytes at most, and this one has {} more than were left; ask \
                 by itself, or for less with _count",
                body.len() - most
            );
            return Err(Error::new(Kind::TooMuch, what));
        }
        let last_modified =
            last_modified.and_then(|date| read_http_date(&date)).map(|time| time.to_string());
        Ok(AnsweredEntry { status, is_error, etag, last_modified, body })
    }

    /// Leaves the resource out of the answer to HEAD, as the engine does with an answer by itself: the audit does not
    /// note it.
    fn without_resource(mut self, is_head: bool) -> AnsweredEntry {
        if is_head && !self.is_error {
            self.body.clear();
        }
        self
    }

    fn to_entry(&self) -> Result<AnswerEntry<'_>> {
        let body = if self.body.is_empty() { None } else { Some(raw(&self.body)?) };
        let (resource, outcome) = if self.is_error { (None, body) } else { (body, None) };
        Ok(AnswerEntry {
            resource,
            response: Some(EntryResponse {
                status: self.status.clone(),
                etag: self.etag.clone(),
                last_modified: self.last_modified.clone(),
                outcome,
            }),
            ..AnswerEntry::default()
        })
    }
}
