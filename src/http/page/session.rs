//! The cookies of a visit: they hold an access token, and only the screens read them.
//!
//! The API never does, so a page of another site gains nothing by sending a browser there. `SameSite=Strict` keeps the
//! cookies out of requests that other sites cause, `HttpOnly` away from scripts:
//! <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis>.

use super::shell::root;
use crate::access::Presented;
use crate::http::authenticated::presented;
use crate::http::context::Context;
use crate::http::message::Request;
use crate::http::peer::Scheme;

/// Holds the access token of who signed in.
pub const VISITOR: &str = "fhirlite_page";
/// Holds the token of the operator.
pub const OPERATOR: &str = "fhirlite_operator";

/// The credentials of a request for a screen: those in its headers, else the token in its cookie.
pub fn credentials(request: &Request) -> Presented {
    match presented(request) {
        Presented::Nothing => match cookie(request, VISITOR) {
            Some(token) => Presented::Bearer(token),
            None => Presented::Nothing,
        },
        given => given,
    }
}

/// The value of a cookie; `None` where it is empty or not there.
pub fn cookie(request: &Request, name: &str) -> Option<String> {
    let headers = request.headers.iter().filter(|(known, _)| known == "cookie");
    let mut pairs = headers.flat_map(|(_, value)| value.split(';'));
    let value = pairs.find_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    })?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// The header field that sets a cookie for `seconds`; none at all end it.
pub fn set_cookie(
    context: &Context,
    request: &Request,
    name: &str,
    value: &str,
    seconds: u64,
) -> String {
    let root = root(context);
    // A path with a semicolon would end the attribute.
    let path = if root.is_empty() || root.contains(';') { "/" } else { &root };
    let secure = if speaks_tls(context, request) { "; Secure" } else { "" };
    format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// True where the client speaks TLS, with this server or with a proxy.
fn speaks_tls(context: &Context, request: &Request) -> bool {
    let scheme = request.proxy_scheme.unwrap_or(request.scheme);
    let base = context.base_url.as_deref().unwrap_or_default();
    scheme == Scheme::Https || base.starts_with("https://")
}
