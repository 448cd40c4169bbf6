//! Files under signed names, of the 1upHealth manifest and of `$bulk-publish`.
//!
//! A signed name says which rows of which snapshot a file has, so the server stores nothing for it.

use super::authenticated::AuthenticatedRequest;
use super::download::{Download, NEVER_STALE, send};
use super::header::NDJSON;
use super::message::Response;
use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::export::{self, FileClaims, Output, Plan, Signer};

/// The manifest entries of a plan's files that are ranges, under signed names below `path`.
pub fn signed(
    request: &AuthenticatedRequest<'_>,
    plan: &Plan,
    path: &str,
    attachments_base: Option<&str>,
    export: Option<&str>,
) -> Result<Vec<Output>> {
    let base = request.base();
    let signer = Signer::new(&request.context.store.signing_key()?)?;
    let mark = plan.snapshot.mark()?;
    let mut output = Vec::with_capacity(plan.files.len());
    for file in &plan.files {
        let claims = FileClaims::of(file, &plan.snapshot, &mark, attachments_base, export);
        let (Some(claims), Some(resource_type)) = (claims, &file.resource_type) else { continue };
        let name = signer.sign(&claims)?;
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

/// `GET …/{Type}/{JWT}.ndjson`: answers with the file of this name. Every cache may keep a public
/// file, if the server is open.
pub fn file(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    name: &str,
    is_public: bool,
) -> Result<Response> {
    let Some(token) = name.strip_suffix(".ndjson") else {
        return Err(Error::new(Kind::NotFound, "file names end in .ndjson"));
    };
    // Read for each request: the key may have been rotated a moment ago.
    let signer = Signer::new(&request.context.store.signing_key()?)?;
    let claims = signer.verify(token, resource_type, request.permission.reach)?;
    request.check(resource_type, Interaction::Export)?;
    let Some((snapshot, file, shape)) = claims.open(&request.seen)? else {
        let what = "the store no longer has all of this file, or was set back to an earlier copy; \
                    start a new export";
        return Err(Error::new(Kind::NotFound, what));
    };
    let is_cacheable = is_public && !request.context.access.is_required();
    let download = Download {
        name: token.to_owned(),
        content_type: NDJSON,
        length: file.bytes,
        note: request.note_file(claims.export())?,
        cache_control: if is_cacheable { NEVER_STALE } else { "private, no-cache" },
        write: Box::new(move |range, out| export::write(&snapshot, &file, &shape, range, out)),
    };
    send(request, download)
}
