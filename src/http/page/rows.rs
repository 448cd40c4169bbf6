//! Which path is which screen.

use super::assets::{ASSETS, asset};
use super::browse::{list, types};
use super::browse_download::{attachment_data, file_of_list};
use super::browse_resource::resource;
use super::start::start;
use super::visit::screen;
use crate::http::message::Request;
use crate::http::row::{Route, not_found, open};

const READING: &str = "GET, HEAD";

/// Finds the row of a path; `None` for a path that is no screen.
pub fn page<'p>(path: &[&'p str]) -> Option<Route<'p>> {
    match *path {
        [] => screen("/", READING, start),
        [ASSETS, name] => open("/assets/{name}", READING, move |context, request| {
            asset(request, name).filter(|_| context.has_page).ok_or_else(|| not_found(context))
        }),
        // Browse
        ["browse"] => screen("/browse", READING, types),
        ["browse", name] => match name.rsplit_once('.') {
            Some((name, ending @ ("ndjson" | "csv"))) => {
                screen("/browse/{Type}.{ending}", READING, move |request| {
                    file_of_list(request, name, ending)
                })
            }
            _ => screen("/browse/{Type}", READING, move |request| list(request, name)),
        },
        ["browse", name, id] => {
            screen("/browse/{Type}/{id}", READING, move |request| resource(request, name, id))
        }
        ["browse", name, id, "attachments", number] => {
            screen("/browse/{Type}/{id}/attachments/{number}", READING, move |request| {
                attachment_data(request, name, id, number)
            })
        }
        _ => None,
    }
}

/// True for a request for a screen, or for what a screen is made of.
pub fn is_page(request: &Request) -> bool {
    let path: Vec<&str> =
        request.path.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    page(&path).is_some()
}
