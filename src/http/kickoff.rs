//! `$export` of the HL7 base: a job, and where to ask for it.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-kick-off-request>. `$export-v4` is the
//! same in the edition of the STU4 ballot, under the name that the CapabilityStatement gives it.

use super::message::{Request, Response};
use super::prefer::{Preferences, takes_json};
use super::route::FHIR;
use super::visit::Visit;
use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::export::{Edition, ExportRequest, KickOff, KickOffRules, Level};
use crate::fhir::outcome::Issue;
use crate::fhir::parameters;
use crate::store::Snapshot;

/// Where a job and its files are to be found.
pub struct Place {
    /// What comes before the job's id in the URL of its status.
    pub status: String,
    /// What comes before it in those of its files.
    pub files: String,
    /// The edition of its manifest.
    pub edition: Edition,
}

/// Answers a kick-off at `level`.
pub fn kickoff(visit: &Visit<'_>, level: Level, edition: Edition) -> Result<Response> {
    let request = visit.request;
    takes_json(request)?;
    let is_lenient = Preferences::of(request).is_lenient();
    let mut given = Vec::new();
    let mut unreadable = Vec::new();
    for (name, value) in posted(request)? {
        match value {
            Some(value) => given.push((name, value)),
            None => unreadable.push(name),
        }
    }
    let pairs = [request.query.as_slice(), &given].concat();
    let base = visit.base();
    let rules = KickOffRules {
        edition,
        level,
        unreadable: &unreadable,
        is_post: request.method == "POST",
        is_lenient,
        is_type: &|name| visit.is_type(name),
    };
    let mut asked = ExportRequest::from_kick_off(&pairs, &rules)?;
    asked.shape.attachments_base = Some(format!("{base}{FHIR}/"));
    asked.limit(&visit.permission)?;
    asked.hides_members = visit.check("Group", Interaction::Read).is_err();
    let snapshot = visit.seen.snapshot()?;
    asked.check(&snapshot, is_lenient)?;
    let jobs = format!("{base}{FHIR}/jobs/");
    let place = Place { status: jobs.clone(), files: jobs, edition };
    accept(visit, snapshot, asked, &given, place)
}

/// Makes a checked export a job; `posted` are the parameters that do not stand in the URL.
pub fn accept(
    visit: &Visit<'_>,
    snapshot: Snapshot,
    asked: ExportRequest,
    posted: &[(String, String)],
    place: Place,
) -> Result<Response> {
    let request = visit.request;
    let preferences = Preferences::of(request);
    let accepted = KickOff {
        request: asked,
        url: format!("{}{}", visit.base(), request.target),
        files: place.files,
        status: place.status,
        edition: place.edition,
        separate_status: preferences.separate_export_status,
    };
    let seq = snapshot.seq();
    let id = visit.context.jobs.accept(snapshot, &accepted, false)?;
    visit.note_export(&id, posted, seq);
    let location = format!("{}{id}", accepted.status);
    let said = Issue::information(format!("accepted; its status is at {location}"));
    let response = Response::outcome(202, said)
        .with("Content-Location", location)
        .with("Cache-Control", "no-store");
    Ok(match preferences.applied() {
        Some(applied) => response.with("Preference-Applied", applied),
        None => response,
    })
}

/// The parameters in a request's body.
fn posted(request: &Request) -> Result<Vec<(String, Option<String>)>> {
    if request.body.is_empty() {
        return Ok(Vec::new());
    }
    let coding = request.header("content-encoding").unwrap_or_default();
    if !matches!(coding.as_str(), "" | "identity") {
        let what = format!("a body coded as {coding:?} is not read; send it as it is");
        return Err(Error::new(Kind::UnsupportedFormat, what));
    }
    let content_type = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let mut parts = content_type.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let charset = parts.find_map(|part| part.strip_prefix("charset="));
    let is_utf8 = charset.is_none_or(|charset| charset.trim_matches('"') == "utf-8");
    if !matches!(media, "application/fhir+json" | "application/json") || !is_utf8 {
        let what = format!(
            "a body of {content_type:?} is not read; send a Parameters resource as application/fhir+json"
        );
        return Err(Error::new(Kind::UnsupportedFormat, what));
    }
    let wrong = |what: String| {
        Error::new(Kind::Invalid, format!("the body is no Parameters resource: {what}"))
    };
    let text =
        std::str::from_utf8(&request.body).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
    parameters::read(text.trim_start_matches('\u{feff}')).map_err(wrong)
}
