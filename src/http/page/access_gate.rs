//! Who may see and change clients and tokens here: the operator, at a browser on the machine of the server.
//!
//! Other users of the machine reach the loopback too. So who comes shows a token of the operator, which only somebody
//! can make who may write the store's file: `fhirlite token issue STORE --operator`. An open store in memory needs none:
//! nobody else reads it, and it ends with its server.

use askama::Template;

use super::document::document;
use super::posted_form::filled;
use super::session::{OPERATOR, VISITOR, cookie, credentials, set_cookie};
use super::shell::{Shell, see_other};
use crate::error::{Error, Kind, Result};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::Context;
use crate::http::direct::is_direct;
use crate::http::form::parse_form;
use crate::http::message::{Request, Response, explanation};
use crate::store::Access;

/// The title of the screens.
pub const TITLE: &str = "Clients and tokens";
/// Their key in the menu.
pub const PLACE: &str = "access";
/// How long the browser keeps the token of the operator, in seconds. The token may end before.
const KEPT: u64 = 60 * 60;

/// Whether a request is one of the operator.
enum OperatorGate {
    /// It is.
    Open,
    /// It can be, with a token of the operator.
    Locked,
    /// It cannot be, for this reason.
    Shut(&'static str),
}

#[derive(Template)]
#[template(path = "access_locked.html")]
struct AccessLockedScreen {
    shell: Shell,
    /// Why there is nothing here.
    shut: Option<&'static str>,
    /// Why the last token was not accepted.
    problem: Option<String>,
    /// The store's file, as a command line names it.
    store: String,
}

/// Answers with `answer` for the operator; else with the way to become one.
///
/// # Errors
/// Those of `answer`; `Forbidden` for a form of somebody else.
pub fn for_operator(
    context: &Context,
    request: &Request,
    answer: impl FnOnce() -> Result<Response>,
) -> Result<Response> {
    match gate(context, request)? {
        OperatorGate::Open => {
            // For the head of the screen.
            is_known(context, request);
            answer()
        }
        _ if request.method == "POST" => {
            let what = "only the operator may do this; open Clients and tokens again and show a token of the operator";
            Err(Error::new(Kind::Forbidden, what))
        }
        gate => locked(context, request, gate, None),
    }
}

/// Takes a token of the operator.
///
/// # Errors
/// `Forbidden` where no token would open the screens; where the store cannot be read.
pub fn unlock(context: &Context, request: &Request) -> Result<Response> {
    if let OperatorGate::Shut(why) = gate(context, request)? {
        return Err(Error::new(Kind::Forbidden, why));
    }
    let fields = parse_form(&request.body);
    let token = filled(&fields, "token").unwrap_or_default();
    match context.access.authenticate_operator(token) {
        Ok(()) => {
            let cookie = set_cookie(context, request, OPERATOR, token, KEPT);
            Ok(see_other(context, "/access").with("Set-Cookie", cookie))
        }
        Err(error) if error.kind() == Kind::Unauthorized => {
            let problem = explanation(&error, &request.id);
            let response = locked(context, request, OperatorGate::Locked, Some(problem))?;
            Ok(response.with_status(403))
        }
        Err(error) => Err(error),
    }
}

fn gate(context: &Context, request: &Request) -> Result<OperatorGate> {
    let shut = if context.is_simulated {
        "This server simulates faults, and serves a copy of the store. POST /clients registers a client there."
    } else if context.store.access() == Access::ReadOnly {
        "The store cannot be written here, so clients cannot be registered."
    } else if !context.is_private {
        "Other machines reach this server. Clients and tokens are here only where the server listens on this machine \
         alone. The command fhirlite client does the same, on the machine of the server."
    } else if !is_direct(context, request) {
        "Clients and tokens are here only for a browser on the machine of the server that asks it directly: not through \
         a proxy, and by the address at which it listens. The command fhirlite client does the same, on the machine of \
         the server."
    } else if context.store.is_in_memory() && !context.access.is_required() {
        return Ok(OperatorGate::Open);
    } else {
        return Ok(match cookie(request, OPERATOR) {
            Some(token) => match context.access.authenticate_operator(&token) {
                Ok(()) => OperatorGate::Open,
                Err(error) if error.kind() == Kind::Unauthorized => OperatorGate::Locked,
                Err(error) => return Err(error),
            },
            None => OperatorGate::Locked,
        });
    };
    Ok(OperatorGate::Shut(shut))
}

/// True for a visitor whom the server knows; an open server knows everybody.
fn is_known(context: &Context, request: &Request) -> bool {
    !context.access.is_required()
        || (cookie(request, VISITOR).is_some()
            && AuthenticatedRequest::presenting(context, request, &credentials(request)).is_ok())
}

/// The screen of who is not the operator.
fn locked(
    context: &Context,
    request: &Request,
    gate: OperatorGate,
    problem: Option<String>,
) -> Result<Response> {
    let is_known = is_known(context, request);
    let shell = Shell::new(context, TITLE, PLACE);
    let store = if is_known { shell.store.clone() } else { "STORE".to_owned() };
    let shut = match gate {
        OperatorGate::Shut(why) => Some(why),
        _ => None,
    };
    let shell = if is_known { shell } else { shell.for_stranger() };
    document(request, 200, &AccessLockedScreen { shell, shut, problem, store })
}
