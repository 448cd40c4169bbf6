//! A visit to a screen: the caller, and how an error looks.

use askama::Template;

use super::document::{document, protected};
use super::session::credentials;
use super::shell::{Shell, root};
use super::sign_in::{challenged, to_sign_in};
use crate::access::Presented;
use crate::error::{Error, Kind, Result};
use crate::http::authenticated::{AuthenticatedRequest, presented};
use crate::http::context::Context;
use crate::http::message::{Request, Response, explanation};
use crate::http::row::{Route, body, of_page, open};

/// The methods of what is only read.
pub const READING: &str = "GET, HEAD";

/// The largest form in bytes.
const FORM_BODY: usize = 1 << 20;
/// The largest form of somebody whom the server does not know.
const STRANGERS_BODY: usize = 16 << 10;

/// The row of a screen for callers that the server knows.
pub fn screen<'p>(
    pattern: &'static str,
    methods: &'static str,
    handler: impl Fn(&AuthenticatedRequest<'_>) -> Result<Response> + 'p,
) -> Option<Route<'p>> {
    open_screen(pattern, methods, move |context, request| {
        handler(&AuthenticatedRequest::presenting(context, request, &credentials(request))?)
    })
}

/// The row of a screen for everybody.
pub fn open_screen<'p>(
    pattern: &'static str,
    methods: &'static str,
    handler: impl Fn(&Context, &Request) -> Result<Response> + 'p,
) -> Option<Route<'p>> {
    let row = open(pattern, methods, move |context, request| {
        let answer = || {
            check_origin(context, request)?;
            handler(context, request)
        };
        let response = answer().or_else(|error| refused(context, request, &error))?;
        Ok(protected(response))
    });
    of_page(body(FORM_BODY, row))
}

/// The row of a file that a screen links to. Programs fetch it too, so who is not known gets 401 and no screen to sign in.
pub fn screen_file<'p>(
    pattern: &'static str,
    handler: impl Fn(&AuthenticatedRequest<'_>) -> Result<Response> + 'p,
) -> Option<Route<'p>> {
    of_page(open(pattern, READING, move |context, request| {
        let answer =
            || handler(&AuthenticatedRequest::presenting(context, request, &credentials(request))?);
        Ok(protected(answer().or_else(|error| problem(context, request, &error))?))
    }))
}

/// The number of bytes to read of a form for a screen, `limit` at most. Who is not known sends a short one, as for
/// signing in; of what another site sends, nothing is read.
pub fn visit_limit(context: &Context, request: &Request, limit: usize) -> usize {
    if !context.has_page || check_origin(context, request).is_err() {
        return 0;
    }
    match AuthenticatedRequest::presenting(context, request, &credentials(request)) {
        Ok(_) => limit,
        Err(_) => limit.min(STRANGERS_BODY),
    }
}

/// An error as an answer: a screen, or the way to sign in.
fn refused(context: &Context, request: &Request, error: &Error) -> Result<Response> {
    let is_browser = matches!(presented(request), Presented::Nothing);
    let is_reading = matches!(request.method.as_str(), "GET" | "HEAD");
    match error.kind() {
        Kind::Unauthorized if is_browser && is_reading => Ok(to_sign_in(context, request)),
        _ => problem(context, request, error),
    }
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
    can_sign_in: bool,
}

/// An error as a screen.
fn problem(context: &Context, request: &Request, error: &Error) -> Result<Response> {
    context.log_fault(error, request);
    let status = error.kind().status();
    let reason = Response::empty(status).reason();
    let is_known = !context.access.is_required() || request.noted.caller.get().is_some();
    let shell = Shell::new(context, reason, "");
    let screen = ProblemScreen {
        shell: if is_known { shell } else { shell.for_stranger() },
        status,
        reason,
        explanation: explanation(error, &request.id),
        request_id: request.id.clone(),
        can_sign_in: status == 401,
    };
    Ok(challenged(document(request, status, &screen)?.retry(error)))
}
