//! The polling location of a job, its manifest's pages and its files.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-status-request>

use super::download::{Bytes, send};
use super::message::{Response, http_date};
use super::visit::Visit;
use crate::error::{Error, Kind, Result};
use crate::export::{self, File, JobStatus, KickOff, Manifest, ManifestHeader, OpenFile, Purpose};
use crate::fhir::outcome::{Issue, Severity};
use crate::time::Instant;

/// So many files of resources are on a page, where the manifest may have several.
const PAGE: usize = 10;
/// Seconds to wait before asking again.
const RETRY_AFTER: &str = "1";

/// `GET`: how far the job is, or its manifest.
pub fn status(visit: &Visit<'_>, id: &str) -> Result<Response> {
    let found = visit.context.jobs.progress(id, &visit.permission)?;
    let Some((accepted, progress)) = found else { return Err(gone()) };
    let response = match progress {
        JobStatus::Running(progress) => {
            Response::empty(202).with("X-Progress", progress).with("Retry-After", RETRY_AFTER)
        }
        JobStatus::Failed(reason) => Response::outcome(
            500,
            Issue {
                severity: Severity::Error,
                code: "exception".to_owned(),
                diagnostics: format!("the export failed: {reason}"),
            },
        ),
        JobStatus::Complete { time, expires_at, files } => {
            page(visit, &accepted, id, (time, expires_at), &files, 1)?
        }
    };
    let response = response.with("Cache-Control", "no-store");
    Ok(match accepted.separate_status {
        true => apart(response),
        false => response,
    })
}

/// `GET` of a page of the manifest, from the second one on.
pub fn further_page(visit: &Visit<'_>, id: &str, number: &str) -> Result<Response> {
    let found = visit.context.jobs.progress(id, &visit.permission)?;
    let Some((accepted, progress)) = found else { return Err(gone()) };
    match (progress, number.parse()) {
        (JobStatus::Complete { time, expires_at, files }, Ok(number)) if number > 1 => {
            let page = page(visit, &accepted, id, (time, expires_at), &files, number)?;
            Ok(page.with("Cache-Control", "no-store"))
        }
        _ => Err(Error::new(Kind::NotFound, "the manifest has no such page")),
    }
}

/// `DELETE`: the client needs the job no more.
pub fn cancel(visit: &Visit<'_>, id: &str) -> Result<Response> {
    match visit.context.jobs.cancel(id, &visit.permission)? {
        true => Ok(Response::outcome(202, Issue::information("the export and its files are gone"))),
        false => Err(gone()),
    }
}

/// `GET` of a file.
pub fn file(visit: &Visit<'_>, id: &str, name: &str) -> Result<Response> {
    let Some(opened) = visit.context.jobs.open(id, name, &visit.permission)? else {
        return Err(Error::new(Kind::NotFound, "there is no such file, or its export is over"));
    };
    let bytes = Bytes {
        name: format!("{id}/{name}"),
        length: opened.file.bytes,
        fetched: visit.note_file(Some(id)),
        cache_control: "private, no-cache",
        write: Box::new(move |range, out| {
            let OpenFile { file, snapshot, shape, hold } = opened;
            let written = export::write(&snapshot, &file, &shape, range, out);
            drop(hold);
            written
        }),
    };
    send(visit.request, bytes)
}

fn gone() -> Error {
    Error::new(Kind::NotFound, "there is no such export: it is over, was cancelled, or never was")
}

/// One page of the manifest.
fn page(
    visit: &Visit<'_>,
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
        is_protected: visit.context.access.is_required(),
        since: accepted.request.filter.since.is_some(),
        url_of: &url_of,
    };
    let (resources, beside): (Vec<&File>, Vec<&File>) =
        files.iter().partition(|file| file.purpose == Purpose::Output);
    let size = match accepted.request.partial_manifests {
        true => PAGE,
        false => usize::MAX,
    };
    let mut pages = resources.chunks(size).skip(number - 1);
    let mut shown = match (pages.next(), number) {
        (Some(shown), _) => shown.to_vec(),
        (None, 1) => Vec::new(),
        (None, _) => return Err(Error::new(Kind::NotFound, "the manifest has no such page")),
    };
    let next = pages.next().map(|_| format!("{}{id}/manifest/{}", accepted.status, number + 1));
    if number == 1 {
        shown.extend(beside);
    }
    let manifest = Manifest::page(&header, &shown, next);
    Ok(Response::new(200, "application/json", manifest.to_json())
        .with("Expires", http_date(expires_at)))
}

/// The status of the job beside that of the request: `separate-export-status`.
fn apart(mut response: Response) -> Response {
    let status = format!("{} {}", response.status, response.reason());
    response.status = 200;
    response.with("X-Export-Status", status)
}
