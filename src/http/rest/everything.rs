//! `GET|POST [base]/Patient/[id]/$everything`: a patient with all that an export of this patient has.
//!
//! <https://hl7.org/fhir/R4/patient-operation-everything.html>. `export/everything.rs` finds the resources; they come as they
//! are stored. All pages show one snapshot, which their links name by our own parameters `_snapshot` and `_after`.
//! `start` and `end` are not supported: which element of a resource says when care was given is not defined for all types.

use super::bundle::{AnswerBundle, AnswerEntry, MATCH};
use super::links::{AFTER, SNAPSHOT, gone, name_of, snapshot};
use super::paging::{PagedRequest, id_segment};
use crate::error::{Error, Kind, Result};
use crate::export::{Edition, ExportRequest, KickOffRules, Level, PatientRecord};
use crate::fhir::compartment::PATIENT;
use crate::fhir::name::short;
use crate::fhir::outcome::{Issue, OperationOutcome};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::FHIR;
use crate::http::header::FHIR_JSON;
use crate::http::message::Response;
use crate::http::posted;
use crate::store::{ReadOutcome, Snapshot, TypedVersion};

/// The parameters beside `_count`.
const KNOWN: [&str; 4] = ["_type", "_since", SNAPSHOT, AFTER];
/// Parameters of the operation that are refused, also with lenient handling: without them the answer would have more
/// than the client asked for.
const REFUSED: [&str; 2] = ["start", "end"];

/// Answers with a page of all that belongs to a patient.
pub fn everything(request: &AuthenticatedRequest<'_>, id: &str) -> Result<Response> {
    request.check_takes_json()?;
    let (mut given, mut unreadable) = (Vec::new(), Vec::new());
    for (name, value) in posted::parameters(request)? {
        match value {
            Some(value) => given.push((name, value)),
            None => unreadable.push(name),
        }
    }
    let pairs = [request.query.as_slice(), &given].concat();
    let mut names = pairs.iter().map(|(name, _)| name).chain(&unreadable);
    if let Some(name) = names.find(|name| REFUSED.contains(&name.as_str())) {
        let what = format!(
            "{name} is not supported: not every type says when care was given; search a type by its dates, or give _since"
        );
        return Err(Error::new(Kind::Invalid, what));
    }
    let asked = PagedRequest::read(request, pairs, &KNOWN)?;
    let export = read_export(request, id, &asked, &unreadable)?;
    let snapshot = snapshot(request, asked.values(SNAPSHOT).last())?;
    check_is_there(request, &snapshot, id)?;
    let record = PatientRecord::find(&snapshot, &export)?;
    let total = record.versions.len() as u64;
    let rest = match asked.number(AFTER)? {
        None => record.versions.as_slice(),
        Some(after) => rest_after(&record.versions, after),
    };
    let count = asked.count()?;
    let page = &rest[..count.min(rest.len())];
    let (found, read) = request.seen.numbered(page)?;
    // What was pruned in the meantime may be missing.
    if !snapshot.is_whole()? {
        return Err(gone());
    }

    let base = request.base();
    let url = format!("{base}{FHIR}/{PATIENT}/{}/$everything", id_segment(id));
    let shown = &page[..read];
    let last = shown.last().filter(|_| shown.len() < rest.len());
    let mut bundle = AnswerBundle::new("searchset");
    bundle.total = Some(total);
    bundle.link("self", Some(asked.own_url(request, &url)));
    if let Some(last) = last {
        let place = [(SNAPSHOT, &*name_of(&snapshot)?), (AFTER, &*last.to_string())];
        bundle.link("next", Some(asked.page_url(&url, &place)));
    }
    for TypedVersion { resource_type, version } in &found {
        let url = format!("{base}{FHIR}/{resource_type}/{}", version.id);
        let body = version.body.as_bytes();
        bundle.entry.push(AnswerEntry::found(Some(url.into()), body, MATCH)?);
    }
    let ignored = asked.ignored.iter().map(|name| {
        let what = format!("parameter {:?} is not known here; it is ignored", short(name));
        Issue::warning("not-supported", what)
    });
    let issues: Vec<Issue> = record.notices.into_iter().chain(ignored).collect();
    let outcome = OperationOutcome::of(&issues).to_line();
    if !issues.is_empty() {
        bundle.entry.push(AnswerEntry::outcome(&outcome)?);
    }
    let body = bundle.to_json()?;
    request.note_read("search", &given, body.len())?;
    Ok(Response::new(200, FHIR_JSON, body).with("Cache-Control", "no-store"))
}

/// The export of one patient that has the same resources.
fn read_export(
    request: &AuthenticatedRequest<'_>,
    id: &str,
    asked: &PagedRequest,
    unreadable: &[String],
) -> Result<ExportRequest> {
    let rules = KickOffRules {
        edition: Edition::Stu3,
        level: Level::OnePatient(id.to_owned()),
        unreadable,
        is_post: request.method == "POST",
        is_lenient: request.preferences().is_lenient(),
        is_type: &|name| request.is_type(name),
    };
    let pairs = ["_type", "_since"]
        .into_iter()
        .flat_map(|name| asked.values(name).map(move |value| (name.to_owned(), value.to_owned())));
    let mut export = ExportRequest::from_kick_off(&pairs.collect::<Vec<_>>(), &rules)?;
    export.limit(&request.permission)?;
    export.shape.attachments_base = None;
    Ok(export)
}

/// Checks that the patient is there.
///
/// # Errors
/// `NotFound` and `Gone` for a patient who is not.
fn check_is_there(request: &AuthenticatedRequest<'_>, snapshot: &Snapshot, id: &str) -> Result<()> {
    if snapshot.lookup()?.find(PATIENT, id)?.is_some() {
        return Ok(());
    }
    let name = format!("{PATIENT}/{}", short(id));
    Err(match request.seen.read(PATIENT, id)? {
        ReadOutcome::Nothing => Error::new(Kind::NotFound, format!("{name} is not here")),
        _ => Error::new(Kind::Gone, format!("{name} was deleted")),
    })
}

/// The versions behind one of them. Where it is not among them, those with higher numbers.
fn rest_after(versions: &[i64], after: i64) -> &[i64] {
    let place = versions.iter().position(|seq| *seq == after);
    let start = place.map_or_else(|| versions.partition_point(|seq| *seq <= after), |at| at + 1);
    &versions[start..]
}
