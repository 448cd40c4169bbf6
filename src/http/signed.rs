//! Files under signed names: those of the 1upHealth manifest and of `$bulk-publish`.
//!
//! A name says which rows of which snapshot a file is, so nothing has to be kept for it.

use super::download::{Bytes, NEVER_STALE, send};
use super::message::Response;
use super::visit::Visit;
use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::export::{self, FileClaims, Output, Plan, Signer};

/// The files of a plan that are ranges, under signed names below `path`.
pub fn signed(
    visit: &Visit<'_>,
    plan: &Plan,
    path: &str,
    attachments_base: Option<&str>,
    export: Option<&str>,
) -> Result<Vec<Output>> {
    let base = visit.base();
    let signer = Signer::new(&visit.context.store.signing_key()?)?;
    let mut output = Vec::with_capacity(plan.files.len());
    for file in &plan.files {
        let claims = FileClaims::of(file, &plan.snapshot, attachments_base, export);
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

/// `GET …/{Type}/{JWT}.ndjson`: answers with the file that is signed so; `is_public` says whether
/// everybody may keep it.
pub fn file(
    visit: &Visit<'_>,
    resource_type: &str,
    name: &str,
    is_public: bool,
) -> Result<Response> {
    let Some(token) = name.strip_suffix(".ndjson") else {
        return Err(Error::new(Kind::NotFound, "file names end in .ndjson"));
    };
    // A key that was rotated a moment ago is another one already.
    let signer = Signer::new(&visit.context.store.signing_key()?)?;
    let claims = signer.verify(token, resource_type, visit.permission.reach)?;
    visit.check(resource_type, Interaction::Export)?;
    let Some((snapshot, file, shape)) = claims.open(&visit.seen)? else {
        let what = "the store no longer has all of this file; start a new export";
        return Err(Error::new(Kind::NotFound, what));
    };
    // The file's name says all that its bytes depend on.
    let bytes = Bytes {
        name: token.to_owned(),
        length: file.bytes,
        fetched: visit.note_file(claims.export()),
        cache_control: match is_public && !visit.context.access.is_required() {
            true => NEVER_STALE,
            false => "private, no-cache",
        },
        write: Box::new(move |range, out| export::write(&snapshot, &file, &shape, range, out)),
    };
    send(visit.request, bytes)
}
