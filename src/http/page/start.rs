//! The first screen: what this store is, and how to get at it.

use askama::Template;

use super::document::document;
use super::shell::Shell;
use crate::error::Result;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::message::Response;

#[derive(Template)]
#[template(path = "start.html")]
struct StartScreen {
    shell: Shell,
}

/// Answers with the first screen.
pub fn start(request: &AuthenticatedRequest<'_>) -> Result<Response> {
    let shell = Shell::new(request.context, "Start", "start");
    document(request, 200, &StartScreen { shell })
}
