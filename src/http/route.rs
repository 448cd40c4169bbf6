//! Which path is whose.

use super::cross_origin;
use super::download::download;
use super::kickoff::kickoff;
use super::message::{Request, Response};
use crate::error::{Error, Kind, Result};
use crate::export::Signer;
use crate::store::Store;

/// The kick-off's path; those of files are below it. The `$` stands for itself in URLs.
pub const EXPORT: &str = "/bulk-data/r4/$export";
const READING: &str = "GET, HEAD, OPTIONS";

/// What handlers work with.
pub struct Context {
    /// The store that is served.
    pub store: Store,
    /// Signs and reads file names.
    pub signer: Signer,
    /// What URLs begin with, where that was said.
    pub base_url: Option<String>,
    /// What they begin with where neither that nor the client says it.
    pub own_url: String,
}

impl Context {
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
        match error.kind() {
            Kind::MethodNotAllowed => response.with("Allow", READING),
            _ => response,
        }
    })
}

fn route(context: &Context, request: &Request) -> Result<Response> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match path[..] {
        ["bulk-data", "r4", "$export"] => read(request, || kickoff(context, request)),
        ["bulk-data", "r4", "$export", resource_type, name] => {
            read(request, || download(context, request, resource_type, name))
        }
        ["bulk-data", "r4", "Group", _, "$export"] => read(request, || {
            let what = "exports of a Group are not supported yet; $export without a Group is";
            Err(Error::new(Kind::NotSupported, what))
        }),
        ["bulk-data", version @ ("dstu2" | "stu3"), ..] => Err(Error::new(
            Kind::NotFound,
            format!(
                "a store holds one version of FHIR, and this one is served as r4, not {version}: {EXPORT}"
            ),
        )),
        _ => Err(Error::new(
            Kind::NotFound,
            format!(
                "there is nothing here; {EXPORT} answers with a manifest of the files to download"
            ),
        )),
    }
}

/// The methods of a resource that can only be read.
fn read(request: &Request, answer: impl FnOnce() -> Result<Response>) -> Result<Response> {
    match request.method.as_str() {
        "GET" | "HEAD" => answer(),
        "OPTIONS" => Ok(cross_origin::options(request, READING)),
        other => Err(Error::new(
            Kind::MethodNotAllowed,
            format!("{other} is not supported here; GET and HEAD are"),
        )),
    }
}
