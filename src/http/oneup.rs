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
use crate::export::{self, Claims, Edition, Manifest, Output, Plan};

/// Answers with the manifest, or, where that is preferred, with where to wait for it.
pub fn kickoff(context: &Context, request: &Request) -> Result<Response> {
    let asked = export::Request::from_query(&request.query)?;
    if Preferences::of(request).respond_async {
        let base = context.base(request);
        let place = Place {
            status: format!("{base}{EXPORT}/job/"),
            files: format!("{base}{EXPORT}/file/"),
            edition: Edition::Stu3,
        };
        return kickoff::accept(context, request, context.store.snapshot()?, asked, place);
    }
    let plan = Plan::new(context.store.snapshot()?, &asked)?;
    let output = signed(context, request, &plan, EXPORT, None)?;
    let manifest = Manifest {
        transaction_time: plan.snapshot.time().to_string(),
        request: Some(format!("{}{}", context.base(request), request.target)),
        output: output
            .into_iter()
            .map(|file| Output { count: None, file_size: None, ..file })
            .collect(),
        ..Manifest::default()
    };
    Ok(Response::new(200, "application/json", manifest.to_json()).with("Cache-Control", "no-store"))
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
