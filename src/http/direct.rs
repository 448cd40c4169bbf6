//! Requests that come straight from this machine, without a proxy in between.

use super::context::Context;
use super::header::names_address;
use super::message::Request;

/// True for a request of a program on this machine that asks this server directly.
///
/// Behind a reverse proxy on this machine every client comes from the loopback. Proxies tell by headers for
/// whom they ask, and `--base-url` says that there is one. A page of another site (DNS rebinding) asks by the name of
/// its own host.
pub fn is_direct(context: &Context, request: &Request) -> bool {
    let is_passed_on = request.headers.iter().any(|(name, _)| {
        name.starts_with("x-forwarded")
            || ["forwarded", "via", "x-real-ip"].contains(&name.as_str())
    });
    let names_this = request.local.is_some_and(|address| {
        let port = request.scheme.port();
        request.header("host").is_none_or(|host| names_address(&host, address, port))
    });
    request.peer.to_canonical().is_loopback()
        && context.base_url.is_none()
        && !is_passed_on
        && names_this
}
