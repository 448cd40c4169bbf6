//! `GET /bulk-data/r4/$export` (`dstu2`, `stu3`, by the store's version): the 1upHealth dialect's kick-off, answered with the manifest.
//!
//! The server prepares no files, so one request gives the manifest. `Prefer: respond-async` makes it
//! a kick-off like that of the HL7 base. File URLs begin with `--base-url`, else with the client's
//! `Host`.

use super::authenticated::AuthenticatedRequest;
use super::context::export_path;
use super::kickoff::{self, JobUrls};
use super::message::Response;
use super::signed::signed;
use crate::error::{Error, Kind, Result};
use crate::export::{
    Edition, ExportRequest, JobStatus, KickOff, Level, Manifest, Output, Plan, Purpose,
};
use crate::random;
use crate::time::Instant;

/// Answers with the manifest, or with the status URL if the client prefers that.
pub fn kickoff(request: &AuthenticatedRequest<'_>) -> Result<Response> {
    let asked = asked(request)?;
    let snapshot = request.seen.snapshot()?;
    // HEAD asks for the headers of GET and starts no job.
    if request.preferences().respond_async && request.method == "GET" {
        return kickoff::accept(request, snapshot, asked, &[], job_urls(request)?);
    }
    let plan = Plan::new(snapshot, &asked)?;
    // In the audit, the id joins the downloads to their export.
    let export = request.context.audit.is_some().then(random::hex::<8>).transpose()?;
    let path = export_path(request.fhir_version()?);
    let output = signed(request, &plan, &path, None, export.as_deref())?;
    if let Some(export) = export.filter(|_| request.method == "GET") {
        request.note_export(request.audit_place()?, &export, &[], plan.snapshot.seq());
    }
    Ok(manifest(request, plan.snapshot.time(), output))
}

/// `GET /bulk-data/r4/Group/{id}/$export`: the same for all members of a Group, whatever `inactive` and
/// `period` say. A job holds the file lists.
///
/// # Errors
/// `Forbidden` for a user: this path is for clients, which send their secret.
pub fn group(request: &AuthenticatedRequest<'_>, id: &str) -> Result<Response> {
    if request.context.access.is_required() && !request.caller.has_secret {
        let what =
            "a Group is exported with the headers client_id, client_secret and x-oneup-user-id";
        return Err(Error::new(Kind::Forbidden, what));
    }
    let mut asked = asked(request)?;
    asked.level = Level::Group(id.to_owned());
    asked.whole_roster = true;
    let snapshot = request.seen.snapshot()?;
    asked.check(&snapshot, true)?;
    let urls = job_urls(request)?;
    if request.preferences().respond_async {
        return kickoff::accept(request, snapshot, asked, &[], urls);
    }
    let accepted = KickOff {
        request: asked,
        url: String::new(),
        files: urls.files,
        status: urls.status,
        edition: urls.edition,
        separate_status: false,
        client: request.turn_name(),
    };
    let (seq, jobs) = (snapshot.seq(), &request.context.jobs);
    let place = request.audit_place()?;
    let id = jobs.accept(snapshot, &accepted, true)?;
    request.note_export(place, &id, &[], seq);
    let done = jobs.progress(&id, &request.permission)?;
    let Some((_, JobStatus::Complete { time, files, .. })) = done else {
        return Err(Error::new(Kind::Internal, "the export of a Group failed"));
    };
    let resources = files.into_iter().filter(|file| file.purpose == Purpose::Output);
    let output = resources.map(|file| Output {
        url: format!("{}{id}/{}", accepted.files, file.name),
        resource_type: file.resource_type,
        ..Output::default()
    });
    Ok(manifest(request, time, output.collect()))
}

/// Reads what a kick-off of this dialect asks for. Nothing happens by that.
///
/// # Errors
/// `Invalid` for parameters that are not right, `Forbidden` for what the caller may not export.
pub fn asked(request: &AuthenticatedRequest<'_>) -> Result<ExportRequest> {
    let mut asked = ExportRequest::from_oneup_query(&request.query)?;
    asked.limit(&request.permission)?;
    Ok(asked)
}

/// The job URLs of this dialect.
fn job_urls(request: &AuthenticatedRequest<'_>) -> Result<JobUrls> {
    let path = format!("{}{}", request.base(), export_path(request.fhir_version()?));
    Ok(JobUrls {
        status: format!("{path}/job/"),
        files: format!("{path}/file/"),
        edition: Edition::Stu3,
    })
}

/// The manifest of this dialect, whose files have a type and a URL only.
fn manifest(request: &AuthenticatedRequest<'_>, time: Instant, output: Vec<Output>) -> Response {
    let plain = |file: Output| Output { count: None, file_size: None, ..file };
    let manifest = Manifest {
        transaction_time: time.to_string(),
        request: Some(format!("{}{}", request.base(), request.target)),
        requires_access_token: request.context.access.is_required(),
        output: output.into_iter().map(plain).collect(),
        ..Manifest::default()
    };
    Response::new(200, "application/json", manifest.to_json()).with("Cache-Control", "no-store")
}
