//! `$sql-run`: the rows of a view, or of a Library with SQL.
//!
//! <https://sql-on-fhir.org/ig/OperationDefinition-SQLRun.html>. `$viewdefinition-run`, `$sqlquery-run` and `$run` are the same
//! operation under the names of version 2, which has it at the levels of a type and of a resource too.

use std::io::Write;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer_form::AnswerForm;
use super::filters::RowFilters;
use super::input::SqlInput;
use super::parameter::SqlOperation;
use super::query::query;
use super::refusal::{SqlOutcome, SqlRefusal, told};
use super::row_body::{PlannedRows, in_form, made};
use super::subject::{NamedSubject, Subject, SubjectPlace};
use crate::error::{Error, Kind, Result};
use crate::export::Plan;
use crate::fhir::json::Tree;
use crate::fhir::view::ViewDefinition;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::counted::{length_of, noted};
use crate::http::message::{Body, Response};

/// The most bytes that the rows of inline resources take. They are made before the answer begins.
const MOST_GIVEN: usize = 64 << 20;

/// Answers with rows.
///
/// # Errors
/// Those of every handler.
pub fn run(request: &AuthenticatedRequest<'_>, place: SubjectPlace<'_>) -> Result<Response> {
    told(answer(request, place))
}

fn answer(request: &AuthenticatedRequest<'_>, place: SubjectPlace<'_>) -> SqlOutcome<Response> {
    let input = SqlInput::read(request, SqlOperation::Run)?;
    let (named, expression) = NamedSubject::of_run(&input, place)?;
    let form = AnswerForm::read(request, &input)?;
    let most_rows = input.number("_limit")?;
    let snapshot = request.seen.snapshot()?;
    let filters = RowFilters::read(&input, &snapshot, request.preferences().is_lenient());
    let subject = match (named.resolve(request, &snapshot, expression), filters) {
        (Err(refusal), Err(of_filters)) if refusal.is_not_found() => {
            return Err(refusal.with(of_filters));
        }
        (Err(refusal), _) => return Err(refusal),
        (Ok(_), Err(of_filters)) => return Err(of_filters),
        (Ok(subject), Ok(filters)) => (subject, filters),
    };
    let (view, filters) = match subject {
        (Subject::View(view, _), filters) => (view, filters),
        (Subject::Query(json), filters) => {
            let asked = (&filters, most_rows);
            let rows = query(request, &input, (&json, expression), asked, form.format)?;
            request.note_read("search", &input.noted(), rows.len())?;
            return Ok(whole(request, form, &rows)?);
        }
    };
    if input.has("context") {
        let what = "a ViewDefinition depends on no other view; leave context out";
        return Err(SqlRefusal::invalid("context", what));
    }
    if input.has("parameters") {
        let what = "a ViewDefinition declares no parameters; leave parameters out";
        return Err(SqlRefusal::invalid("parameters", what));
    }
    if input.has("resource") {
        if !filters.are_none() {
            let what =
                "resource is given instead of the store; leave patient, group and _since out";
            return Err(SqlRefusal::invalid("resource", what));
        }
        return of_given(request, &input, &view, form, most_rows);
    }
    let export = filters.export_of(request, &snapshot, [view.resource().to_owned()].into())?;
    let plan = Plan::new(snapshot, &export)?;
    let rows = PlannedRows { view: *view, plan, most_rows, watch: request.watch.clone() };
    let note = request.note_rows(&input.noted())?;
    let is_gzip = request.prefers_gzip() && request.takes_chunks;
    // A client that knows no chunks learns the end of the body by its length alone.
    let length = match request.takes_chunks || request.method == "HEAD" {
        true => None,
        false => {
            Some(length_of(|out| in_form(form, false, out, |out| rows.write(form.format, out)))?)
        }
    };
    let write = Box::new(move |out: &mut dyn Write| {
        noted(note, out, |out| in_form(form, is_gzip, out, |out| rows.write(form.format, out)))
    });
    let body = match length {
        None => Body::Unknown(write),
        Some(length) => Body::Exactly(length, write),
    };
    Ok(response(form, is_gzip, body))
}

/// The answer with rows.
fn response(form: AnswerForm, is_gzip: bool, body: Body) -> Response {
    let headers = vec![("Content-Type", form.media_type().to_owned())];
    let response = Response { status: 200, headers, body }
        .with("Cache-Control", "no-store")
        .with("Vary", "Accept, Accept-Encoding");
    if is_gzip { response.with("Content-Encoding", "gzip") } else { response }
}

/// The rows of resources in the request.
fn of_given(
    request: &AuthenticatedRequest<'_>,
    input: &SqlInput<'_>,
    view: &ViewDefinition,
    form: AnswerForm,
    most_rows: Option<u64>,
) -> SqlOutcome<Response> {
    let mut rows = 0;
    let is_enough = |rows: u64| most_rows.is_some_and(|most| rows >= most);
    let bytes = made(form.format, view.columns(), |writer, buffer| {
        let mut batch = writer.new_batch()();
        for text in given(input)? {
            request.check_is_there()?;
            let tree = Tree::parse(text).map_err(|error| Error::new(Kind::Invalid, error))?;
            view.rows(&tree, &mut |values| {
                if !is_enough(rows) {
                    batch.add(values);
                    rows += 1;
                }
                Ok::<(), Error>(())
            })?;
            writer.append(&mut batch)?;
            if buffer.length() > MOST_GIVEN {
                let what =
                    format!("the rows take more than {MOST_GIVEN} bytes; give fewer resources");
                return Err(Error::new(Kind::TooMuch, what));
            }
        }
        Ok(())
    })?;
    Ok(whole(request, form, &bytes)?)
}

/// The answer with rows that were made before it.
fn whole(request: &AuthenticatedRequest<'_>, form: AnswerForm, rows: &[u8]) -> Result<Response> {
    let is_gzip = request.prefers_gzip();
    let mut body = Vec::new();
    in_form(form, is_gzip, &mut body, |out| {
        out.write_all(rows).map_err(|error| Error::io("the rows", error))
    })?;
    Ok(response(form, is_gzip, Body::Bytes(body)))
}

/// What says whether a resource of the request is a Bundle.
#[derive(Deserialize)]
struct GivenHead {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
}

/// A Bundle among the resources of a request.
#[derive(Deserialize)]
struct GivenBundle<'b> {
    #[serde(borrow, default)]
    entry: Vec<GivenEntry<'b>>,
}

#[derive(Deserialize)]
struct GivenEntry<'b> {
    #[serde(borrow, default)]
    resource: Option<&'b RawValue>,
}

/// The resources of the request: a Bundle stands for what is in it.
///
/// <https://sql-on-fhir.org/ig/OperationDefinition-SQLRun.html#resource-parameter-clarification>
fn given<'r>(input: &SqlInput<'r>) -> Result<Vec<&'r str>> {
    let wrong = |error: serde_json::Error| {
        let what = format!("a value of resource is not formed as a resource: {error}");
        Error::caused(Kind::Invalid, what, error)
    };
    let mut texts = Vec::new();
    for text in input.resources("resource") {
        let head: GivenHead = serde_json::from_str(text).map_err(wrong)?;
        if head.resource_type.as_deref() != Some("Bundle") {
            texts.push(text);
            continue;
        }
        let bundle: GivenBundle<'r> = serde_json::from_str(text).map_err(wrong)?;
        let within = bundle.entry.into_iter().filter_map(|entry| entry.resource);
        texts.extend(within.map(RawValue::get));
    }
    Ok(texts)
}
