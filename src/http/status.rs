//! The status of a job, the pages of its manifest, and its files.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-status-request>

use super::authenticated::AuthenticatedRequest;
use super::download::{Download, send};
use super::header::http_date;
use super::message::Response;
use super::sql::see_result;
use crate::error::{Error, Kind, Result};
use crate::export::{File, JobStatus, KickOff, Manifest, ManifestHeader, Purpose};
use crate::fhir::outcome::{Issue, Severity};
use crate::time::Instant;

/// The number of resource files on a page, if the client allows a manifest of several pages.
const FILES_PER_PAGE: usize = 10;
/// The number of seconds before the next status request.
const RETRY_AFTER: &str = "1";

/// `GET` of the status URL: the progress of the job, or its manifest.
pub fn status(request: &AuthenticatedRequest<'_>, id: &str) -> Result<Response> {
    let (accepted, progress) = progress(request, id)?;
    if accepted.request.views.is_some() && !matches!(progress, JobStatus::Running(_)) {
        return Ok(see_result(&accepted, id));
    }
    let response = match progress {
        JobStatus::Running(progress) => {
            Response::empty(202).with("X-Progress", progress).with("Retry-After", RETRY_AFTER)
        }
        JobStatus::Failed(reason) => {
            let diagnostics = format!("the export failed: {reason}; request id {}", request.id);
            let code = "exception".to_owned();
            Response::outcome(500, Issue { severity: Severity::Error, code, diagnostics })
        }
        JobStatus::Complete { time, expires_at, files } => {
            page(request, &accepted, id, (time, expires_at), &files, 1)?
        }
    };
    let response = response.with("Cache-Control", "no-store");
    Ok(if accepted.separate_status { separated(response) } else { response })
}

/// `GET` of a page of the manifest, from the second page on.
pub fn further_page(
    request: &AuthenticatedRequest<'_>,
    id: &str,
    number: &str,
) -> Result<Response> {
    let (accepted, progress) = progress(request, id)?;
    match (progress, number.parse()) {
        (JobStatus::Complete { time, expires_at, files }, Ok(number)) if number > 1 => {
            let page = page(request, &accepted, id, (time, expires_at), &files, number)?;
            Ok(page.with("Cache-Control", "no-store"))
        }
        _ => Err(no_page()),
    }
}

/// `DELETE` of the status URL: cancels the job, or deletes its files.
pub fn cancel(request: &AuthenticatedRequest<'_>, id: &str) -> Result<Response> {
    if !request.context.jobs.cancel(id, &request.permission)? {
        return Err(no_job());
    }
    Ok(Response::outcome(202, Issue::information("the export and its files are gone")))
}

/// `GET` of a file.
pub fn file(request: &AuthenticatedRequest<'_>, id: &str, name: &str) -> Result<Response> {
    let Some(opened) = request.context.jobs.open(id, name, &request.permission)? else {
        return Err(Error::new(Kind::NotFound, "there is no such file, or its export is over"));
    };
    let download = Download {
        name: format!("{id}/{name}"),
        content_type: opened.media_type()?,
        length: opened.file.bytes,
        note: request.note_file(Some(id))?,
        cache_control: "private, no-cache",
        write: Box::new(move |range, out| opened.write(range, out)),
    };
    send(request, download)
}

/// A job of the caller.
fn progress(request: &AuthenticatedRequest<'_>, id: &str) -> Result<(KickOff, JobStatus)> {
    request.context.jobs.progress(id, &request.permission)?.ok_or_else(no_job)
}

fn no_job() -> Error {
    Error::new(Kind::NotFound, "there is no such export: it is over, was cancelled, or never was")
}

fn no_page() -> Error {
    Error::new(Kind::NotFound, "the manifest has no such page")
}

/// One page of the manifest.
fn page(
    request: &AuthenticatedRequest<'_>,
    accepted: &KickOff,
    id: &str,
    (time, expires_at): (Instant, Instant),
    files: &[File],
    number: usize,
) -> Result<Response> {
    let url_of = |name: &str| format!("{}{id}/{name}", accepted.files);
    let header = ManifestHeader {
        edition: accepted.edition,
        transaction_time: time.to_string(),
        request: accepted.url.clone(),
        organized: accepted.request.organize_by_patient,
        is_protected: request.context.access.is_required(),
        since: accepted.request.filter.since.is_some(),
        url_of: &url_of,
    };
    let (resources, beside): (Vec<&File>, Vec<&File>) =
        files.iter().partition(|file| file.purpose == Purpose::Output);
    let size = if accepted.request.partial_manifests { FILES_PER_PAGE } else { usize::MAX };
    let mut pages = resources.chunks(size).skip(number - 1);
    let mut listed = match (pages.next(), number) {
        (Some(listed), _) => listed.to_vec(),
        (None, 1) => Vec::new(),
        (None, _) => return Err(no_page()),
    };
    let next = pages.next().map(|_| format!("{}{id}/manifest/{}", accepted.status, number + 1));
    if number == 1 {
        listed.extend(beside);
    }
    let manifest = Manifest::page(&header, &listed, next);
    Ok(Response::new(200, "application/json", manifest.to_json())
        .with("Expires", http_date(expires_at)))
}

/// Moves the status of the job to `X-Export-Status`: the preference `separate-export-status`.
fn separated(response: Response) -> Response {
    let status = format!("{} {}", response.status, response.reason());
    response.with_status(200).with("X-Export-Status", status)
}
