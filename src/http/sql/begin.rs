//! `$sql-export`: makes a job whose files have the rows of views.
//!
//! <https://sql-on-fhir.org/ig/OperationDefinition-SQLExport.html>. `$viewdefinition-export` is the same operation under its
//! name of version 2, whose parameter `view` is `subject`. All views see one snapshot. Libraries with SQL are not exported:
//! their tables are those of the store as it is, not of a snapshot.

use super::answer_form::named_format;
use super::filters::RowFilters;
use super::input::SqlInput;
use super::parameter::SqlOperation;
use super::refusal::{SqlOutcome, SqlRefusal, told};
use super::result::{begun, of_parameters};
use super::subject::{NamedSubject, Subject, SubjectPlace};
use crate::error::Result;
use crate::export::{Edition, ExportedView, ViewExport};
use crate::fhir::given_parameter::GivenParameter;
use crate::fhir::name::short;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::FHIR;
use crate::http::header::FHIR_JSON;
use crate::http::kickoff::{JobUrls, accept};
use crate::http::message::Response;
use crate::store::Snapshot;
use crate::view::ViewFormat;

/// The parts of a subject that are taken beside its names.
const NAME: &str = "name";

/// Answers a kick-off.
///
/// # Errors
/// Those of every handler.
pub fn begin(request: &AuthenticatedRequest<'_>, place: SubjectPlace<'_>) -> Result<Response> {
    told(answer(request, place))
}

fn answer(request: &AuthenticatedRequest<'_>, place: SubjectPlace<'_>) -> SqlOutcome<Response> {
    if request.method != "POST" || !request.preferences().respond_async {
        let what = "an export is begun by POST with the header Prefer: respond-async";
        return Err(SqlRefusal::new(400, "required", "", what));
    }
    let input = SqlInput::read(request, SqlOperation::Export)?;
    let named = named_form(&input)?;
    let format = named.unwrap_or(ViewFormat::Ndjson);
    let snapshot = request.seen.snapshot()?;
    let filters = RowFilters::read(&input, &snapshot, request.preferences().is_lenient());
    let subjects = subjects(request, &snapshot, &input, place);
    let (found, filters) = match (subjects, filters) {
        (Ok(found), filters) => (found, filters?),
        (Err(refusal), Err(of_filters)) => return Err(refusal.with(of_filters)),
        (Err(refusal), Ok(_)) => return Err(refusal),
    };
    let types = found.iter().map(|view| view.resource.clone()).collect();
    let mut asked = filters.export_of(request, &snapshot, types)?;
    let views = ViewExport {
        format: format.name().to_owned(),
        header: format != (ViewFormat::Csv { header: false }),
        is_format_given: named.is_some(),
        tracking_id: input.text("clientTrackingId").map(str::to_owned),
        views: found.into_iter().map(|view| view.exported).collect(),
    };
    asked.views = Some(views.clone());
    let jobs = format!("{}{FHIR}/jobs/", request.base());
    let urls = JobUrls { status: jobs.clone(), files: jobs.clone(), edition: Edition::Stu3 };
    let accepted = accept(request, snapshot, asked, &input.noted(), urls)?;
    let location = accepted.headers.iter().find(|(name, _)| *name == "Content-Location");
    let location = location.map(|(_, url)| url.clone()).unwrap_or_default();
    let id = location.strip_prefix(&jobs).unwrap_or_default();
    let body = of_parameters(202, &begun(id, &views, "accepted", &location))?;
    Ok(Response { body: body.body, ..accepted })
}

/// The form of the files, if the request names one.
fn named_form(input: &SqlInput<'_>) -> SqlOutcome<Option<ViewFormat>> {
    if input.text("_format").is_some_and(|text| text == "fhir" || text == FHIR_JSON) {
        let what =
            "_format fhir is for $sql-run; the files of an export are csv, ndjson, json or parquet";
        return Err(SqlRefusal::invalid("_format", what));
    }
    named_format(input)
}

/// A view of the request, and the type that it is about.
struct AskedView {
    exported: ExportedView,
    resource: String,
}

/// The views of the request, each with a name of its own.
fn subjects(
    request: &AuthenticatedRequest<'_>,
    snapshot: &Snapshot,
    input: &SqlInput<'_>,
    place: SubjectPlace<'_>,
) -> SqlOutcome<Vec<AskedView>> {
    let (mut found, mut refusals) = (Vec::new(), Vec::new());
    let mut numbers = 1..;
    let mut keep = |one: SqlOutcome<AskedView>| match one {
        Ok(view) => found.push(view),
        Err(refusal) => refusals.push(refusal),
    };
    if let SubjectPlace::Instance(resource_type, id) = place {
        let named = NamedSubject::Reference(format!("{resource_type}/{id}"));
        keep(resolved(request, snapshot, &named, "", (None, numbers.next().unwrap_or_default())));
    }
    for parameter in ["subject", "view"] {
        for (place, one) in input.all(parameter).enumerate() {
            let place = format!("{}[{place}]", one.name);
            let number = numbers.next().unwrap_or_default();
            keep(of_parts(request, snapshot, one, &place, number));
        }
    }
    if let Some(refusal) = joined(refusals) {
        return Err(refusal);
    }
    if found.is_empty() {
        let what = "no subject is given; give subject with one of subjectCanonical, subjectReference and subjectResource";
        return Err(SqlRefusal::new(400, "required", "subject", what));
    }
    for (number, view) in found.iter().enumerate() {
        let name = &view.exported.name;
        if found[..number].iter().any(|other| other.exported.name == *name) {
            let what = format!(
                "two subjects would have the output name {:?}; give each a name of its own",
                short(name)
            );
            return Err(SqlRefusal::invalid("subject", what));
        }
    }
    Ok(found)
}

/// The view of a `subject` or `view` at this place; it is the one with this number.
fn of_parts(
    request: &AuthenticatedRequest<'_>,
    snapshot: &Snapshot,
    one: &GivenParameter<'_>,
    place: &str,
    number: usize,
) -> SqlOutcome<AskedView> {
    if one.parts.iter().any(|part| part.name == "parameters") {
        let what = "a ViewDefinition declares no parameters; leave parameters out";
        return Err(SqlRefusal::invalid(&format!("{place}.parameters"), what));
    }
    let is_known = |name: &str| name == NAME || NamedSubject::is_named_by(name);
    if let Some(part) = one.parts.iter().find(|part| !is_known(&part.name)) {
        let what = format!("the server does not support the part {:?}", short(&part.name));
        let expression = format!("{place}.{}", short(&part.name));
        return Err(SqlRefusal::new(400, "not-supported", &expression, what));
    }
    let (named, part) = NamedSubject::of_parts(&one.parts, place)?;
    let name = one.parts.iter().find(|part| part.name == NAME);
    let name = name.and_then(|part| part.value.as_ref()?.text.clone());
    resolved(request, snapshot, &named, &format!("{place}.{part}"), (name, number))
}

/// A view with the name of its output: the one that is given, its own, or one with a number.
fn resolved(
    request: &AuthenticatedRequest<'_>,
    snapshot: &Snapshot,
    named: &NamedSubject,
    expression: &str,
    (name, number): (Option<String>, usize),
) -> SqlOutcome<AskedView> {
    match named.resolve(request, snapshot, expression)? {
        Subject::View(view, definition) => {
            let own = || view.about().name.clone();
            let name = name.filter(|name| !name.is_empty()).or_else(own);
            let name = name.unwrap_or_else(|| format!("output{number}"));
            let resource = view.resource().to_owned();
            Ok(AskedView { exported: ExportedView { name, definition }, resource })
        }
        Subject::Query(_) => {
            let what = "a Library with SQL is not exported; ask for its rows by $sql-run";
            Err(SqlRefusal::new(400, "not-supported", expression, what))
        }
    }
}

/// All refusals as one. Where their statuses differ it is 400.
fn joined(refusals: Vec<SqlRefusal>) -> Option<SqlRefusal> {
    let mut joined: Option<SqlRefusal> = None;
    for refusal in refusals {
        joined = Some(match (joined, refusal) {
            (None, refusal) => refusal,
            (Some(failed @ SqlRefusal::Failed(_)), _)
            | (Some(_), failed @ SqlRefusal::Failed(_)) => failed,
            (
                Some(SqlRefusal::Told { status: one, mut issues }),
                SqlRefusal::Told { status: other, issues: mut more },
            ) => {
                issues.append(&mut more);
                SqlRefusal::Told { status: if one == other { one } else { 400 }, issues }
            }
        });
    }
    joined
}
