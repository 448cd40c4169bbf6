//! Which path is whose.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::json;

use super::kickoff::kickoff;
use super::message::{Request, Response};
use super::metadata::{is_ours, metadata, operation};
use super::publish::publish;
use super::read::{read, read_version};
use super::search::search;
use super::smart::configuration;
use super::status::{cancel, further_page, status};
use super::token::token;
use super::visit::{BEARER, NOT_ENOUGH, Visit, challenge};
use super::{cross_origin, oneup, search, signed, status, users};
use crate::access::{Audit, Authority};
use crate::error::{Error, Kind, Result};
use crate::export::{Edition, Jobs, Level};
use crate::fhir::name::short;
use crate::store::Store;
use crate::time::Instant;

/// The path of the 1upHealth dialect's kick-off; those of files are below it. The `$` stands for itself in URLs.
pub const EXPORT: &str = "/bulk-data/r4/$export";
/// The HL7 base.
pub const FHIR: &str = "/fhir";
/// The published dataset; its files are below it.
pub const PUBLISH: &str = "/fhir/$bulk-publish";
const READING: &str = "GET, HEAD, OPTIONS";

/// The token endpoint, by the names that 1upHealth has for it; SMART clients are told the second.
pub const TOKEN: [&str; 2] = ["/oauth2/token", "/fhir/oauth2/token"];

/// What handlers work with.
pub struct Context {
    /// The store that is served.
    pub store: Store,
    /// Who may read what of it.
    pub access: Authority,
    /// Where it is noted who got what, where that is done.
    pub audit: Option<Arc<Audit>>,
    /// Accepted exports.
    pub jobs: Jobs,
    /// What URLs begin with, where that was said.
    pub base_url: Option<String>,
    /// The address that is listened on.
    pub address: SocketAddr,
    /// When the server was started.
    pub started: Instant,
    /// Is told of errors that are not the client's.
    pub log: fn(&Error),
}

impl Context {
    /// Has a fault of our own told.
    pub fn note_fault(&self, error: &Error) {
        if error.kind().status() == 500 {
            (self.log)(error);
        }
    }

    /// What URLs in an answer to `request` begin with: scheme and authority, no slash at the end.
    pub fn base(&self, request: &Request) -> String {
        if let Some(base) = &self.base_url {
            return base.clone();
        }
        match request.header("host").filter(|host| is_authority(host)) {
            Some(host) => format!("http://{host}"),
            None => format!("http://{}", self.address),
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
pub fn answer(context: &Context, request: &Request) -> Response {
    route(context, request).unwrap_or_else(|error| refusal(context, &error, Some(request)))
}

/// How many bytes a body may have: that of a kick-off with a hundred thousand patients, an assertion.
const KICKOFF_BODY: usize = 16 << 20;
const SEARCH_BODY: usize = 1 << 20;
const CREDENTIALS_BODY: usize = 64 << 10;

/// How many bytes of a body are wanted: that of others is left where it is.
///
/// # Errors
/// Those of [`Visit::of`]: of somebody who is not known nothing long is taken.
pub fn body_limit(context: &Context, request: &Request) -> Result<usize> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let known = |limit| Visit::of(context, request).map(|_| limit);
    match (request.method.as_str(), &path[..]) {
        ("POST", ["fhir", .., "$export" | "$export-v4"]) => known(KICKOFF_BODY),
        ("POST", ["fhir", .., "_search"]) => known(SEARCH_BODY),
        ("POST", ["oauth2", "token"] | ["fhir", "oauth2", "token"])
        | ("GET" | "POST" | "PUT", ["user-management", "v1", "user", ..]) => Ok(CREDENTIALS_BODY),
        _ => Ok(0),
    }
}

/// An error as an answer to a request that may not have been understood.
pub fn refusal(context: &Context, error: &Error, request: Option<&Request>) -> Response {
    context.note_fault(error);
    let response = Response::error(error);
    match response.status {
        401 => response.with("WWW-Authenticate", request.map_or(BEARER, challenge)),
        403 if context.access.is_required() => response.with("WWW-Authenticate", NOT_ENOUGH),
        _ => response,
    }
}

fn route(context: &Context, request: &Request) -> Result<Response> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let admit = |methods: &str, answer: Answer<'_>| admit(context, request, methods, answer);
    match path[..] {
        ["health"] => allow(request, READING, || health(context)),
        ["oauth2", "token"] | ["fhir", "oauth2", "token"] => {
            allow(request, "POST, OPTIONS", || Ok(token(context, request)))
        }
        ["user-management", "v1", "user"] => {
            allow(request, "GET, POST, PUT, OPTIONS", || Ok(users::users(context, request)))
        }
        ["user-management", "v1", "user", "auth-code"] => {
            allow(request, "POST, OPTIONS", || Ok(users::code(context, request)))
        }
        // Some clients look for it below the base that they export from.
        [".well-known", "smart-configuration"]
        | ["fhir", .., ".well-known", "smart-configuration"] => {
            allow(request, READING, || configuration(context, request))
        }
        ["fhir", ref rest @ ..] => fhir(context, request, rest),
        ["bulk-data", "r4", "$export"] => admit(READING, &oneup::kickoff),
        ["bulk-data", "r4", "$export", "job" | "file", ref rest @ ..] => {
            job(context, request, rest)
        }
        ["bulk-data", "r4", "$export", resource_type, name] => {
            admit(READING, &|visit| signed::file(visit, resource_type, name, false))
        }
        ["bulk-data", "r4", "Group", id, "$export"] => {
            admit("GET, OPTIONS", &|visit| oneup::group(visit, id))
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

/// Below the HL7 base. But for what says how it is done, all of it is for who is known.
fn fhir(context: &Context, request: &Request, path: &[&str]) -> Result<Response> {
    let admit = |methods: &str, answer: Answer<'_>| admit(context, request, methods, answer);
    // Whether there is such a type here is for who is known, too.
    let of_type = |methods: &str, name: &str, answer: Answer<'_>| {
        admit(methods, &|visit| match visit.is_type(name)? {
            true => answer(visit),
            false => Err(nothing()),
        })
    };
    match *path {
        ["metadata"] => allow(request, READING, || metadata(context, request)),
        ["$bulk-publish"] => admit(READING, &publish),
        ["$bulk-publish", resource_type, name] => {
            admit(READING, &|visit| signed::file(visit, resource_type, name, true))
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
        ["OperationDefinition", id] if is_ours(id) => {
            allow(request, READING, || operation(context, request, id))
        }
        [name] if is_name(name) => of_type(READING, name, &|visit| search(visit, name)),
        [name, "_search"] if is_name(name) => {
            of_type("POST, OPTIONS", name, &|visit| search::posted(visit, name))
        }
        [name, id] if is_name(name) => of_type(READING, name, &|visit| read(visit, name, id)),
        [name, id, "_history", version] if is_name(name) => {
            of_type(READING, name, &|visit| read_version(visit, name, id, version))
        }
        _ => Err(nothing()),
    }
}

/// True for what may be the name of a type.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A kick-off. By the STU4 ballot "GET requests SHALL NOT be used to kick off".
fn export(context: &Context, request: &Request, level: Level, operation: &str) -> Result<Response> {
    let (edition, methods) = match operation {
        "$export-v4" => (Edition::Stu4, "POST, OPTIONS"),
        _ => (Edition::Stu3, "GET, POST, OPTIONS"),
    };
    allow(request, methods, || kickoff(&Visit::of(context, request)?, level, edition))
}

/// Below a job's place: its status, its manifest's pages, its files.
fn job(context: &Context, request: &Request, path: &[&str]) -> Result<Response> {
    let admit = |methods: &str, answer: Answer<'_>| admit(context, request, methods, answer);
    match *path {
        [id] => admit("GET, HEAD, DELETE, OPTIONS", &|visit| match request.method.as_str() {
            "DELETE" => cancel(visit, id),
            _ => status(visit, id),
        }),
        [id, "manifest", number] => admit(READING, &|visit| further_page(visit, id, number)),
        [id, name] => admit(READING, &|visit| status::file(visit, id, name)),
        _ => Err(nothing()),
    }
}

/// `GET /health`: whether the store can be read.
fn health(context: &Context) -> Result<Response> {
    context.store.last_seq()?;
    Ok(Response::json(200, &json!({"status": "ok"})).with("Cache-Control", "no-store"))
}

fn nothing() -> Error {
    let what = format!(
        "there is nothing here; {FHIR}/metadata says what there is, {EXPORT} answers with a manifest of the \
         files to download"
    );
    Error::new(Kind::NotFound, what)
}

/// How somebody who is known is answered.
type Answer<'a> = &'a dyn Fn(&Visit<'_>) -> Result<Response>;

/// Answers where the method is one of `methods`, and it is known who asks.
fn admit(
    context: &Context,
    request: &Request,
    methods: &str,
    answer: Answer<'_>,
) -> Result<Response> {
    allow(request, methods, || answer(&Visit::of(context, request)?))
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
