//! `$export` at the HL7 base: makes a job and answers with its status URL.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-kick-off-request>. `$export-v4` is the
//! operation by the STU4 ballot, under its name in the CapabilityStatement.

use super::authenticated::AuthenticatedRequest;
use super::context::FHIR;
use super::message::Response;
use super::posted;
use crate::access::Interaction;
use crate::error::Result;
use crate::export::{Edition, ExportRequest, KickOff, KickOffRules, Level};
use crate::fhir::binary::BINARY;
use crate::fhir::outcome::Issue;
use crate::store::Snapshot;

/// The URLs of a job, up to its id, and the edition of its manifest.
pub struct JobUrls {
    /// The beginning of the status URL.
    pub status: String,
    /// The beginning of file URLs.
    pub files: String,
    /// The edition of the manifest.
    pub edition: Edition,
}

/// Answers a kick-off at `level`.
pub fn kickoff(
    request: &AuthenticatedRequest<'_>,
    level: Level,
    edition: Edition,
) -> Result<Response> {
    request.check_takes_export()?;
    let AskedExport { request: mut asked, posted } = asked(request, level, edition)?;
    let snapshot = request.seen.snapshot()?;
    let is_lenient = request.preferences().is_lenient();
    asked.check_while(&snapshot, is_lenient, &|| request.check_is_there())?;
    let jobs = format!("{}{FHIR}/jobs/", request.base());
    let urls = JobUrls { status: jobs.clone(), files: jobs, edition };
    accept(request, snapshot, asked, &posted, urls)
}

/// What a kick-off asks for.
pub struct AskedExport {
    /// The export, within what the caller may export. It is not checked against a snapshot yet.
    pub request: ExportRequest,
    /// The parameters of the body.
    pub posted: Vec<(String, String)>,
}

/// Reads what a kick-off at `level` asks for. Nothing happens by that.
///
/// # Errors
/// `Invalid` for parameters that are not right, `Forbidden` for what the caller may not export.
pub fn asked(
    request: &AuthenticatedRequest<'_>,
    level: Level,
    edition: Edition,
) -> Result<AskedExport> {
    let mut posted = Vec::new();
    let mut unreadable = Vec::new();
    for (name, value) in posted::parameters(request)? {
        match value {
            Some(value) => posted.push((name, value)),
            None => unreadable.push(name),
        }
    }
    let pairs = [request.query.as_slice(), &posted].concat();
    let rules = KickOffRules {
        edition,
        level,
        unreadable: &unreadable,
        is_post: request.method == "POST",
        is_lenient: request.preferences().is_lenient(),
        is_type: &|name| request.is_type(name),
    };
    let mut asked = ExportRequest::from_kick_off(&pairs, &rules)?;
    asked.shape.attachments_base = Some(format!("{}{FHIR}/", request.base()));
    // Who names the type wants them all.
    let names_binary = asked.filter.types.as_ref().is_some_and(|types| types.contains(BINARY));
    asked.withholds_binaries = asked.level == Level::System && !names_binary;
    asked.limit(&request.permission)?;
    asked.hides_members = request.check("Group", Interaction::Read).is_err();
    Ok(AskedExport { request: asked, posted })
}

/// Makes a job of a checked export and answers 202. `posted` are the parameters of the body.
pub fn accept(
    request: &AuthenticatedRequest<'_>,
    snapshot: Snapshot,
    asked: ExportRequest,
    posted: &[(String, String)],
    urls: JobUrls,
) -> Result<Response> {
    let preferences = request.preferences();
    let accepted = KickOff {
        request: asked,
        url: format!("{}{}", request.base(), request.target),
        files: urls.files,
        status: urls.status,
        edition: urls.edition,
        separate_status: preferences.separate_export_status,
        client: request.turn_name(),
    };
    let seq = snapshot.seq();
    let place = request.audit_place()?;
    let id = request.context.jobs.accept(snapshot, &accepted, false)?;
    request.note_export(place, &id, posted, seq);
    let location = format!("{}{id}", accepted.status);
    let issue = Issue::information(format!("accepted; its status is at {location}"));
    let response = Response::outcome(202, issue)
        .with("Content-Location", location)
        .with("Cache-Control", "no-store");
    Ok(match preferences.applied() {
        Some(applied) => response.with("Preference-Applied", applied),
        None => response,
    })
}
