//! Which path is whose.

use super::kickoff::kickoff;
use super::message::{Request, Response};
use super::metadata::{metadata, operation};
use super::publish::publish;
use super::read::{read, read_version};
use super::search::search;
use super::status::{cancel, further_page, status};
use super::{cross_origin, oneup, search, signed, status};
use crate::error::{Error, Kind, Result};
use crate::export::{Edition, Jobs, Level, Signer};
use crate::fhir::elements::is_r4_type;
use crate::fhir::resource::short;
use crate::store::Store;

/// The path of the 1upHealth dialect's kick-off; those of files are below it. The `$` stands for itself in URLs.
pub const EXPORT: &str = "/bulk-data/r4/$export";
/// The HL7 base.
pub const FHIR: &str = "/fhir";
/// The published dataset; its files are below it.
pub const PUBLISH: &str = "/fhir/$bulk-publish";
const READING: &str = "GET, HEAD, OPTIONS";

/// What handlers work with.
pub struct Context {
    /// The store that is served.
    pub store: Store,
    /// Signs and reads file names.
    pub signer: Signer,
    /// Accepted exports.
    pub jobs: Jobs,
    /// What URLs begin with, where that was said.
    pub base_url: Option<String>,
    /// What they begin with where neither that nor the client says it.
    pub own_url: String,
}

impl Context {
    /// True for a type of R4, or one that the store has or had.
    pub fn is_type(&self, name: &str) -> Result<bool> {
        Ok(is_r4_type(name) || self.store.has_type(name)?)
    }

    /// What URLs in an answer to `request` begin with: scheme and authority, no slash at the end.
    pub fn base(&self, request: &Request) -> String {
        if let Some(base) = &self.base_url {
            return base.clone();
        }
        match request.header("host").filter(|host| is_authority(host)) {
            Some(host) => format!("http://{host}"),
            None => self.own_url.clone(),
        }
    }
}

/// True for what may stand in a URL as host and port, and so in an answer of ours.
fn is_authority(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
}

/// Answers a request; every error becomes an OperationOutcome.
pub fn answer(context: &Context, request: &Request, log: &dyn Fn(&Error)) -> Response {
    route(context, request).unwrap_or_else(|error| {
        let response = Response::error(&error);
        if response.status == 500 {
            log(&error);
        }
        response
    })
}

/// True where a body is wanted: that of others is left where it is.
pub fn takes_body(request: &Request) -> bool {
    let is_wanted = |name: &String| matches!(name.as_str(), "$export" | "$export-v4" | "_search");
    request.method == "POST"
        && request.path.first().is_some_and(|first| first == "fhir")
        && request.path.last().is_some_and(is_wanted)
}

fn route(context: &Context, request: &Request) -> Result<Response> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match path[..] {
        ["health"] => allow(request, READING, || health(context)),
        ["fhir", ref rest @ ..] => fhir(context, request, rest),
        ["bulk-data", "r4", "$export"] => {
            allow(request, READING, || oneup::kickoff(context, request))
        }
        ["bulk-data", "r4", "$export", "job", ref rest @ ..]
        | ["bulk-data", "r4", "$export", "file", ref rest @ ..] => job(context, request, rest),
        ["bulk-data", "r4", "$export", resource_type, name] => {
            allow(request, READING, || signed::file(context, request, resource_type, name, false))
        }
        ["bulk-data", "r4", "Group", id, "$export"] => {
            allow(request, "GET, OPTIONS", || oneup::group(context, request, id))
        }
        ["bulk-data", version @ ("dstu2" | "stu3"), ..] => Err(Error::new(
            Kind::NotFound,
            format!(
                "a store holds one version of FHIR, and this one is served as r4, not {version}: {EXPORT}"
            ),
        )),
        _ => Err(nothing()),
    }
}

/// Below the HL7 base.
fn fhir(context: &Context, request: &Request, path: &[&str]) -> Result<Response> {
    match *path {
        ["metadata"] => allow(request, READING, || metadata(context, request)),
        ["$bulk-publish"] => allow(request, READING, || publish(context, request)),
        ["$bulk-publish", resource_type, name] => {
            allow(request, READING, || signed::file(context, request, resource_type, name, true))
        }
        ["jobs", ref rest @ ..] => job(context, request, rest),
        [operation @ ("$export" | "$export-v4")] => {
            export(context, request, Level::System, operation)
        }
        ["Patient", operation @ ("$export" | "$export-v4")] => {
            export(context, request, Level::Patient, operation)
        }
        ["Patient", id, operation @ ("$export" | "$export-v4")] => {
            export(context, request, Level::OnePatient(id.to_owned()), operation)
        }
        ["Group", id, operation @ ("$export" | "$export-v4")] => {
            export(context, request, Level::Group(id.to_owned()), operation)
        }
        ["OperationDefinition", id] => {
            allow(request, READING, || match operation(context, request, id)? {
                Some(ours) => Ok(ours),
                None => read(context, request, "OperationDefinition", id),
            })
        }
        [resource_type] if context.is_type(resource_type)? => {
            allow(request, READING, || search(context, request, resource_type))
        }
        [resource_type, "_search"] if context.is_type(resource_type)? => {
            allow(request, "POST, OPTIONS", || search::posted(context, request, resource_type))
        }
        [resource_type, id] if context.is_type(resource_type)? => {
            allow(request, READING, || read(context, request, resource_type, id))
        }
        [resource_type, id, "_history", version] if context.is_type(resource_type)? => {
            allow(request, READING, || read_version(context, request, resource_type, id, version))
        }
        _ => Err(nothing()),
    }
}

/// A kick-off. By the STU4 ballot "GET requests SHALL NOT be used to kick off".
fn export(context: &Context, request: &Request, level: Level, operation: &str) -> Result<Response> {
    let (edition, methods) = match operation {
        "$export-v4" => (Edition::Stu4, "POST, OPTIONS"),
        _ => (Edition::Stu3, "GET, POST, OPTIONS"),
    };
    allow(request, methods, || kickoff(context, request, level, edition))
}

/// Below a job's place: its status, its manifest's pages, its files.
fn job(context: &Context, request: &Request, path: &[&str]) -> Result<Response> {
    match *path {
        [id] => allow(request, "GET, HEAD, DELETE, OPTIONS", || match request.method.as_str() {
            "DELETE" => cancel(context, id),
            _ => status(context, id),
        }),
        [id, "manifest", number] => allow(request, READING, || further_page(context, id, number)),
        [id, name] => allow(request, READING, || status::file(context, request, id, name)),
        _ => Err(nothing()),
    }
}

/// `GET /health`: whether the store can be read.
fn health(context: &Context) -> Result<Response> {
    context.store.last_seq()?;
    let body = b"{\"status\":\"ok\"}\n".to_vec();
    Ok(Response::new(200, "application/json", body).with("Cache-Control", "no-store"))
}

fn nothing() -> Error {
    let what = format!(
        "there is nothing here; {FHIR}/metadata says what there is, {EXPORT} answers with a manifest of the \
         files to download"
    );
    Error::new(Kind::NotFound, what)
}

/// Answers where the method is one of `methods`, as an `Allow` header has them.
fn allow(
    request: &Request,
    methods: &str,
    answer: impl FnOnce() -> Result<Response>,
) -> Result<Response> {
    let method = request.method.as_str();
    if method == "OPTIONS" {
        return Ok(cross_origin::options(request, methods));
    }
    if methods.split(", ").any(|known| known == method) {
        return answer();
    }
    let what = format!("{} is not supported here; {methods} are", short(method));
    let error = Error::new(Kind::MethodNotAllowed, what);
    Ok(Response::error(&error).with("Allow", methods))
}
