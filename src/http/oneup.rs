//! `GET /bulk-data/r4/$export`: the 1upHealth dialect's kick-off, answered at once.
//!
//! One request, one manifest: nothing is made ahead, so there is nothing to wait for. With
//! `Prefer: respond-async` it is a kick-off like that of the HL7 base. The base that file URLs stand
//! on is `--base-url`, else what the client called us.

use super::kickoff::{self, Place};
use super::message::Response;
use super::prefer::Preferences;
use super::route::EXPORT;
use super::signed::signed;
use super::visit::Visit;
use crate::error::{Error, Kind, Result};
use crate::export::{
    Edition, ExportRequest, JobStatus, KickOff, Level, Manifest, Output, Plan, Purpose,
};
use crate::random;
use crate::time::Instant;

/// Answers with the manifest, or, where that is preferred, with where to wait for it.
pub fn kickoff(visit: &Visit<'_>) -> Result<Response> {
    let request = visit.request;
    let mut asked = ExportRequest::from_oneup_query(&request.query)?;
    asked.limit(&visit.permission)?;
    let snapshot = visit.seen.snapshot()?;
    // HEAD asks what GET would answer, and is no reason to begin a job.
    if Preferences::of(request).respond_async && request.method == "GET" {
        return kickoff::accept(visit, snapshot, asked, &[], place(visit));
    }
    let plan = Plan::new(snapshot, &asked)?;
    // Where it is written down who exports, the files say to which export they belong.
    let export = visit.context.audit.is_some().then(random::hex::<8>).transpose()?;
    let output = signed(visit, &plan, EXPORT, None, export.as_deref())?;
    if let Some(export) = export.filter(|_| request.method == "GET") {
        visit.note_export(&export, &[], plan.snapshot.seq());
    }
    Ok(manifest(visit, plan.snapshot.time(), output))
}

/// `GET /bulk-data/r4/Group/{id}/$export`: the same of a Group's members, whether `inactive` or not and
/// at any time. Its files are lists, so there is a job behind them.
///
/// It is for clients, which show their secret, not for a user.
pub fn group(visit: &Visit<'_>, id: &str) -> Result<Response> {
    let request = visit.request;
    if visit.context.access.is_required() && !visit.caller.has_secret {
        let what =
            "a Group is exported with the headers client_id, client_secret and x-oneup-user-id";
        return Err(Error::new(Kind::Forbidden, what));
    }
    let mut asked = ExportRequest::from_oneup_query(&request.query)?;
    asked.limit(&visit.permission)?;
    asked.level = Level::Group(id.to_owned());
    asked.whole_roster = true;
    let snapshot = visit.seen.snapshot()?;
    asked.check(&snapshot, true)?;
    let place = place(visit);
    if Preferences::of(request).respond_async {
        return kickoff::accept(visit, snapshot, asked, &[], place);
    }
    let accepted = KickOff {
        request: asked,
        url: String::new(),
        files: place.files,
        status: place.status,
        edition: place.edition,
        separate_status: false,
    };
    let (seq, jobs) = (snapshot.seq(), &visit.context.jobs);
    let id = jobs.accept(snapshot, &accepted, true)?;
    visit.note_export(&id, &[], seq);
    let done = jobs.progress(&id, &visit.permission)?;
    let Some((_, JobStatus::Complete { time, files, .. })) = done else {
        return Err(Error::new(Kind::Internal, "the export of a Group failed"));
    };
    let resources = files.into_iter().filter(|file| file.purpose == Purpose::Output);
    let output = resources.map(|file| Output {
        url: format!("{}{id}/{}", accepted.files, file.name),
        resource_type: file.resource_type,
        ..Output::default()
    });
    Ok(manifest(visit, time, output.collect()))
}

/// Where this dialect's jobs are.
fn place(visit: &Visit<'_>) -> Place {
    let base = visit.base();
    Place {
        status: format!("{base}{EXPORT}/job/"),
        files: format!("{base}{EXPORT}/file/"),
        edition: Edition::Stu3,
    }
}

/// The manifest of this dialect: files have a type and a URL, no more.
fn manifest(visit: &Visit<'_>, time: Instant, output: Vec<Output>) -> Response {
    let plain = |file: Output| Output { count: None, file_size: None, ..file };
    let manifest = Manifest {
        transaction_time: time.to_string(),
        request: Some(format!("{}{}", visit.base(), visit.request.target)),
        requires_access_token: visit.context.access.is_required(),
        output: output.into_iter().map(plain).collect(),
        ..Manifest::default()
    };
    Response::new(200, "application/json", manifest.to_json()).with("Cache-Control", "no-store")
}
