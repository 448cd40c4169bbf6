//! The headers that let web pages of other origins read: <https://fetch.spec.whatwg.org/#http-cors-protocol>.
//!
//! `web_pages.rs` decides which pages may.

use super::message::{Request, Response};
use super::web_pages::WebPages;

const EXPOSED: &str = "Content-Length, Content-Location, Content-Range, ETag, Expires, Last-Modified, \
                       Preference-Applied, Retry-After, WWW-Authenticate, X-Export-Status, X-Progress, X-Request-Id";
const ALLOWED: &str = "Accept, Authorization, Content-Type, If-None-Match, If-Range, Prefer, Range, \
                       X-Request-Id, client_id, client_secret, x-oneup-user-id";

/// The headers of every answer to `request`, also of a refusal. A page reads without the browser's credentials.
pub fn headers(pages: &WebPages, request: Option<&Request>) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    if let Some(origin) = pages.allowed_origin(request) {
        headers.push(("Access-Control-Allow-Origin", origin));
        headers.push(("Access-Control-Expose-Headers", EXPOSED.to_owned()));
    }
    if pages.depends_on_origin() {
        headers.push(("Vary", "Origin".to_owned()));
    }
    headers
}

/// Answers OPTIONS, from a browser that asks before a request and from other clients.
pub fn options(pages: &WebPages, request: &Request, allow: &str) -> Response {
    let response = Response::empty(204).with("Allow", allow);
    if request.header("origin").is_none() || pages.allowed_origin(Some(request)).is_none() {
        return response;
    }
    let response = response
        .with("Access-Control-Allow-Methods", allow)
        .with("Access-Control-Allow-Headers", ALLOWED)
        .with("Access-Control-Max-Age", "86400");
    // A public page that wants to reach a server on the visitor's own machine must ask for that.
    match request.header("access-control-request-private-network").as_deref() {
        Some("true") => response.with("Access-Control-Allow-Private-Network", "true"),
        _ => response,
    }
}
