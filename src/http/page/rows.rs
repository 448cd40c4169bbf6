//! Which path is which screen.

use super::access_client::{add_token, client, remove, revoke};
use super::access_gate::unlock;
use super::access_list::{add_client, clients};
use super::assets::{ASSETS, asset};
use super::browse::{list, types};
use super::browse_download::{attachment_data, file_of_list};
use super::browse_resource::resource;
use super::exports::exports;
use super::exports_job::{export_file, export_job};
use super::sign_in::{sign_in, sign_out};
use super::simulate::simulate;
use super::sql_screen::{sql, sql_csv};
use super::start::start;
use super::timeline::timeline;
use super::view_screen::view;
use super::views_screen::views;
use super::visit::{READING, open_screen, screen, screen_file, visit_limit};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::Context;
use crate::http::message::Request;
use crate::http::row::{Route, not_found, of_page, open};

const POSTING: &str = "GET, HEAD, POST";

/// Finds the row of a path; `None` for a path that is no screen.
pub fn page<'p>(path: &[&'p str]) -> Option<Route<'p>> {
    match *path {
        [] => screen("/", READING, start),
        [ASSETS, name] => of_page(open("/assets/{name}", READING, move |context, request| {
            asset(request, name).ok_or_else(|| not_found(context))
        })),
        // Sign-in.
        ["sign-in"] => open_screen("/sign-in", POSTING, sign_in),
        ["sign-out"] => open_screen("/sign-out", "POST", sign_out),
        // Clients and tokens.
        ["access"] => open_screen("/access", READING, clients),
        ["access", "operator"] => open_screen("/access/operator", "POST", unlock),
        ["access", "clients"] => open_screen("/access/clients", "POST", add_client),
        ["access", "clients", number] => {
            open_screen("/access/clients/{number}", READING, move |context, request| {
                client(context, request, number)
            })
        }
        ["access", "clients", number, "tokens"] => {
            open_screen("/access/clients/{number}/tokens", "POST", move |context, request| {
                add_token(context, request, number)
            })
        }
        ["access", "clients", number, "revoke"] => {
            open_screen("/access/clients/{number}/revoke", "POST", move |context, request| {
                revoke(context, request, number)
            })
        }
        ["access", "clients", number, "remove"] => {
            open_screen("/access/clients/{number}/remove", "POST", move |context, request| {
                remove(context, request, number)
            })
        }
        // Exports.
        ["exports"] => screen("/exports", POSTING, exports),
        ["exports", id] => screen("/exports/{id}", POSTING, move |request| export_job(request, id)),
        ["exports", id, "files", name] => {
            let answer = move |request: &AuthenticatedRequest<'_>| export_file(request, id, name);
            screen_file("/exports/{id}/files/{name}", answer)
        }
        // Simulate.
        ["simulate"] => screen("/simulate", POSTING, simulate),
        // The timeline of a patient, SQL, views.
        ["browse", "Patient", id, "timeline"] => {
            screen("/browse/Patient/{id}/timeline", READING, move |request| timeline(request, id))
        }
        ["sql"] => screen("/sql", READING, sql),
        ["sql.csv"] => screen_file("/sql.csv", sql_csv),
        ["views"] => screen("/views", POSTING, views),
        ["views", name] => screen("/views/{name}", POSTING, move |request| view(request, name)),
        // Browse
        ["browse"] => screen("/browse", READING, types),
        ["browse", name] => match name.rsplit_once('.') {
            Some((name, ending @ ("ndjson" | "csv"))) => {
                screen_file("/browse/{Type}.{ending}", move |request| {
                    file_of_list(request, name, ending)
                })
            }
            _ => screen("/browse/{Type}", READING, move |request| list(request, name)),
        },
        ["browse", name, id] => {
            screen("/browse/{Type}/{id}", READING, move |request| resource(request, name, id))
        }
        ["browse", name, id, "attachments", number] => {
            screen_file("/browse/{Type}/{id}/attachments/{number}", move |request| {
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

/// The number of bytes to read of a body: `limit`, or fewer of a form for a screen.
pub fn form_limit(context: &Context, request: &Request, limit: usize) -> usize {
    if is_page(request) { visit_limit(context, request, limit) } else { limit }
}
