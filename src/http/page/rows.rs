//! Which path is which screen.

use super::assets::{ASSETS, asset};
use super::sql_screen::{sql, sql_csv};
use super::start::start;
use super::timeline::timeline;
use super::view_screen::view;
use super::views_screen::views;
use super::visit::screen;
use crate::http::message::Request;
use crate::http::row::{Route, not_found, open};

const READING: &str = "GET, HEAD";
const CHANGING: &str = "GET, HEAD, POST";

/// Finds the row of a path; `None` for a path that is no screen.
pub fn page<'p>(path: &[&'p str]) -> Option<Route<'p>> {
    match *path {
        [] => screen("/", READING, start),
        [ASSETS, name] => open("/assets/{name}", READING, move |context, request| {
            asset(request, name).filter(|_| context.has_page).ok_or_else(|| not_found(context))
        }),
        // The timeline of a patient, SQL, views.
        ["browse", "Patient", id, "timeline"] => {
            screen("/browse/Patient/{id}/timeline", READING, move |request| timeline(request, id))
        }
        ["sql"] => screen("/sql", READING, sql),
        ["sql.csv"] => screen("/sql.csv", READING, sql_csv),
        ["views"] => screen("/views", CHANGING, views),
        ["views", name] => screen("/views/{name}", CHANGING, move |request| view(request, name)),
        _ => None,
    }
}

/// True for a request for a screen, or for what a screen is made of.
pub fn is_page(request: &Request) -> bool {
    let path: Vec<&str> =
        request.path.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    page(&path).is_some()
}
