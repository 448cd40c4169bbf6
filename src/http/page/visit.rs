//! A visit to a screen: the caller, and how an error looks.

use askama::Template;

use super::document::{document, protected};
use super::shell::{Shell, root};
use crate::error::{Error, Kind, Result};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::Context;
use crate::http::message::{Request, Response, explanation};
use crate::http::row::{Route, not_found, open};

/// The largest form in bytes.
const FORM_BODY: usize = 1 << 20;

/// The row of a screen for callers that the server knows.
pub fn screen<'p>(
    pattern: &'static str,
    methods: &'static str,
    handler: impl Fn(&AuthenticatedRequest<'_>) -> Result<Response> + 'p,
) -> Option<Route<'p>> {
    let row = open(pattern, methods, move |context, request| {
        if !context.has_page {
            return Err(not_found(context));
        }
        let answer = || {
            check_origin(context, request)?;
            handler(&AuthenticatedRequest::new(context, request)?)
        };
        let response = answer().or_else(|error| problem(context, request, &error))?;
        Ok(protected(response))
    });
    row.map(|row| Route { body_limit: FORM_BODY, ..row })
}

/// Checks that a form comes from a screen of this server. Browsers say from which page they send.
///
/// <https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site>,
/// <https://www.rfc-editor.org/rfc/rfc6454#section-7>
fn check_origin(context: &Context, request: &Request) -> Result<()> {
    if request.method != "POST" {
        return Ok(());
    }
    let is_own = match (request.header("sec-fetch-site"), request.header("origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let base = context.base(request);
            let own = base.strip_suffix(&root(context)).unwrap_or(&base);
            origin.eq_ignore_ascii_case(own)
        }
        (None, None) => false,
    };
    if is_own {
        return Ok(());
    }
    let what = "this form was not sent by a page of this server; open the page here and send it from there";
    Err(Error::new(Kind::Forbidden, what))
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemScreen {
    shell: Shell,
    status: u16,
    reason: &'static str,
    explanation: String,
    request_id: String,
}

/// An error as a screen.
fn problem(context: &Context, request: &Request, error: &Error) -> Result<Response> {
    context.log_fault(error, request);
    let status = error.kind().status();
    let reason = Response::empty(status).reason();
    let screen = ProblemScreen {
        shell: Shell::new(context, reason, ""),
        status,
        reason,
        explanation: explanation(error, &request.id),
        request_id: request.id.clone(),
    };
    Ok(document(request, status, &screen)?.retry(error))
}
