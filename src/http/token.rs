//! `POST /oauth2/token` and `/fhir/oauth2/token`: gives access tokens for codes, refresh tokens and
//! assertions.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749>,
//! <https://hl7.org/fhir/smart-app-launch/backend-services.html#obtain-access-token>

use serde_json::json;

use super::context::{Context, TOKEN};
use super::message::{Request, Response, explanation};
use super::request_parameters::{RequestParameters, challenged};
use crate::access::{BackendRequest, TokenError, TokenResponse};
use crate::store::TokenKind;

/// Answers with tokens, or with an error of OAuth.
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
            context.log_fault(&error, request);
            refused(status, name, &explanation(&error, &request.id)).retry(&error)
        }
    };
    // https://www.rfc-editor.org/rfc/rfc6749#section-5.1
    response.with("Cache-Control", "no-store").with("Pragma", "no-cache")
}

fn refused(status: u16, error: &str, description: &str) -> Response {
    challenged(Response::json(status, &json!({"error": error, "error_description": description})))
}

/// Grants tokens by the request's `grant_type`.
fn granted(context: &Context, request: &Request) -> Result<TokenResponse, TokenError> {
    let parameters = RequestParameters::read(request)?;
    let access = &context.access;
    let kind = match parameters.get("grant_type") {
        Some("authorization_code") => TokenKind::Code,
        Some("refresh_token") => TokenKind::Refresh,
        Some("client_credentials") => {
            let paths = TOKEN.into_iter().chain(request.terms.path);
            let base = context.token_base(request);
            let audiences: Vec<String> = paths.map(|path| format!("{base}{path}")).collect();
            return access.grant_backend(&BackendRequest {
                assertion_type: parameters.get("client_assertion_type"),
                assertion: parameters.get("client_assertion"),
                client_id: parameters.get("client_id"),
                scope: parameters.get("scope"),
                audiences: &audiences,
                peer: request.peer,
                terms: request.terms,
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
    request.noted.note_caller(Some(&client.client_id), None);
    let name = if kind == TokenKind::Code { "code" } else { "refresh_token" };
    let presented = parameters.get(name).ok_or_else(|| missing(name))?;
    access.exchange(&client, kind, presented, request.peer, request.terms)
}
