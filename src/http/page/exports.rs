//! Exports: a form that shows the very request while it is filled, and starts it; the exports of the caller.
//!
//! On an open server everybody who knows the id of an export sees it, as with the API, but only those that the caller's own
//! address started are listed. With authorization the list has those of the caller's rights, and the end of the audit
//! those of the caller that are over: the whole audit is for the operator, who reads it with `fhirlite audit`.

use askama::Template;

use super::document::document;
use super::exports_call::{CallTexts, DraftedCall};
use super::exports_draft::{ExportDraft, LEVELS, TYPE, TYPE_FILTER};
use super::exports_protocol::ExportProtocol;
use super::exports_words::{level_words, state_words, type_words};
use super::posted_form::{field, fields};
use super::shell::{Shell, see_other};
use super::words::{bytes, cell_text, grouped};
use crate::access::Interaction;
use crate::error::{Error, Result};
use crate::export::{ExportParameter, GroupList, JobList};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::message::{Response, explanation};
use crate::shown::shown;
use crate::store::{ExportRecord, Reach};
use crate::time::Instant;

/// The most Groups to choose from.
const MOST_GROUPS: usize = 50;
/// The jobs on a page of the list.
const JOBS: usize = 50;
/// The records of the audit that are shown.
const RECORDS: usize = 20;
/// The field that asks for a part of the screen.
pub const PART: &str = "part";
/// Parameters that most people need.
const COMMON: [&str; 4] = ["_since", "_until", "_elements", TYPE_FILTER];

/// One of several values.
struct ExportChoice {
    value: String,
    label: String,
    is_chosen: bool,
}

/// The field of a parameter.
struct ParameterField {
    name: &'static str,
    label: &'static str,
    documentation: &'static str,
    value: String,
    is_lines: bool,
    /// The possible values; empty for any text.
    choices: Vec<ExportChoice>,
}

/// The request that a form amounts to, or why there is none.
struct RequestBlock {
    problem: String,
    texts: Option<CallTexts>,
}

/// A job in the list.
struct JobLine {
    id: String,
    accepted: String,
    level: String,
    types: String,
    state: &'static str,
    expires: String,
}

/// An export in the audit.
struct RecordLine {
    at: String,
    request: String,
    files: String,
    bytes: String,
}

#[derive(Template)]
#[template(path = "exports.html")]
struct ExportsScreen {
    shell: Shell,
    problem: String,
    is_gone: bool,
    protocols: Vec<ExportChoice>,
    levels: Vec<ExportChoice>,
    patient: String,
    group: String,
    /// Groups to choose from; none where the caller may not search for them.
    groups: Vec<ExportChoice>,
    /// Whether these are all that there are.
    has_all_groups: bool,
    types: Vec<ExportChoice>,
    common: Vec<ParameterField>,
    others: Vec<ParameterField>,
    has_others: bool,
    request: RequestBlock,
    jobs: Vec<JobLine>,
    is_protected: bool,
    next: Option<i64>,
    records: Vec<RecordLine>,
}

#[derive(Template)]
#[template(path = "exports_request.html")]
struct RequestPart {
    request: RequestBlock,
}

/// Answers with the form, or starts the export that it describes.
pub fn exports(request: &AuthenticatedRequest<'_>) -> Result<Response> {
    let fields = fields(request)?;
    let draft = ExportDraft::read(&fields);
    if request.method != "POST" {
        if field(&fields, PART) == "request" {
            let request_block = request_block(request, &draft);
            return document(request, 200, &RequestPart { request: request_block });
        }
        return document(request, 200, &screen(request, &draft, &fields, None)?);
    }
    let started = DraftedCall::of(request, &draft).and_then(|call| call.start(request));
    match started {
        Ok(id) => Ok(see_other(request.context, &format!("/exports/{id}"))),
        // What can be mended is told beside the form, which keeps what was typed.
        Err(error) if (400..500).contains(&error.kind().status()) => {
            let screen = screen(request, &draft, &fields, Some(&error))?;
            Ok(document(request, error.kind().status(), &screen)?.retry(&error))
        }
        Err(error) => Err(error),
    }
}

fn screen(
    request: &AuthenticatedRequest<'_>,
    draft: &ExportDraft,
    fields: &[(String, String)],
    problem: Option<&Error>,
) -> Result<ExportsScreen> {
    let (groups, has_all_groups) = match request.check("Group", Interaction::Search) {
        Ok(()) => groups(request, draft)?,
        Err(_) => (Vec::new(), false),
    };
    let supported = || {
        let is_listed = |parameter: &&ExportParameter| parameter.name != TYPE;
        ExportParameter::supported().filter(is_listed)
    };
    let is_common = |parameter: &&ExportParameter| COMMON.contains(&parameter.name);
    let others: Vec<_> =
        supported().filter(|it| !is_common(it)).map(|it| input(it, draft)).collect();
    let before = field(fields, "before").parse().ok().map(Instant::from_micros);
    let JobList { jobs, next } = own_jobs(request, before, JOBS)?;
    Ok(ExportsScreen {
        shell: Shell::new(request.context, "Export", "exports"),
        problem: problem.map_or_else(String::new, |error| explanation(error, &request.id)),
        is_gone: fields.iter().any(|(name, _)| name == "gone"),
        protocols: choices(
            ExportProtocol::ALL.map(|it| (it.key(), it.label())),
            &[draft.protocol.key().to_owned()],
        ),
        levels: choices(LEVELS, &[draft.level.to_owned()]),
        patient: draft.patient.clone(),
        group: draft.group.clone(),
        groups,
        has_all_groups,
        types: types(request, draft)?,
        common: supported().filter(is_common).map(|it| input(it, draft)).collect(),
        has_others: others.iter().any(|field| !field.value.is_empty()),
        others,
        request: request_block(request, draft),
        jobs: jobs
            .into_iter()
            .map(|job| JobLine {
                level: level_words(&job.kick_off.request),
                types: type_words(&job.kick_off.request),
                id: job.id,
                accepted: job.accepted_at.to_string(),
                state: state_words(job.state),
                expires: job.expires_at.to_string(),
            })
            .collect(),
        is_protected: request.context.access.is_required(),
        next: next.map(Instant::micros),
        records: records(request)?,
    })
}

/// A page of the caller's exports, `most` at most.
pub fn own_jobs(
    request: &AuthenticatedRequest<'_>,
    before: Option<Instant>,
    most: usize,
) -> Result<JobList> {
    let turn = request.turn_name();
    // Whoever sees everything is not one client.
    let client = (request.permission.reach == Reach::Everything).then_some(turn.as_str());
    request.context.jobs.list(&request.permission, client, before, most)
}

fn request_block(request: &AuthenticatedRequest<'_>, draft: &ExportDraft) -> RequestBlock {
    let path = request.context.store.path();
    let name = path.file_name().map(|name| name.to_string_lossy());
    let store = name.as_deref().filter(|name| *name != ":memory:");
    let problem = |error: Error| explanation(&error, &request.id);
    match DraftedCall::of(request, draft) {
        Err(error) => RequestBlock { problem: problem(error), texts: None },
        Ok(call) => RequestBlock {
            problem: call.check(request).err().map(problem).unwrap_or_default(),
            texts: Some(call.texts(request, store)),
        },
    }
}

/// The Groups to choose from, and whether these are all.
fn groups(
    request: &AuthenticatedRequest<'_>,
    draft: &ExportDraft,
) -> Result<(Vec<ExportChoice>, bool)> {
    let list = GroupList::of(&request.seen.latest()?, MOST_GROUPS)?;
    if !list.groups.is_empty() {
        request.note_read("search", &[], usize::try_from(list.bytes).unwrap_or(usize::MAX))?;
    }
    let mut choices: Vec<_> = list
        .groups
        .into_iter()
        .map(|group| ExportChoice {
            is_chosen: group.id == draft.group,
            label: match group.name {
                Some(name) => format!("{} ({})", cell_text(&name), cell_text(&group.id)),
                None => cell_text(&group.id),
            },
            value: group.id,
        })
        .collect();
    if !draft.group.is_empty() && !choices.iter().any(|group| group.is_chosen) {
        let (value, label) = (draft.group.clone(), cell_text(&draft.group));
        choices.push(ExportChoice { value, label, is_chosen: true });
    }
    Ok((choices, !list.has_more))
}

/// The types of the store that the caller may export.
fn types(request: &AuthenticatedRequest<'_>, draft: &ExportDraft) -> Result<Vec<ExportChoice>> {
    let chosen = draft.values(TYPE);
    let mut names = request.seen.latest()?.types()?;
    let permission = &request.permission;
    names.retain(|name| permission.types.as_ref().is_none_or(|types| types.contains(name)));
    if permission.reach != Reach::Everything {
        let mut seen = Vec::with_capacity(names.len());
        for name in names {
            if request.seen.has_type(&name)? {
                seen.push(name);
            }
        }
        names = seen;
    }
    names.extend(chosen.iter().cloned());
    names.sort();
    names.dedup();
    Ok(choices(names.iter().map(|name| (name.as_str(), name.as_str())), chosen))
}

fn choices<'c>(
    all: impl IntoIterator<Item = (&'c str, &'c str)>,
    chosen: &[String],
) -> Vec<ExportChoice> {
    let choice = |(value, label): (&str, &str)| ExportChoice {
        value: value.to_owned(),
        label: cell_text(label),
        is_chosen: chosen.iter().any(|one| one == value),
    };
    all.into_iter().map(choice).collect()
}

/// The field of a parameter, with what the draft has.
fn input(parameter: &'static ExportParameter, draft: &ExportDraft) -> ParameterField {
    let values = draft.values(parameter.name);
    let is_lines = parameter.name == TYPE_FILTER;
    ParameterField {
        name: parameter.name,
        label: label(parameter.name),
        documentation: parameter.documentation,
        value: values.join(if is_lines { "\n" } else { "," }),
        is_lines,
        choices: choices(parameter.values.iter().map(|value| (*value, *value)), values),
    }
}

/// What people call a parameter; empty for one that has only its name.
fn label(name: &str) -> &'static str {
    match name {
        "_since" => "Changed after",
        "_until" => "Changed before",
        "_elements" => "Only these elements",
        TYPE_FILTER => "Only what searches find, one on each line",
        "_outputFormat" => "Format of the files",
        "patient" => "Only these patients",
        "includeAssociatedData" => "Provenance",
        "organizeOutputBy" => "Order of the files",
        "allowPartialManifests" => "Manifest in pages",
        "_minimumFileSize" => "Smallest file in bytes",
        "_maximumFileSize" => "Largest file in bytes",
        _ => "",
    }
}

/// The caller's last exports by the audit.
fn records(request: &AuthenticatedRequest<'_>) -> Result<Vec<RecordLine>> {
    let (Some(client), true) = (&request.caller.client, request.context.audit.is_some()) else {
        return Ok(Vec::new());
    };
    let whose = (client.as_str(), request.caller.user.as_deref());
    let records = request.context.store.last_export_records(whose, RECORDS)?;
    let line = |record: ExportRecord| RecordLine {
        at: record.at,
        request: shown(&record.request).into_owned(),
        files: grouped(record.files),
        bytes: bytes(record.bytes),
    };
    Ok(records.into_iter().map(line).collect())
}
