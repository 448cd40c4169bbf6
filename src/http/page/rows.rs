//! Which path is which screen.

use super::assets::{ASSETS, asset};
use super::exports::exports;
use super::exports_job::{export_file, export_job};
use super::simulate::simulate;
use super::start::start;
use super::visit::screen;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::message::Request;
use crate::http::row::{Route, not_found, open};

const READING: &str = "GET, HEAD";
const POSTING: &str = "GET, HEAD, POST";

/// Finds the row of a path; `None` for a path that is no screen.
pub fn page<'p>(path: &[&'p str]) -> Option<Route<'p>> {
    match *path {
        [] => screen("/", READING, start),
        [ASSETS, name] => open("/assets/{name}", READING, move |context, request| {
            asset(request, name).filter(|_| context.has_page).ok_or_else(|| not_found(context))
        }),
        // Exports.
        ["exports"] => screen("/exports", POSTING, exports),
        ["exports", id] => screen("/exports/{id}", POSTING, move |request| export_job(request, id)),
        ["exports", id, "files", name] => {
            let answer = move |request: &AuthenticatedRequest<'_>| export_file(request, id, name);
            screen("/exports/{id}/files/{name}", READING, answer)
        }
        // Simulate.
        ["simulate"] => screen("/simulate", POSTING, simulate),
        _ => None,
    }
}

/// True for a request for a screen, or for what a screen is made of.
pub fn is_page(request: &Request) -> bool {
    let path: Vec<&str> =
        request.path.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    page(&path).is_some()
}
