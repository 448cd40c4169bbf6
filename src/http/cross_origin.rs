//! Access for web pages of other origins: <https://fetch.spec.whatwg.org/#http-cors-protocol>.

use super::message::{Request, Response};

const EXPOSED: &str = "Content-Length, Content-Location, Content-Range, ETag, Expires, Last-Modified, \
                       Preference-Applied, Retry-After, WWW-Authenticate, X-Export-Status, X-Progress, X-Request-Id";
const ALLOWED: &str = "Accept, Authorization, Content-Type, If-None-Match, If-Range, Prefer, Range, \
                       X-Request-Id, client_id, client_secret, x-oneup-user-id";

/// The headers of every response. Every page may read, without the browser's credentials.
pub fn headers() -> [(&'static str, &'static str); 2] {
    [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", EXPOSED)]
}

/// Answers OPTIONS, from a browser that asks before a request and from other clients.
pub fn options(request: &Request, allow: &str) -> Response {
    let response = Response::empty(204).with("Allow", allow);
    if request.header("origin").is_none() {
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
