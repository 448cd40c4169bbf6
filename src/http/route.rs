//! The routing table: which handler answers which path, by which methods, with how long a body.

use super::authenticated::{AuthenticatedRequest, challenge};
use super::context::{Context, TOKEN, export_path};
use super::header::INSUFFICIENT_SCOPE;
use super::health::{health, ready};
use super::kickoff::kickoff;
use super::message::{Request, Response};
use super::metadata::metadata;
use super::metrics::metrics;
use super::operation::{is_operation, operation_definition};
use super::page::{form_limit, page};
use super::publish::publish;
use super::rest::{
    EVERY_TYPE, Searched, batch, everything, history_of_all, history_of_resource, history_of_type,
    posted, read, read_version, search,
};
use super::row::{Handler, Route, alone, authenticated, body, not_found, of_type, open};
use super::smart::configuration;
use super::sql::{RESULT, SubjectPlace, begin, result, run};
use super::token::token;
use super::{oneup, signed, status, users};
use crate::error::{Error, Kind, Result};
use crate::export::{Edition, Level};
use crate::fhir::version::FhirVersion;

const READING: &str = "GET, HEAD, OPTIONS";
const HEALTH: &str = "/health";

/// The largest bodies in bytes: a kick-off may name a hundred thousand patients.
const KICKOFF_BODY: usize = 16 << 20;
const SEARCH_BODY: usize = 1 << 20;
const SQL_BODY: usize = 16 << 20;
const BATCH_BODY: usize = 1 << 20;
const EVERYTHING_BODY: usize = 64 << 10;
const CREDENTIALS_BODY: usize = 64 << 10;

/// Finds the row of a path; `None` for a path that has none.
fn route<'p>(path: &[&'p str]) -> Option<Route<'p>> {
    match *path {
        ["health"] => open(HEALTH, READING, |_, _| Ok(health())),
        ["health", "ready"] => open("/health/ready", READING, |context, _| Ok(ready(context))),
        ["metrics"] => open("/metrics", READING, metrics),
        ["oauth2", "token"] | ["fhir", "oauth2", "token"] => {
            let pattern = if path.len() == 2 { TOKEN[0] } else { TOKEN[1] };
            let methods = "POST, OPTIONS";
            let row = open(pattern, methods, |context, request| Ok(token(context, request)));
            body(CREDENTIALS_BODY, row)
        }
        ["user-management", "v1", "user"] => {
            let methods = "GET, POST, PUT, OPTIONS";
            let answer = |context: &Context, request: &Request| Ok(users::users(context, request));
            let row = open("/user-management/v1/user", methods, answer);
            body(CREDENTIALS_BODY, row)
        }
        ["user-management", "v1", "user", "auth-code"] => {
            let answer = |context: &Context, request: &Request| Ok(users::code(context, request));
            let row = open("/user-management/v1/user/auth-code", "POST, OPTIONS", answer);
            body(CREDENTIALS_BODY, row)
        }
        // Some clients look below the base that they export from.
        [".well-known", "smart-configuration"]
        | ["fhir", .., ".well-known", "smart-configuration"] => {
            open("/.well-known/smart-configuration", READING, configuration)
        }
        ["fhir", ref rest @ ..] => fhir(rest),
        ["bulk-data", segment, ref rest @ ..] => {
            let version = FhirVersion::ALL.into_iter().find(|each| each.segment() == segment)?;
            bulk_data(version, rest)
        }
        _ => page(path),
    }
}

/// The rows of 1upHealth's export of a version of FHIR. A store of another version has nothing there.
fn bulk_data<'p>(version: FhirVersion, path: &[&'p str]) -> Option<Route<'p>> {
    let route = match *path {
        ["$export"] => authenticated("/bulk-data/{version}/$export", READING, oneup::kickoff),
        ["$export", "job" | "file", ref rest @ ..] => job(ONEUP_JOB, rest),
        ["$export", resource_type, name] => {
            let pattern = "/bulk-data/{version}/$export/{Type}/{JWT}.ndjson";
            authenticated(pattern, READING, move |request| {
                signed::file(request, resource_type, name, false)
            })
        }
        ["Group", id, "$export"] => {
            let pattern = "/bulk-data/{version}/Group/{id}/$export";
            authenticated(pattern, "GET, OPTIONS", move |request| oneup::group(request, id))
        }
        _ => None,
    }?;
    let Handler::Authenticated(answer) = route.handler else { return Some(route) };
    let handler = move |request: &AuthenticatedRequest<'_>| match request.fhir_version()? {
        held if held == version => answer(request),
        held => Err(Error::new(
            Kind::NotFound,
            format!(
                "a store holds one version of FHIR, and this one is served as {}, not {}: {}",
                held.segment(),
                version.segment(),
                export_path(held)
            ),
        )),
    };
    Some(Route { handler: Handler::Authenticated(Box::new(handler)), ..route })
}

/// The rows below the HL7 base. All but metadata and operation definitions need authentication.
fn fhir<'p>(path: &[&'p str]) -> Option<Route<'p>> {
    match *path {
        [] => {
            let methods = "GET, HEAD, POST, OPTIONS";
            let row = authenticated("/fhir", methods, |request| match request.query[..] {
                _ if request.method == "POST" => {
                    batch(request, &|entry| answer_entry(request, entry))
                }
                // A search of everything says something.
                [] => Err(not_found(request.context)),
                _ => search(request, Searched::everything()),
            });
            body(BATCH_BODY, row)
        }
        ["metadata"] => open("/fhir/metadata", READING, metadata),
        ["$bulk-publish"] => alone(authenticated("/fhir/$bulk-publish", READING, publish)),
        ["$bulk-publish", resource_type, name] => {
            let pattern = "/fhir/$bulk-publish/{Type}/{JWT}.ndjson";
            alone(authenticated(pattern, READING, move |request| {
                signed::file(request, resource_type, name, true)
            }))
        }
        ["jobs", id, RESULT] => {
            alone(authenticated("/fhir/jobs/{id}/result", READING, move |request| {
                result(request, id)
            }))
        }
        ["jobs", ref rest @ ..] => alone(job(HL7_JOB, rest)),
        [operation @ ("$export" | "$export-v4")] => export(Level::System, operation),
        ["Patient", operation @ ("$export" | "$export-v4")] => export(Level::Patient, operation),
        ["Patient", id, operation @ ("$export" | "$export-v4")] => {
            export(Level::OnePatient(id.to_owned()), operation)
        }
        ["Group", id, operation @ ("$export" | "$export-v4")] => {
            export(Level::Group(id.to_owned()), operation)
        }
        ["Patient", id, "$everything"] => {
            let methods = "GET, HEAD, POST, OPTIONS";
            let pattern = "/fhir/Patient/{id}/$everything";
            let row = authenticated(pattern, methods, move |request| everything(request, id));
            body(EVERYTHING_BODY, row)
        }
        [operation] if is_run(operation) => sql_run("/fhir/$sql-run", SubjectPlace::Open),
        ["ViewDefinition" | "Library", operation] if is_run(operation) => {
            sql_run("/fhir/{Type}/$sql-run", SubjectPlace::Open)
        }
        [name @ ("ViewDefinition" | "Library"), id, operation] if is_run(operation) => {
            sql_run("/fhir/{Type}/{id}/$sql-run", SubjectPlace::Instance(name, id))
        }
        [operation] if is_sql_export(operation) => {
            sql_export("/fhir/$sql-export", SubjectPlace::Open)
        }
        ["ViewDefinition", operation] if is_sql_export(operation) => {
            sql_export("/fhir/{Type}/$sql-export", SubjectPlace::Open)
        }
        [name @ "ViewDefinition", id, operation] if is_sql_export(operation) => {
            sql_export("/fhir/{Type}/{id}/$sql-export", SubjectPlace::Instance(name, id))
        }
        ["OperationDefinition", id] if is_operation(id) => {
            open("/fhir/OperationDefinition/{id}", READING, move |context, request| {
                operation_definition(context, request, id)
            })
        }
        ["_history"] => authenticated("/fhir/_history", READING, history_of_all),
        [name, "_history"] if is_name(name) => {
            of_type("/fhir/{Type}/_history", READING, name, move |request| {
                history_of_type(request, name)
            })
        }
        [name, id, "_history"] if is_name(name) => {
            of_type("/fhir/{Type}/{id}/_history", READING, name, move |request| {
                history_of_resource(request, name, id)
            })
        }
        [name] if is_name(name) => of_type("/fhir/{Type}", READING, name, move |request| {
            search(request, Searched::of_type(name))
        }),
        [name, "_search"] if is_name(name) => {
            let methods = "POST, OPTIONS";
            let pattern = "/fhir/{Type}/_search";
            let row = of_type(pattern, methods, name, move |request| {
                posted(request, Searched::of_type(name))
            });
            body(SEARCH_BODY, row)
        }
        ["_search"] => {
            let row = authenticated("/fhir/_search", "POST, OPTIONS", |request| {
                // In `/fhir//_search` the type is missing: that must not become a search of every type.
                match request.path.iter().any(String::is_empty) {
                    true => Err(not_found(request.context)),
                    false => posted(request, Searched::everything()),
                }
            });
            body(SEARCH_BODY, row)
        }
        ["Patient", id, name] if !id.is_empty() && (is_name(name) || name == EVERY_TYPE) => {
            compartment(id, name)
        }
        [name, id] if is_name(name) => {
            of_type("/fhir/{Type}/{id}", READING, name, move |request| read(request, name, id))
        }
        [name, id, "_history", version] if is_name(name) => {
            of_type("/fhir/{Type}/{id}/_history/{vid}", READING, name, move |request| {
                read_version(request, name, id, version)
            })
        }
        _ => None,
    }
}

/// The row of a compartment search.
fn compartment<'p>(patient: &'p str, name: &'p str) -> Option<Route<'p>> {
    let answer = move |request: &AuthenticatedRequest<'_>| {
        search(request, Searched::compartment(patient, name))
    };
    match name {
        EVERY_TYPE => authenticated("/fhir/Patient/{id}/*", READING, answer),
        _ => of_type("/fhir/Patient/{id}/{Type}", READING, name, answer),
    }
}

/// The row of a kick-off. By the STU4 ballot "GET requests SHALL NOT be used to kick off".
fn export<'p>(level: Level, operation: &str) -> Option<Route<'p>> {
    let (edition, methods) = match operation {
        "$export-v4" => (Edition::Stu4, "POST, OPTIONS"),
        _ => (Edition::Stu3, "GET, POST, OPTIONS"),
    };
    let pattern = match (&level, edition) {
        (Level::System, Edition::Stu3) => "/fhir/$export",
        (Level::System, Edition::Stu4) => "/fhir/$export-v4",
        (Level::Patient, Edition::Stu3) => "/fhir/Patient/$export",
        (Level::Patient, Edition::Stu4) => "/fhir/Patient/$export-v4",
        (Level::OnePatient(_), Edition::Stu3) => "/fhir/Patient/{id}/$export",
        (Level::OnePatient(_), Edition::Stu4) => "/fhir/Patient/{id}/$export-v4",
        (Level::Group(_), Edition::Stu3) => "/fhir/Group/{id}/$export",
        (Level::Group(_), Edition::Stu4) => "/fhir/Group/{id}/$export-v4",
    };
    let answer = move |request: &AuthenticatedRequest<'_>| kickoff(request, level.clone(), edition);
    let row = authenticated(pattern, methods, answer);
    alone(body(KICKOFF_BODY, row))
}

/// True for a name of `$sql-run`: its own, and those that it had in version 2 of SQL on FHIR.
fn is_run(operation: &str) -> bool {
    matches!(operation, "$sql-run" | "$viewdefinition-run" | "$sqlquery-run" | "$run")
}

/// The row of a `$sql-run`.
fn sql_run<'p>(pattern: &'static str, place: SubjectPlace<'p>) -> Option<Route<'p>> {
    let answer = move |request: &AuthenticatedRequest<'_>| run(request, place);
    alone(body(SQL_BODY, authenticated(pattern, "GET, HEAD, POST, OPTIONS", answer)))
}

/// True for a name of `$sql-export`: its own, and the one of version 2.
fn is_sql_export(operation: &str) -> bool {
    matches!(operation, "$sql-export" | "$viewdefinition-export")
}

/// The row of a `$sql-export`. It answers GET with 400, as the specification says.
fn sql_export<'p>(pattern: &'static str, place: SubjectPlace<'p>) -> Option<Route<'p>> {
    let answer = move |request: &AuthenticatedRequest<'_>| begin(request, place);
    alone(body(SQL_BODY, authenticated(pattern, "GET, POST, OPTIONS", answer)))
}

/// The patterns of a job's rows: its status, the pages of its manifest, its files.
type JobPatterns = [&'static str; 3];

const HL7_JOB: JobPatterns =
    ["/fhir/jobs/{id}", "/fhir/jobs/{id}/manifest/{page}", "/fhir/jobs/{id}/{name}.ndjson"];
const ONEUP_JOB: JobPatterns = [
    "/bulk-data/{version}/$export/job/{id}",
    "/bulk-data/{version}/$export/job/{id}/manifest/{page}",
    "/bulk-data/{version}/$export/file/{id}/{name}.ndjson",
];

/// The rows of a job.
fn job<'p>([of_status, of_page, of_file]: JobPatterns, path: &[&'p str]) -> Option<Route<'p>> {
    match *path {
        [id] => {
            authenticated(of_status, "GET, HEAD, DELETE, OPTIONS", move |request| {
                match request.method.as_str() {
                    "DELETE" => status::cancel(request, id),
                    _ => status::status(request, id),
                }
            })
        }
        [id, "manifest", number] => authenticated(of_page, READING, move |request| {
            status::further_page(request, id, number)
        }),
        [id, name] => {
            authenticated(of_file, READING, move |request| status::file(request, id, name))
        }
        _ => None,
    }
}

/// True for a text that may name a type.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The segments of a request's path. Clients join a base and a path with a slash too many, so empty
/// segments do not count behind the base and at the end. Elsewhere they do: `Patient//$export` lacks an
/// id, and must not become the export of all patients.
fn segments(request: &Request) -> Vec<&str> {
    let is_base = |kept: &[&str]| matches!(kept, [] | ["fhir" | "bulk-data"] | ["bulk-data", _]);
    let mut kept: Vec<&str> = Vec::with_capacity(request.path.len());
    for segment in &request.path {
        if !segment.is_empty() || !is_base(&kept) {
            kept.push(segment);
        }
    }
    while kept.last().is_some_and(|last| last.is_empty()) {
        kept.pop();
    }
    kept
}

/// Answers a request; an error becomes an OperationOutcome.
pub fn answer(context: &Context, request: &Request) -> Response {
    route(&segments(request))
        .ok_or_else(|| not_found(context))
        .and_then(|route| route.answer(context, request))
        .unwrap_or_else(|error| refusal(context, &error, request))
}

/// Answers an entry of a batch; an error becomes an OperationOutcome.
fn answer_entry(batch: &AuthenticatedRequest<'_>, entry: &Request) -> Response {
    let path = segments(entry);
    let route = match path.as_slice() {
        ["fhir", rest @ ..] => fhir(rest),
        _ => None,
    };
    route
        .ok_or_else(|| not_found(batch.context))
        .and_then(|route| route.answer_within(batch, entry))
        .unwrap_or_else(|error| refusal(batch.context, &error, entry))
}

/// The row of a request, as a simulation sees it.
pub struct FoundRow<'r> {
    /// The path, as the documentation writes it.
    pub pattern: &'static str,
    /// The largest body in bytes.
    pub body_limit: usize,
    /// The segments of the path.
    pub path: Vec<&'r str>,
}

/// Finds the row of a request, whoever makes it.
pub fn find_row(request: &Request) -> Option<FoundRow<'_>> {
    let path = segments(request);
    let Route { pattern, body_limit, .. } = route(&path)?;
    Some(FoundRow { pattern, body_limit, path })
}

/// True for a request that needs nothing but the server itself.
pub fn is_light(request: &Request) -> bool {
    route(&segments(request)).is_some_and(|route| route.pattern == HEALTH)
}

/// The number of bytes to read of a request's body; 0 where the method takes no body.
///
/// # Errors
/// Those of [`AuthenticatedRequest::new`]: only an authenticated client may send a long body.
pub fn body_limit(context: &Context, request: &Request) -> Result<usize> {
    let Some(route) = route(&segments(request)) else { return Ok(0) };
    route.note(request);
    match (&route.handler, request.method.as_str()) {
        (_, method) if !route.allows(method) || matches!(method, "OPTIONS" | "HEAD" | "DELETE") => {
            Ok(0)
        }
        (Handler::Authenticated(_), "GET") => Ok(0),
        (Handler::Authenticated(_), _) if route.body_limit > 0 => {
            AuthenticatedRequest::new(context, request).map(|_| route.body_limit)
        }
        _ => Ok(form_limit(context, request, route.body_limit)),
    }
}

/// An error as the answer to a request.
pub fn refusal(context: &Context, error: &Error, request: &Request) -> Response {
    context.log_fault(error, request);
    let response = Response::error(error, &request.id);
    match response.status {
        401 => response.with("WWW-Authenticate", challenge(request)),
        403 if context.access.is_required() => {
            response.with("WWW-Authenticate", INSUFFICIENT_SCOPE)
        }
        _ => response,
    }
}
