//! `GET [base]/$bulk-publish`: the store as it is, as a static manifest.
//!
//! <https://hl7.org/fhir/uv/bulkdata/publish.html> (STU4 ballot). It changes only when the store
//! does, and so does its `ETag`; a file's URL never means other bytes.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use sha2::{Digest, Sha256};

use super::download::names;
use super::message::Response;
use super::prefer::takes_json;
use super::route::{FHIR, PUBLISH};
use super::signed::signed;
use super::visit::Visit;
use crate::error::{Error, Kind, Result};
use crate::export::{ExportRequest, Manifest, Plan};
use crate::fhir::name::short;

/// Parameters of every request, which change nothing here.
const TAKEN: [&str; 2] = ["_format", "_pretty"];

/// Answers with the manifest.
pub fn publish(visit: &Visit<'_>) -> Result<Response> {
    let request = visit.request;
    takes_json(request)?;
    if let Some((name, _)) = request.query.iter().find(|(name, _)| !TAKEN.contains(&name.as_str()))
    {
        let what = format!("parameter {:?} is not known here: $bulk-publish has none", short(name));
        return Err(Error::new(Kind::Invalid, what));
    }
    let snapshot = visit.seen.latest()?;
    let attachments_base = format!("{}{FHIR}/", visit.base());
    let mut asked = ExportRequest::default();
    asked.shape.attachments_base = Some(attachments_base.clone());
    asked.limit(&visit.permission)?;
    let plan = Plan::new(snapshot, &asked)?;
    let is_protected = visit.context.access.is_required();
    // The same for the same reader and store, so that URLs stay what they are.
    let export = visit
        .context
        .audit
        .is_some()
        .then(|| format!("publish-{}-{}", visit.caller.reach, plan.snapshot.seq()));
    let output = signed(visit, &plan, PUBLISH, Some(&attachments_base), export.as_deref())?;
    if let Some(export) = export.filter(|_| request.method == "GET") {
        visit.note_export(&export, &[], plan.snapshot.seq());
    }
    let time = plan.snapshot.time().to_string();
    let manifest = Manifest::published(time, is_protected, output).to_json();
    let etag = format!("\"{}\"", BASE64URL.encode(&Sha256::digest(&manifest)[..15]));
    let known = request.header("if-none-match").is_some_and(|known| names(&known, &etag));
    let response = match known {
        true => Response::empty(304),
        false => Response::new(200, "application/json", manifest),
    };
    let cache_control = if is_protected { "private, no-cache" } else { "public, max-age=10" };
    Ok(response.with("ETag", etag).with("Cache-Control", cache_control))
}
