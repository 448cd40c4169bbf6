//! The control routes of a server that simulates: `/faults`, `/requests`, `/reset`, `/clock`, `/import`, `/sample`,
//! `/clients` and `/users`.
//!
//! They need no access token: only this machine reaches the server, and what they change is a copy.

use super::changed::response;
use super::handler::SimulatedServer;
use super::registered::{add_client, add_user, owner};
use crate::error::{Error, Kind, Result};
use crate::fhir::outcome::{Issue, OperationOutcome, Severity};
use crate::http::context::Context;
use crate::http::cross_origin;
use crate::http::header::FHIR_JSON;
use crate::http::message::{Request, Response};
use crate::http::sample::sample_data;
use crate::http::simulate::{clock_advance, control_methods, control_path};
use crate::import::{Import, Observer, Remark};
use crate::source::{Input, Inputs};
use crate::sync::lock;

/// The largest bodies in bytes.
const RULES_BODY: usize = 1 << 20;
const IMPORT_BODY: usize = 64 << 20;
/// The most rejected items that an answer names.
const MOST_REJECTS: usize = 100;

impl SimulatedServer {
    /// The largest body of a control route; `None` for other paths.
    pub(super) fn control_body(&self, request: &Request) -> Option<usize> {
        control_methods(&request.target)?;
        Some(match (request.method.as_str(), control_path(&request.target)) {
            ("POST", "/import") => IMPORT_BODY,
            ("PUT" | "POST", _) => RULES_BODY,
            _ => 0,
        })
    }

    /// Answers a control route.
    ///
    /// # Errors
    /// `MethodNotAllowed`; `Invalid` for what cannot be read; those of [`SimulatedServer::reset`].
    pub(super) fn control(&self, context: &Context, request: &Request) -> Result<Response> {
        let methods = control_methods(&request.target).unwrap_or_default();
        match (request.method.as_str(), control_path(&request.target)) {
            ("OPTIONS", _) => Ok(cross_origin::options(&context.pages, request, methods)),
            ("POST", "/reset") => self.reset().map(|()| Response::empty(204)),
            ("PUT", "/clock") => {
                self.start.advance(clock_advance(&request.body)?);
                let now = context.store.now().to_string();
                Ok(Response::json(200, &serde_json::json!({"time": now})))
            }
            ("POST", "/import") => import(context, request, &unwrapped(&request.body)),
            ("POST", "/sample") => import(context, request, sample_data()?),
            ("POST", "/clients") => add_client(context, request),
            ("POST", "/users") => add_user(context, request),
            (method, path) => match lock(&self.state).answer(method, path, &request.body)? {
                Some(answer) => Ok(response(answer)),
                None => {
                    let what = format!("{path} takes {methods}");
                    let error = Error::new(Kind::MethodNotAllowed, what);
                    Ok(Response::error(&error, &request.id).with("Allow", methods))
                }
            },
        }
    }
}

/// Imports all of some data, or nothing: resources, Bundles, NDJSON of either, or an archive. They are a user's if
/// the request says so. Answers with the report.
fn import(context: &Context, request: &Request, data: &[u8]) -> Result<Response> {
    let inputs = vec![Input::memory("body", data)];
    let inputs = Inputs { inputs, ..Inputs::default() };
    let mut import = Import::new().strict(true);
    if let Some(owner) = owner(context, request)? {
        import = import.user(&owner);
    }
    let mut rejects = Rejects(Vec::new());
    let report = import.run(&context.store, &inputs, &mut rejects)?;
    if report.rejected > 0 {
        let body = OperationOutcome::of(&rejects.0).to_line();
        return Ok(Response::new(400, FHIR_JSON, body));
    }
    if report.found_nothing {
        let what = "there is no resource in the body; send a JSON array of resources, or NDJSON";
        return Err(Error::new(Kind::Invalid, what));
    }
    Ok(Response::json(200, &report))
}

/// The elements of an array as lines. Everything else stays as it is, and the import says what is wrong with it.
fn unwrapped(body: &[u8]) -> Vec<u8> {
    let elements: std::result::Result<Vec<&serde_json::value::RawValue>, _> =
        serde_json::from_slice(body);
    match elements {
        // Line breaks within JSON are white space, and none can be in its strings.
        Ok(elements) => {
            let lines = elements.iter().map(|raw| raw.get().replace(['\n', '\r'], " "));
            lines.flat_map(|line| (line + "\n").into_bytes()).collect()
        }
        Err(_) => body.to_vec(),
    }
}

/// Keeps why items were not taken.
struct Rejects(Vec<Issue>);

impl Observer for Rejects {
    fn rejected(&mut self, remark: &Remark) {
        if self.0.len() < MOST_REJECTS {
            self.0.push(Issue {
                severity: Severity::Error,
                code: "invalid".to_owned(),
                diagnostics: remark.to_string(),
            });
        }
    }
}
