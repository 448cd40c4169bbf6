//! `GET [base]/$bulk-publish`: the current state of the store as a static manifest.
//!
//! <https://hl7.org/fhir/uv/bulkdata/publish.html> (STU4 ballot). The manifest and its `ETag` change
//! only with the store. The bytes behind a file's URL never change.

use super::authenticated::AuthenticatedRequest;
use super::context::{FHIR, PUBLISH};
use super::header::EntityTag;
use super::message::Response;
use super::signed::signed;
use crate::error::{Error, Kind, Result};
use crate::export::{ExportRequest, Manifest, Plan};
use crate::fhir::name::short;

/// Parameters that every request may have. They change nothing here.
const IGNORED: [&str; 2] = ["_format", "_pretty"];

/// Answers with the manifest.
pub fn publish(request: &AuthenticatedRequest<'_>) -> Result<Response> {
    request.check_takes_json()?;
    let unknown = request.query.iter().find(|(name, _)| !IGNORED.contains(&name.as_str()));
    if let Some((name, _)) = unknown {
        let what = format!("parameter {:?} is not known here: $bulk-publish has none", short(name));
        return Err(Error::new(Kind::Invalid, what));
    }
    let snapshot = request.seen.latest()?;
    let attachments_base = format!("{}{FHIR}/", request.base());
    let mut asked = ExportRequest::default();
    asked.shape.attachments_base = Some(attachments_base.clone());
    asked.limit(&request.permission)?;
    let plan = Plan::new(snapshot, &asked)?;
    let is_protected = request.context.access.is_required();
    // The same id for the same caller and store keeps file URLs the same.
    let export = request
        .context
        .audit
        .is_some()
        .then(|| format!("publish-{}-{}", request.caller.reach, plan.snapshot.seq()));
    let output = signed(request, &plan, PUBLISH, Some(&attachments_base), export.as_deref())?;
    if let Some(export) = export.filter(|_| request.method == "GET") {
        request.note_export(request.audit_place()?, &export, &[], plan.snapshot.seq());
    }
    let time = plan.snapshot.time().to_string();
    let manifest =
        Manifest::published(&request.context.update_cadence, time, is_protected, output).to_json();
    let etag = EntityTag::of_bytes(&manifest);
    let is_known = request.header("if-none-match").is_some_and(|known| etag.is_none_match(&known));
    let response = if is_known {
        Response::empty(304)
    } else {
        Response::new(200, "application/json", manifest)
    };
    let cache_control = if is_protected { "private, no-cache" } else { "public, max-age=10" };
    Ok(response.with("ETag", etag.to_string()).with("Cache-Control", cache_control))
}
