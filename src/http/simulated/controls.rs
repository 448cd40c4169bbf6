//! The control routes of a server that simulates: `/faults`, `/requests`, `/reset`, `/clock`, `/import`, `/sample`,
//! `/clients` and `/users`.
//!
//! They need no access token: only this machine reaches the server, and what they change is a copy.

use super::changed::response;
use super::handler::SimulatedServer;
use super::registered::{add_client, add_user, owner};
use crate::error::{Error, Kind, Result};
use crate::fhir::outcome::OperationOutcome;
use crate::http::context::Context;
use crate::http::cross_origin;
use crate::http::filled::{FillOutcome, filled};
use crate::http::header::FHIR_JSON;
use crate::http::message::{Request, Response};
use crate::http::sample::sample_data;
use crate::http::simulate::{clock_advance, control_methods, control_path};
use crate::sync::lock;

/// The largest bodies in bytes.
const RULES_BODY: usize = 1 << 20;
const IMPORT_BODY: usize = 64 << 20;

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
                self.advance(clock_advance(&request.body)?);
                let now = context.store.now().to_string();
                Ok(Response::json(200, &serde_json::json!({"time": now})))
            }
            ("POST", "/import") => import(context, request, &request.body),
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

/// Imports all of some data, or nothing. It is a user's if the request says so. Answers with the report.
fn import(context: &Context, request: &Request, data: &[u8]) -> Result<Response> {
    let owner = owner(context, request)?;
    Ok(match filled(&context.store, data, owner.as_ref())? {
        FillOutcome::Done(report) => Response::json(200, &report),
        FillOutcome::Refused(issues) => {
            Response::new(400, FHIR_JSON, OperationOutcome::of(&issues).to_line())
        }
    })
}
