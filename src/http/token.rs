//! `POST /oauth2/token` and `/fhir/oauth2/token`: codes, refresh tokens and assertions for access tokens.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749>,
//! <https://hl7.org/fhir/smart-app-launch/backend-services.html#obtain-access-token>

use std::net::{IpAddr, SocketAddr};

use serde_json::json;

use super::credentials::{Parameters, challenged};
use super::message::{Request, Response};
use super::route::{Context, TOKEN};
use crate::access::{BackendRequest, TokenError, TokenResponse};
use crate::store::TokenKind;

/// Answers with tokens, or with why there are none, in the words of OAuth.
pub fn token(context: &Context, request: &Request) -> Response {
    let response = match granted(context, request) {
        Ok(tokens) => Response::json(200, &tokens),
        Err(TokenError::OAuth { error, description }) => {
            let status = if error == "invalid_client" { 401 } else { 400 };
            refused(status, error, &description)
        }
        Err(TokenError::Other(error)) => {
            let status = error.kind().status();
            let name = match status {
                400 | 415 => "invalid_request",
                429 | 503 => "temporarily_unavailable",
                _ => "server_error",
            };
            context.note_fault(&error);
            refused(status, name, error.for_clients()).retry(&error)
        }
    };
    // https://www.rfc-editor.org/rfc/rfc6749#section-5.1
    response.with("Cache-Control", "no-store").with("Pragma", "no-cache")
}

fn refused(status: u16, error: &str, description: &str) -> Response {
    challenged(Response::json(status, &json!({"error": error, "error_description": description})))
}

fn granted(context: &Context, request: &Request) -> Result<TokenResponse, TokenError> {
    let parameters = Parameters::of(request)?;
    let access = &context.access;
    let kind = match parameters.get("grant_type") {
        Some("authorization_code") => TokenKind::Code,
        Some("refresh_token") => TokenKind::Refresh,
        Some("client_credentials") => {
            return access.grant_backend(&BackendRequest {
                assertion_type: parameters.get("client_assertion_type"),
                assertion: parameters.get("client_assertion"),
                client_id: parameters.get("client_id"),
                scope: parameters.get("scope"),
                audiences: &TOKEN.map(|path| format!("{}{path}", own_base(context, request))),
                peer: request.peer,
            });
        }
        Some(_) => {
            let what = "authorization_code, refresh_token and client_credentials are supported";
            return Err(TokenError::oauth("unsupported_grant_type", what));
        }
        None => return Err(TokenError::oauth("invalid_request", "grant_type is missing")),
    };
    let missing = |name: &str| TokenError::oauth("invalid_request", format!("{name} is missing"));
    let client = parameters.client(context, request.peer)?;
    let name = if kind == TokenKind::Code { "code" } else { "refresh_token" };
    let shown = parameters.get(name).ok_or_else(|| missing(name))?;
    access.exchange(&client, kind, shown)
}

/// What the URLs of this endpoint begin with, in what assertions are meant for and in what clients are
/// told. What a client calls this server counts only where that cannot be another one: else an
/// assertion meant for that could be used here by whoever got hold of it.
pub fn own_base(context: &Context, request: &Request) -> String {
    if let Some(base) = &context.base_url {
        return base.clone();
    }
    let address = request.local.unwrap_or(context.address);
    match request.header("host").filter(|host| is_ours(host, address)) {
        Some(host) => format!("http://{host}"),
        None => format!("http://{address}"),
    }
}

/// True for a name of this address, which the request came in at, and for none that another machine has.
fn is_ours(host: &str, address: SocketAddr) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (name, port),
        _ => (host, "80"),
    };
    let named: Option<IpAddr> = name.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let is_loopback = name == "localhost" || named.is_some_and(|named| named.is_loopback());
    port == address.port().to_string()
        && (named == Some(address.ip()) || (is_loopback && address.ip().is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_no_other_machine_has_are_ours() {
        let here: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "127.0.0.2:8080"] {
            assert!(is_ours(host, here), "{host}");
        }
        for host in ["127.0.0.1", "127.0.0.1:80", "10.0.0.1:8080", "a.example:8080", "", ":8080"] {
            assert!(!is_ours(host, here), "{host}");
        }
        let lan: SocketAddr = "10.0.0.5:80".parse().unwrap();
        assert!(is_ours("10.0.0.5", lan) && is_ours("10.0.0.5:80", lan));
        assert!(
            !is_ours("10.0.0.6", lan) && !is_ours("localhost", lan) && !is_ours("127.0.0.1", lan)
        );
    }
}
