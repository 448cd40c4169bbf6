//! `GET [base]/.well-known/smart-configuration`: how a client gets an access token.
//!
//! <https://hl7.org/fhir/smart-app-launch/conformance.html#using-well-known>

use serde_json::json;

use super::context::{Context, TOKEN};
use super::message::{Request, Response};
use crate::access::Algorithm;
use crate::error::{Error, Kind, Result};

/// Answers with the configuration, whatever format the client asks for.
///
/// # Errors
/// `NotFound` on an open server.
pub fn configuration(context: &Context, request: &Request) -> Result<Response> {
    if !context.access.is_required() {
        let what = "this server is open: nobody needs a token (serve --auth required is otherwise)";
        return Err(Error::new(Kind::NotFound, what));
    }
    let [_, endpoint] = TOKEN;
    let body = json!({
        "token_endpoint": format!("{}{endpoint}", context.token_base(request)),
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": Algorithm::ALL.map(Algorithm::name),
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": ["system/*.rs", "system/*.read"],
        "code_challenge_methods_supported": ["S256"],
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    });
    Ok(Response::json(200, &body))
}
