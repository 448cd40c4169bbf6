//! The versions of a resource: the list of those that are kept, and what two of them differ in.

use askama::Template;

use super::browse_diff::{DiffLine, differences};
use super::browse_json::{JsonLine, LinkBase, json_lines};
use super::document::document;
use super::shell::{Shell, root};
use super::words::{resource_path, url_with, when};
use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::fhir::json::Tree;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::message::Response;
use crate::shown::{shortened, shown};
use crate::store::{EventKind, HistoryQuery, ReadOutcome, StoredVersion};

/// The largest text that is shown, in bytes. A larger one is a download.
pub const LARGEST: usize = 2 << 20;
/// How many versions are listed.
const MOST_VERSIONS: usize = 50;
/// The most lines of a difference on a screen.
const MOST_LINES: usize = 1500;
/// The most characters of a line.
const LONGEST: usize = 400;

/// A version, or a deletion.
pub struct VersionRow {
    /// The version; empty for a deletion.
    pub version: String,
    /// The version as URLs have it.
    pub value: String,
    /// When it came.
    pub when: String,
    /// What happened.
    pub what: &'static str,
    /// True for a deletion.
    pub is_deletion: bool,
    /// The screen of the version.
    pub href: String,
}

/// The versions of a resource that are kept, newest first, and whether there are more. `path` is that of its screen.
///
/// # Errors
/// Where the store cannot be read.
pub fn version_rows(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    id: &str,
    path: &str,
) -> Result<(Vec<VersionRow>, bool)> {
    // https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html: the right to read it is that to its history.
    if request.check(resource_type, Interaction::Read).is_err() {
        return Ok((Vec::new(), false));
    }
    let page = request.seen.history(&HistoryQuery {
        types: Some([resource_type.to_owned()].into()),
        id: Some(id.to_owned()),
        most: MOST_VERSIONS,
        ..HistoryQuery::default()
    })?;
    let rows = page.events.iter().map(|event| {
        let is_deletion = event.kind == EventKind::Deleted;
        let value = if is_deletion { String::new() } else { event.version.version_id.clone() };
        VersionRow {
            version: shown(&value).into_owned(),
            href: url_with(path, &[("version".to_owned(), value.clone())], |_| false),
            value,
            when: when(event.version.last_updated),
            what: match event.kind {
                EventKind::Created => "created",
                EventKind::Revived => "created again",
                EventKind::Updated => "updated",
                EventKind::Deleted => "deleted",
            },
            is_deletion,
        }
    });
    Ok((rows.collect(), page.has_more))
}

#[derive(Template)]
#[template(path = "browse_missing.html")]
struct MissingScreen {
    shell: Shell,
    resource_type: String,
    name: String,
    was_deleted: bool,
    versions: Vec<VersionRow>,
}

/// Answers for a resource that is not here, with the versions that are.
pub fn missing(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    id: &str,
    outcome: &ReadOutcome,
) -> Result<Response> {
    let was_deleted = *outcome == ReadOutcome::Deleted;
    let kind = if was_deleted { Kind::Gone } else { Kind::NotFound };
    let path = resource_path(&root(request.context), resource_type, id);
    let (versions, _) = version_rows(request, resource_type, id, &path)?;
    let name = shown(&shortened(&format!("{resource_type}/{id}"), LONGEST)).into_owned();
    let screen = MissingScreen {
        shell: Shell::new(request.context, name.clone(), "browse"),
        resource_type: resource_type.to_owned(),
        name,
        was_deleted,
        versions,
    };
    document(request, kind.status(), &screen)
}

#[derive(Template)]
#[template(path = "browse_difference.html")]
struct DifferenceScreen {
    shell: Shell,
    resource_type: String,
    name: String,
    path: String,
    first: String,
    second: String,
    lines: Vec<DiffLine>,
    is_cut: bool,
    gone: usize,
    new: usize,
}

/// Answers with what two versions of a resource differ in.
pub fn difference(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    versions: [StoredVersion; 2],
) -> Result<Response> {
    let [first, second] = &versions;
    request.note_read("read", &[], first.body.len() + second.body.len())?;
    let (of_first, of_second) = (lines_of(&first.body)?, lines_of(&second.body)?);
    let mut lines = differences(&of_first, &of_second);
    let count = |sign: &str| lines.iter().filter(|line| line.sign() == sign).count();
    let (gone, new) = (count("−"), count("+"));
    let is_cut = lines.len() > MOST_LINES;
    lines.truncate(MOST_LINES);
    for line in &mut lines {
        line.text = shortened(&line.text, LONGEST).into_owned();
    }
    let name = shown(&format!("{resource_type}/{}", first.id)).into_owned();
    let screen = DifferenceScreen {
        shell: Shell::new(request.context, format!("{name}: differences"), "browse"),
        resource_type: resource_type.to_owned(),
        path: resource_path(&root(request.context), resource_type, &first.id),
        name,
        first: shown(&first.version_id).into_owned(),
        second: shown(&second.version_id).into_owned(),
        lines,
        is_cut,
        gone,
        new,
    };
    document(request, 200, &screen)
}

/// The lines of a body.
fn lines_of(body: &str) -> Result<Vec<String>> {
    if body.len() > LARGEST {
        let what = "a version is too large to be compared on a screen; download both as FHIR";
        return Err(Error::new(Kind::TooMuch, what));
    }
    let tree = Tree::parse(body).map_err(|fault| Error::new(Kind::Damaged, fault))?;
    let (lines, _) = json_lines(&tree, LinkBase { root: "", fhir: "" }, usize::MAX);
    Ok(lines.iter().map(JsonLine::text).collect())
}
