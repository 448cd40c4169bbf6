//! `GET /bulk-data/r4/$export`: the 1upHealth dialect's kick-off, answered at once.
//!
//! One request, one manifest: nothing is made ahead, so there is nothing to wait for. With
//! `Prefer: respond-async` it is a kick-off like that of the HL7 base. The base that file URLs stand
//! on is `--base-url`, else what the client called us.

use super::kickoff::{self, Place};
use super::message::{Request, Response};
use super::prefer::Preferences;
use super::route::{Context, EXPORT};
use super::signed::signed;
use crate::error::{Error, Kind, Result};
use crate::export::{self, Accepted, Edition, Level, Manifest, Output, Plan, Progress, Purpose};
use crate::fhir::Instant;

/// Answers with the manifest, or, where that is preferred, with where to wait for it.
pub fn kickoff(context: &Context, request: &Request) -> Result<Response> {
    let asked = export::Request::from_query(&request.query)?;
    // HEAD asks what GET would answer, and is no reason to begin a job.
    if Preferences::of(request).respond_async && request.method == "GET" {
        let place = place(context, request);
        return kickoff::accept(context, request, context.store.snapshot()?, asked, place);
    }
    let plan = Plan::new(context.store.snapshot()?, &asked)?;
    let output = signed(context, request, &plan, EXPORT, None)?;
    Ok(manifest(context, request, plan.snapshot.time(), output))
}

/// `GET /bulk-data/r4/Group/{id}/$export`: the same of a Group's members, whether `inactive` or not and
/// at any time. Its files are lists, so there is a job behind them.
pub fn group(context: &Context, request: &Request, id: &str) -> Result<Response> {
    let mut asked = export::Request::from_query(&request.query)?;
    asked.level = Level::Group(id.to_owned());
    asked.whole_roster = true;
    let snapshot = context.store.snapshot()?;
    asked.check(&snapshot, true)?;
    let place = place(context, request);
    if Preferences::of(request).respond_async {
        return kickoff::accept(context, request, snapshot, asked, place);
    }
    let accepted = Accepted {
        request: asked,
        url: String::new(),
        files: place.files,
        status: place.status,
        edition: place.edition,
        separate_status: false,
    };
    let id = context.jobs.accept(snapshot, &accepted, true)?;
    let Some((_, Progress::Complete { time, files, .. })) = context.jobs.progress(&id)? else {
        return Err(Error::new(Kind::Internal, "the export of a Group failed"));
    };
    let resources = files.into_iter().filter(|file| file.purpose == Purpose::Output);
    let output = resources.map(|file| Output {
        url: format!("{}{id}/{}", accepted.files, file.name),
        resource_type: file.resource_type,
        ..Output::default()
    });
    Ok(manifest(context, request, time, output.collect()))
}

/// Where this dialect's jobs are.
fn place(context: &Context, request: &Request) -> Place {
    let base = context.base(request);
    Place {
        status: format!("{base}{EXPORT}/job/"),
        files: format!("{base}{EXPORT}/file/"),
        edition: Edition::Stu3,
    }
}

/// The manifest of this dialect: files have a type and a URL, no more.
fn manifest(context: &Context, request: &Request, time: Instant, output: Vec<Output>) -> Response {
    let plain = |file: Output| Output { count: None, file_size: None, ..file };
    let manifest = Manifest {
        transaction_time: time.to_string(),
        request: Some(format!("{}{}", context.base(request), request.target)),
        output: output.into_iter().map(plain).collect(),
        ..Manifest::default()
    };
    Response::new(200, "application/json", manifest.to_json()).with("Cache-Control", "no-store")
}
