//! Client ids of the SMART Bulk Data server: each is a token that holds the client's own keys, so no registration is needed.
//!
//! <https://github.com/smart-on-fhir/bulk-data-server>. Who signed the token does not matter here: whoever reaches a server
//! that simulates may register clients. What the token says of errors is not read; the URL may say it.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::access::{ClientAuthentication, Registration};
use crate::error::{Kind, Result};
use crate::http::context::Context;
use crate::http::form::parse_form;
use crate::http::message::Request;

/// What such a client may ask for: the server that made its id asks nobody.
const SCOPE: &str = "system/*.rs";
/// The longest lifetime that a client id may say, in minutes: ten years.
const LONGEST: u64 = 5_256_000;

/// The claim of an assertion that says who the client is.
#[derive(Deserialize)]
struct ClientClaim {
    iss: String,
}

/// What a client id holds.
#[derive(Deserialize)]
struct LauncherClient<'t> {
    #[serde(borrow)]
    jwks: Option<&'t RawValue>,
    jwks_url: Option<String>,
    /// In minutes.
    #[serde(rename = "accessTokensExpireIn")]
    lifetime: Option<u64>,
}

/// Registers the client that asks for a token, where its id holds its keys and is not known yet. Returns how long the
/// token lives, if the id says so.
///
/// # Errors
/// `Busy`, or where the store cannot be read. What is wrong with an id is none: such a client is not known.
pub(super) fn register_launcher_client(
    context: &Context,
    request: &Request,
) -> Result<Option<Duration>> {
    let form = parse_form(&request.body);
    let assertion = form.iter().find(|(name, _)| name == "client_assertion");
    let claims = assertion.and_then(|(_, token)| serde_json::from_slice(&payload(token)?).ok());
    let Some(ClientClaim { iss }) = claims else { return Ok(None) };
    let Some(content) = payload(&iss) else { return Ok(None) };
    let Ok(client) = serde_json::from_slice::<LauncherClient<'_>>(&content) else {
        return Ok(None);
    };
    let authentication = match (client.jwks, client.jwks_url) {
        (Some(jwks), _) => ClientAuthentication::Jwks(jwks.get().to_owned()),
        (None, Some(url)) => ClientAuthentication::JwksUrl(url),
        (None, None) => return Ok(None),
    };
    if context.store.client(&iss)?.is_none() {
        let registration = Registration::of_token(&iss, &authentication, SCOPE);
        match registration.and_then(|registration| registration.add_to(&context.store)) {
            // The keys are wrong, or another request was first.
            Err(error) if error.kind() == Kind::Usage => {}
            registered => drop(registered?),
        }
    }
    let minutes = client.lifetime.filter(|minutes| (1..=LONGEST).contains(minutes));
    Ok(minutes.map(|minutes| Duration::from_secs(minutes * 60)))
}

/// The payload of a JWT in compact form, whoever signed it.
fn payload(token: &str) -> Option<Vec<u8>> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() { None } else { BASE64URL.decode(payload).ok() }
}
