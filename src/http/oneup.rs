//! `GET /bulk-data/r4/$export`: the 1upHealth dialect's kick-off, answered at once.
//!
//! One request, one manifest: nothing is made ahead, so there is nothing to wait for. With
//! `Prefer: respond-async` it is a kick-off like that of the HL7 base. The base that file URLs stand
//! on is `--base-url`, else what the client called us.

use super::download::{Bytes, NEVER_STALE, send};
use super::kickoff::{self, Place};
use super::message::{Request, Response};
use super::prefer::Preferences;
use super::route::{Context, EXPORT};
use crate::error::{Error, Kind, Result};
use crate::export::{
    self, Accepted, Claims, Edition, Level, Manifest, Output, Plan, Progress, Purpose,
};
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

/// The files of a plan that are ranges, under signed names below `path`.
pub fn signed(
    context: &Context,
    request: &Request,
    plan: &Plan,
    path: &str,
    attachments_base: Option<&str>,
) -> Result<Vec<Output>> {
    let base = context.base(request);
    let mut output = Vec::with_capacity(plan.files.len());
    for file in &plan.files {
        let claims = Claims::of(file, &plan.snapshot, attachments_base);
        let (Some(claims), Some(resource_type)) = (claims, &file.resource_type) else { continue };
        let name = context.signer.sign(&claims)?;
        output.push(Output {
            url: format!("{base}{path}/{resource_type}/{name}.ndjson"),
            resource_type: Some(resource_type.clone()),
            count: Some(file.count),
            file_size: Some(file.bytes),
            ..Output::default()
        });
    }
    Ok(output)
}

/// `GET …/{Type}/{JWT}.ndjson`: answers with the file that is signed so; `is_public` says whether
/// everybody may keep it.
pub fn file(
    context: &Context,
    request: &Request,
    resource_type: &str,
    name: &str,
    is_public: bool,
) -> Result<Response> {
    let Some(token) = name.strip_suffix(".ndjson") else {
        return Err(Error::new(Kind::NotFound, "file names end in .ndjson"));
    };
    let claims = context.signer.verify(token, resource_type)?;
    let Some((snapshot, file, shape)) = claims.open(&context.store)? else {
        let what = "the store no longer has all of this file; start a new export";
        return Err(Error::new(Kind::NotFound, what));
    };
    // The file's name says all that its bytes depend on.
    let bytes = Bytes {
        name: token.to_owned(),
        length: file.bytes,
        cache_control: if is_public { NEVER_STALE } else { "private, no-cache" },
        write: Box::new(move |range, out| export::write(&snapshot, &file, &shape, range, out)),
    };
    send(request, bytes)
}
