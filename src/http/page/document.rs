//! A response of HTML.

use std::any::Any;
use std::io::Write;

use askama::Template;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::{Error, Kind, Result};
use crate::http::message::{Request, Response};

/// A body shorter than this, in bytes, is sent as it is.
const SHORTEST_GZIP: usize = 1024;

/// What a screen may load and do: its own style, script and pictures, and forms to this server.
///
/// <https://www.w3.org/TR/CSP3/>
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A screen as a response.
///
/// # Errors
/// `Internal` where the template cannot be rendered.
pub fn document(request: &Request, status: u16, screen: &impl Template) -> Result<Response> {
    let visitor = visitor(request);
    let text = screen
        .render_with_values(&visitor.as_ref().map(|name| ("visitor", name as &dyn Any)))
        .map_err(|error| Error::caused(Kind::Internal, "a template of the page", error))?;
    Ok(text_response(request, status, "text/html; charset=utf-8", text.into_bytes())
        .with("Cache-Control", "no-store"))
}

/// The name of who signed in, for the head of the screen; `None` on an open server.
fn visitor(request: &Request) -> Option<String> {
    let (client, user) = request.noted.caller.get()?;
    let client = client.as_deref()?;
    Some(match user {
        Some(user) => format!("{user}, of {client}"),
        None => client.to_owned(),
    })
}

/// A response of text, as gzip where the client takes it.
pub fn text_response(
    request: &Request,
    status: u16,
    content_type: &str,
    text: Vec<u8>,
) -> Response {
    if text.len() >= SHORTEST_GZIP && request.prefers_gzip() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        // Into memory nothing fails to be written.
        if gzip.write_all(&text).is_ok()
            && let Ok(packed) = gzip.finish()
        {
            return Response::new(status, content_type, packed)
                .with("Content-Encoding", "gzip")
                .with("Vary", "Accept-Encoding");
        }
    }
    Response::new(status, content_type, text).with("Vary", "Accept-Encoding")
}

/// Adds what keeps other sites away from a screen. Forms say where they come from, so the referrer stays within this
/// server and does not go away altogether.
pub fn protected(response: Response) -> Response {
    response
        .with("Content-Security-Policy", POLICY)
        .with("X-Content-Type-Options", "nosniff")
        .with("Referrer-Policy", "same-origin")
        .with("Cross-Origin-Opener-Policy", "same-origin")
        .with("Cross-Origin-Resource-Policy", "same-origin")
}
