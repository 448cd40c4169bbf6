//! `GET [base]/[Type]/[id]/_history`, `[base]/[Type]/_history` and `[base]/_history`: what happened to resources.
//!
//! <https://hl7.org/fhir/R4/http.html#history>. A page leads to the next one by our own parameter `_before`, the number of a
//! write. `_at` and `_list` are not supported. By
//! <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html> the history of one resource needs the right to
//! read, and that of a type or of all types the right to search.

use std::collections::BTreeSet;

use super::bundle::{AnswerBundle, AnswerEntry, EntryResponse, PastRequest, raw};
use super::links::BEFORE;
use super::paging::{PagedRequest, id_segment};
use super::read::etag;
use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::export::instant;
use crate::fhir::name::short;
use crate::fhir::outcome::{Issue, OperationOutcome};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::FHIR;
use crate::http::header::FHIR_JSON;
use crate::http::message::Response;
use crate::store::{EventKind, HistoryEvent, HistoryQuery, ReadOutcome};

/// The parameters beside `_count`.
const KNOWN: [&str; 2] = ["_since", BEFORE];

/// Answers with the history of a resource.
pub fn history_of_resource(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    id: &str,
) -> Result<Response> {
    request.check(resource_type, Interaction::Read)?;
    let path = format!("/{resource_type}/{}", id_segment(id));
    let query = HistoryQuery {
        types: Some(BTreeSet::from([resource_type.to_owned()])),
        id: Some(id.to_owned()),
        ..HistoryQuery::default()
    };
    answer(request, &path, query)
}

/// Answers with the history of a type.
pub fn history_of_type(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
) -> Result<Response> {
    request.check(resource_type, Interaction::Search)?;
    let types = Some(BTreeSet::from([resource_type.to_owned()]));
    answer(request, &format!("/{resource_type}"), HistoryQuery { types, ..HistoryQuery::default() })
}

/// Answers with the history of all types that the caller may search.
pub fn history_of_all(request: &AuthenticatedRequest<'_>) -> Result<Response> {
    let types = request.caller.searchable();
    if types.as_ref().is_some_and(BTreeSet::is_empty) {
        let what =
            "the scope of the access token covers no type for a history of all: that takes s";
        return Err(Error::new(Kind::Forbidden, what));
    }
    answer(request, "", HistoryQuery { types, ..HistoryQuery::default() })
}

/// Answers with a page. `path` leads from the base to what has this history.
fn answer(
    request: &AuthenticatedRequest<'_>,
    path: &str,
    mut query: HistoryQuery,
) -> Result<Response> {
    request.check_takes_json()?;
    let asked = PagedRequest::read(request, request.query.clone(), &KNOWN)?;
    query.most = asked.count()?;
    query.before = asked.number(BEFORE)?;
    for value in asked.values("_since") {
        // A `+` in the zone arrives as a blank if a client did not encode it.
        query.since = Some(instant("_since", &value.replace(' ', "+"))?);
    }
    let page = request.seen.history(&query)?;
    if page.events.is_empty() {
        check_is_known(request, &query)?;
    }
    let base = request.base();
    let url = format!("{base}{FHIR}{path}/_history");
    let mut bundle = AnswerBundle::new("history");
    bundle.total = page.total;
    bundle.link("self", Some(asked.own_url(request, &url)));
    let last = page.events.last().filter(|_| page.has_more).map(|event| event.number.to_string());
    bundle.link("next", last.map(|last| asked.page_url(&url, &[(BEFORE, &last)])));
    for event in &page.events {
        bundle.entry.push(entry(event, &base)?);
    }
    let pruned = OperationOutcome::of(&[pruned()]).to_line();
    if page.is_pruned
        && !page.has_more
        && let Some(oldest) = bundle.entry.last_mut().and_then(|entry| entry.response.as_mut())
    {
        oldest.outcome = Some(raw(&pruned)?);
    }
    let body = bundle.to_json()?;
    request.note_read(if query.id.is_some() { "read" } else { "search" }, &[], body.len())?;
    Ok(Response::new(200, FHIR_JSON, body).with("Cache-Control", "no-store"))
}

/// What is said of the oldest entry, where older ones may be missing. A history has no entry of its own for this.
fn pruned() -> Issue {
    Issue::information(
        "versions that were replaced or deleted a while ago are pruned here; some may be missing in this history",
    )
}

/// Checks that there is or was such a resource, where the history of one resource is wanted.
///
/// # Errors
/// `NotFound` where there never was.
fn check_is_known(request: &AuthenticatedRequest<'_>, query: &HistoryQuery) -> Result<()> {
    let (Some(id), Some(name)) = (&query.id, query.types.iter().flatten().next()) else {
        return Ok(());
    };
    match request.seen.read(name, id)? {
        ReadOutcome::Nothing => {
            let what = format!("{}/{} is not here", short(name), short(id));
            Err(Error::new(Kind::NotFound, what))
        }
        _ => Ok(()),
    }
}

/// The entry of an event.
fn entry<'e>(event: &'e HistoryEvent, base: &str) -> Result<AnswerEntry<'e>> {
    let HistoryEvent { kind, resource_type, version, .. } = event;
    let name = format!("{resource_type}/{}", version.id);
    let (method, url, status) = match kind {
        EventKind::Created => ("POST", resource_type.clone(), "201 Created"),
        EventKind::Revived => ("PUT", name.clone(), "201 Created"),
        EventKind::Updated => ("PUT", name.clone(), "200 OK"),
        EventKind::Deleted => ("DELETE", name.clone(), "204 No Content"),
    };
    let is_there = *kind != EventKind::Deleted;
    Ok(AnswerEntry {
        full_url: Some(format!("{base}{FHIR}/{name}").into()),
        resource: if is_there { Some(raw(version.body.as_bytes())?) } else { None },
        request: Some(PastRequest { method, url }),
        response: Some(EntryResponse {
            status: status.to_owned(),
            etag: is_there.then(|| etag(version).to_string()),
            last_modified: Some(version.last_updated.to_string()),
            outcome: None,
        }),
        ..AnswerEntry::default()
    })
}
