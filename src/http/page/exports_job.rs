//! One export: its state while it is made, its files, the first lines of one of them, and its end.
//!
//! While it is made, the script asks for this screen again each second and shows what has changed; without it the browser
//! loads the screen again. What is shown is what the status URL of the API tells the same caller.

use askama::Template;

use super::document::document;
use super::exports::PART;
use super::exports_draft::segment;
use super::exports_lines::first_lines;
use super::exports_words::{counted, edition_words, level_words, type_words};
use super::posted_form::{field, fields};
use super::shell::{Shell, root, see_other};
use super::words::{bytes, cell_text, grouped};
use crate::error::{Error, Kind, Result};
use crate::export::{File, JobStatus, KickOff, Purpose};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::message::Response;
use crate::http::status;
use crate::shown::shown;
use crate::store::Reach;
use crate::time::Instant;

/// The files on a page.
const FILES: usize = 50;

/// A file in the list.
struct FileLine {
    name: String,
    purpose: &'static str,
    resource_type: String,
    count: String,
    size: String,
    /// Where it is downloaded.
    href: String,
    /// The field of this screen that asks for its first lines.
    lines: String,
}

/// The files of a complete export.
struct FilesBlock {
    files: Vec<FileLine>,
    resources: String,
    size: String,
    number: String,
    deleted: String,
    notices: String,
    time: String,
    expires: String,
    before: Option<usize>,
    next: Option<usize>,
}

/// What is known of an export.
struct JobBlock {
    id: String,
    is_running: bool,
    /// The state in a sentence.
    state: String,
    percent: Option<u8>,
    failure: String,
    level: String,
    types: String,
    edition: &'static str,
    since: String,
    until: String,
    url: String,
    /// The path of the status URL; empty where a browser has no right to it.
    status: String,
    files: Option<FilesBlock>,
    /// The name of the file whose first lines are shown.
    shown: String,
    first_lines: Vec<String>,
    has_more_lines: bool,
}

#[derive(Template)]
#[template(path = "exports_job.html")]
struct JobScreen {
    shell: Shell,
    job: JobBlock,
}

#[derive(Template)]
#[template(path = "exports_job_part.html")]
struct JobPart {
    shell: Shell,
    job: JobBlock,
}

#[derive(Template)]
#[template(path = "exports_gone.html")]
struct GoneScreen {
    shell: Shell,
}

/// Answers with an export, or ends it.
pub fn export_job(request: &AuthenticatedRequest<'_>, id: &str) -> Result<Response> {
    let fields = fields(request)?;
    if request.method == "POST" {
        return end(request, id, field(&fields, "action"));
    }
    let shell = |title: &str| Shell::new(request.context, title, "exports");
    let Some((accepted, progress)) = request.context.jobs.progress(id, &request.permission)? else {
        return document(request, 404, &GoneScreen { shell: shell("No such export") });
    };
    let job = block(request, id, &accepted, progress, &fields)?;
    if field(&fields, PART) == "job" {
        return document(request, 200, &JobPart { shell: shell("Export"), job });
    }
    document(request, 200, &JobScreen { shell: shell("Export"), job })
}

/// Cancels an export, or deletes its files.
fn end(request: &AuthenticatedRequest<'_>, id: &str, action: &str) -> Result<Response> {
    if action != "end" {
        let what = "the form should have the field action with the value end";
        return Err(Error::new(Kind::Invalid, what));
    }
    status::cancel(request, id)?;
    Ok(see_other(request.context, "/exports?gone"))
}

/// Answers with a file, to be kept: for browsers, which have no access token for the API.
pub fn export_file(request: &AuthenticatedRequest<'_>, id: &str, name: &str) -> Result<Response> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let kept: String = name.chars().map(plain).collect();
    let response = status::file(request, id, name)?;
    Ok(response.with("Content-Disposition", format!("attachment; filename=\"{kept}\"")))
}

fn block(
    request: &AuthenticatedRequest<'_>,
    id: &str,
    accepted: &KickOff,
    progress: JobStatus,
    fields: &[(String, String)],
) -> Result<JobBlock> {
    let filter = &accepted.request.filter;
    let is_protected = request.context.access.is_required();
    let time = |time: Option<Instant>| time.map_or(String::new(), |at| at.to_string());
    let mut job = JobBlock {
        id: segment(id),
        is_running: false,
        state: String::new(),
        percent: None,
        failure: String::new(),
        level: level_words(&accepted.request),
        types: type_words(&accepted.request),
        edition: edition_words(accepted.edition),
        since: time(filter.since),
        until: time(filter.until),
        url: shown(&accepted.url).into_owned(),
        status: match is_protected {
            true => String::new(),
            false => path(&format!("{}{}", accepted.status, segment(id))).to_owned(),
        },
        files: None,
        shown: String::new(),
        first_lines: Vec::new(),
        has_more_lines: false,
    };
    match progress {
        JobStatus::Running(progress) => {
            job.is_running = true;
            job.percent = progress.split_once('%').and_then(|(number, _)| number.parse().ok());
            job.state = format!("In progress: {progress}.");
        }
        JobStatus::Failed(reason) => {
            job.state = "The export failed.".to_owned();
            job.failure = reason;
        }
        JobStatus::Complete { time, expires_at, files } => {
            let asked = field(fields, "lines");
            let of_first = || files.iter().find(|file| file.purpose == Purpose::Output);
            let named = match asked {
                // To look whether a file is still whole takes a while where the caller sees only a part of the store.
                "" => of_first().filter(|_| request.permission.reach == Reach::Everything),
                name => files.iter().find(|file| file.name == name),
            };
            if let Some(file) = named {
                let first = first_lines(request, id, &file.name)?;
                job.shown = cell_text(&file.name);
                job.has_more_lines = file.count > first.len() as u64;
                job.first_lines = first;
            }
            let page = field(fields, "page").parse().unwrap_or(1).max(1);
            let links = FileLinks { root: root(request.context), id, accepted, is_protected, page };
            let block = links.block(&files, time.to_string(), expires_at.to_string());
            job.state = format!("Finished: {} in {}.", block.resources, block.number);
            job.files = Some(block);
        }
    }
    Ok(job)
}

/// What the links to files are made of.
struct FileLinks<'l> {
    root: String,
    id: &'l str,
    accepted: &'l KickOff,
    is_protected: bool,
    page: usize,
}

impl FileLinks<'_> {
    fn block(&self, files: &[File], time: String, expires: String) -> FilesBlock {
        let of = |purpose| files.iter().filter(move |file| file.purpose == purpose);
        let total = |purpose| of(purpose).map(|file| file.count).sum();
        let shown = files.iter().skip((self.page - 1).saturating_mul(FILES)).take(FILES);
        FilesBlock {
            files: shown.map(|file| self.line(file)).collect(),
            resources: counted(total(Purpose::Output), "resource"),
            size: bytes(files.iter().map(|file| file.bytes).sum()),
            number: counted(files.len() as u64, "file"),
            deleted: grouped(total(Purpose::Deleted)),
            notices: grouped(total(Purpose::Error)),
            time,
            expires,
            before: (self.page > 1).then(|| self.page - 1),
            next: (files.len() > self.page.saturating_mul(FILES)).then(|| self.page + 1),
        }
    }

    fn line(&self, file: &File) -> FileLine {
        let FileLinks { root, id, accepted, is_protected, page } = self;
        let name = segment(&file.name);
        FileLine {
            name: cell_text(&file.name),
            purpose: match file.purpose {
                Purpose::Output => "resources",
                Purpose::Deleted => "deleted",
                Purpose::Error => "notices and errors",
            },
            resource_type: file.resource_type.as_deref().map_or("by patient".to_owned(), cell_text),
            count: grouped(file.count),
            size: bytes(file.bytes),
            href: match is_protected {
                true => format!("{root}/exports/{}/files/{name}", segment(id)),
                false => path(&format!("{}{}/{name}", accepted.files, segment(id))).to_owned(),
            },
            lines: format!("page={page}&lines={name}"),
        }
    }
}

/// The path of a URL: the browser may have come by another name than the client.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}
