//! `GET [base]/.well-known/smart-configuration`: how to get an access token.
//!
//! <https://hl7.org/fhir/smart-app-launch/conformance.html#using-well-known>

use serde_json::json;

use super::message::{Request, Response};
use super::route::{Context, TOKEN};
use super::token::own_base;
use crate::access::Algorithm;
use crate::error::{Error, Kind, Result};

/// Answers with it, whatever format is asked for, where a token is needed.
pub fn configuration(context: &Context, request: &Request) -> Result<Response> {
    if !context.access.is_required() {
        let what = "this server is open: nobody needs a token (serve --auth required is otherwise)";
        return Err(Error::new(Kind::NotFound, what));
    }
    let [_, endpoint] = TOKEN;
    let body = json!({
        "token_endpoint": format!("{}{endpoint}", own_base(context, request)),
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": Algorithm::ALL.map(Algorithm::name),
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": ["system/*.rs", "system/*.read"],
        "code_challenge_methods_supported": ["S256"],
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    });
    Ok(Response::json(200, &body))
}
