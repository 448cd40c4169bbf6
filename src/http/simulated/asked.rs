//! A request as the rules see it: without the segment in front of its path, with its place, and what it is about.

use sha2::{Digest, Sha256};

use crate::http::context::{Context, FHIR, TOKEN};
use crate::http::header::bearer;
use crate::http::message::Request;
use crate::http::route::{FoundRow, find_row};
use crate::http::simulate::{
    AnswerPlace, FaultPlace, FaultRequest, SimulatedFile, escaped_segment, place_of_route,
    segment_settings,
};
use crate::shown::hex;
use crate::time::Instant;

/// The first segments of paths that rules may stand in front of.
const BASES: [&str; 5] = ["fhir", "bulk-data", "oauth2", "auth", ".well-known"];
/// The token endpoint of the SMART Bulk Data server, which clients have hard-coded. Assertions name it as their audience.
const LAUNCHER_TOKEN: &str = "/auth/token";
/// The name of a file that only the simulation has.
const SIMULATED: &str = "simulated.ndjson";
/// Where the parts of 1upHealth's file URLs differ from those of status URLs.
const ONEUP: &str = "bulk-data";

/// A request, as the handlers and the rules see it.
pub struct AskedRequest {
    /// The request without its segment, which is its prefix now.
    pub request: Request,
    /// The segment.
    pub segment: Option<String>,
    /// Its place; `None` where no fault happens.
    pub place: Option<FaultPlace>,
    /// Its URL.
    pub url: String,
    /// The beginning of the URLs of the job's files.
    pub files: String,
    /// The file that only the simulation has, if it asks for one.
    pub simulated: Option<SimulatedFile>,
    /// Whether it asks for the manifest of 1upHealth, which is the answer to a kick-off.
    pub is_manifest_at_once: bool,
    /// The largest body in bytes.
    pub body_limit: usize,
    /// The job or the file that it is about; empty for none.
    pub subject: String,
    resource_type: Option<String>,
    token: Option<String>,
}

impl AskedRequest {
    /// Reads a request.
    pub fn of(context: &Context, request: &Request) -> AskedRequest {
        let (segment, request) = without_segment(request);
        let request = with_known_path(request);
        let row = find_row(&request);
        let pattern = row.as_ref().map_or("", |row| row.pattern);
        let place = Some(pattern)
            .filter(|_| request.method != "OPTIONS")
            .and_then(|pattern| place_of_route(pattern, &request.method));
        let base = context.base(&request);
        let is_simulated = request.path.last().is_some_and(|last| last == SIMULATED);
        let simulated = Some(&request.query).filter(|_| is_simulated);
        let simulated = simulated.and_then(|query| SimulatedFile::of_query(query));
        let is_kickoff = place == Some(FaultPlace::Kickoff) && pattern.starts_with("/bulk-data");
        AskedRequest {
            segment,
            place,
            url: format!("{base}{}", request.target),
            files: row.as_ref().map_or_else(String::new, |row| format!("{base}{}", files(row))),
            is_manifest_at_once: is_kickoff && !request.preferences().respond_async,
            body_limit: row.as_ref().map_or(0, |row| row.body_limit),
            subject: row.as_ref().map_or_else(String::new, |row| subject(row, place, &request)),
            resource_type: match &simulated {
                Some(file) => Some(file.resource_type().to_owned()),
                None => row.as_ref().and_then(|row| type_of(row, place)),
            },
            token: token_label(&request),
            simulated,
            request,
        }
    }

    /// The request as a book of rules sees it, at its place or at another.
    pub fn at(&self, place: FaultPlace, now: Instant) -> FaultRequest<'_> {
        FaultRequest {
            place,
            resource_type: self.resource_type.as_deref(),
            subject: &self.subject,
            token: self.token.as_deref(),
            at: self.answer_place(now),
        }
    }

    /// What faults in an answer must know.
    pub fn answer_place(&self, now: Instant) -> AnswerPlace<'_> {
        AnswerPlace { url: &self.url, now }
    }
}

/// Takes the segment of rules out of a request.
fn without_segment(request: &Request) -> (Option<String>, Request) {
    let mut request = request.clone();
    let has_rules = match request.path.as_slice() {
        [first, base, ..] if BASES.contains(&base.as_str()) => {
            !BASES.contains(&first.as_str()) && !matches!(segment_settings(first), Ok(None))
        }
        _ => false,
    };
    if !has_rules {
        return (None, request);
    }
    let segment = request.path.remove(0);
    let target = request.target.trim_start_matches('/');
    let rest = target.find('/').map_or("", |at| &target[at..]);
    request.target = rest.to_owned();
    request.prefix = format!("/{}", escaped_segment(&segment));
    (Some(segment), request)
}

/// Leads a request to the SMART Bulk Data server's token endpoint to the one that is here.
fn with_known_path(mut request: Request) -> Request {
    if request.path == ["auth", "token"] {
        request.terms.path = Some(LAUNCHER_TOKEN);
        request.path = TOKEN[0].trim_start_matches('/').split('/').map(str::to_owned).collect();
    }
    request
}

/// A label of the access token, which is not the token.
fn token_label(request: &Request) -> Option<String> {
    let header = request.header("authorization")?;
    bearer(&header).map(|token| hex(&Sha256::digest(token)))
}

/// What stands in a path where its pattern has this name in braces.
fn value<'r>(row: &FoundRow<'r>, name: &str) -> Option<&'r str> {
    let at = row.pattern.trim_start_matches('/').split('/').position(|part| part == name)?;
    row.path.get(at).copied()
}

/// The job or the file that a request is about.
fn subject(row: &FoundRow<'_>, place: Option<FaultPlace>, request: &Request) -> String {
    match place {
        Some(FaultPlace::Status | FaultPlace::Delete) => {
            value(row, "{id}").unwrap_or(row.pattern).to_owned()
        }
        Some(FaultPlace::File) => request.target.clone(),
        _ => String::new(),
    }
}

/// The type that a request is about. A file says it in its name: `Observation.002.ndjson`.
fn type_of(row: &FoundRow<'_>, place: Option<FaultPlace>) -> Option<String> {
    if let Some(name) = value(row, "{Type}") {
        return Some(name.to_owned());
    }
    let stem = row.path.last().filter(|_| place == Some(FaultPlace::File))?.split('.').next()?;
    Some(match stem {
        "deleted" => "Bundle".to_owned(),
        "error" => "OperationOutcome".to_owned(),
        stem => stem.strip_suffix("-resources").unwrap_or(stem).to_owned(),
    })
}

/// The path of the files that belong to a status URL or a manifest, with its slash.
fn files(row: &FoundRow<'_>) -> String {
    let [id, version] = ["{id}", "{version}"].map(|name| value(row, name).unwrap_or_default());
    match row.path.as_slice() {
        [ONEUP, _, "$export", "job", ..] => format!("/{ONEUP}/{version}/$export/file/{id}/"),
        [ONEUP, ..] => format!("/{ONEUP}/{version}/$export/OperationOutcome/"),
        [_, "$bulk-publish", ..] => format!("{FHIR}/$bulk-publish/OperationOutcome/"),
        _ => format!("{FHIR}/jobs/{id}/"),
    }
}
