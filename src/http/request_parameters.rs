//! Parameters of the token endpoint and of user management, from the query, a form, JSON or headers.
//!
//! Clients of 1upHealth send parameters in any of these places.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Number;

use super::context::Context;
use super::form::{FORM, parse_form};
use super::header::{self, BASIC};
use super::message::{Request, Response};
use crate::error::{Error, Kind, Result};
use crate::store::Client;

/// The parameters of all these requests. Only these are read from headers.
const KNOWN: [&str; 11] = [
    "active",
    "app_user_id",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code",
    "grant_type",
    "oneup_user_id",
    "refresh_token",
    "scope",
];

/// Names and values, wherever the request has them.
pub struct RequestParameters(BTreeMap<String, String>);

impl RequestParameters {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// `UnsupportedFormat` for a body that is neither a form nor JSON, `Invalid` for a parameter that is
    /// given twice with different values.
    pub fn read(request: &Request) -> Result<RequestParameters> {
        let mut found = RequestParameters(BTreeMap::new());
        for (name, value) in request.query.iter().cloned().chain(posted(request)?) {
            found.add(name, value)?;
        }
        for name in KNOWN {
            if let Some(value) = request.header(name) {
                found.add(name.to_owned(), value)?;
            }
        }
        if let Some((id, secret)) = basic(request) {
            found.add("client_id".to_owned(), id)?;
            found.add("client_secret".to_owned(), secret)?;
        }
        Ok(found)
    }

    fn add(&mut self, name: String, value: String) -> Result<()> {
        match self.0.get(&name) {
            Some(known) if *known != value && KNOWN.contains(&name.as_str()) => {
                let what = format!("{name} is given twice, with different values");
                Err(Error::new(Kind::Invalid, what))
            }
            _ => {
                self.0.insert(name, value);
                Ok(())
            }
        }
    }

    /// The client that `client_id` and `client_secret` name, with `peer` as its address.
    ///
    /// # Errors
    /// `Unauthorized`, `Throttled`.
    pub fn client(&self, context: &Context, peer: IpAddr) -> Result<Client> {
        match (self.get("client_id"), self.get("client_secret")) {
            (Some(id), Some(secret)) => context.access.authenticate_client(id, secret, peer),
            _ => Err(Error::new(Kind::Unauthorized, "client_id and client_secret are missing")),
        }
    }

    /// The value of a parameter that is there and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Adds the challenge to a refusal that lacks credentials.
pub fn challenged(response: Response) -> Response {
    match response.status {
        401 => response.with("WWW-Authenticate", BASIC),
        _ => response,
    }
}

/// `client_id` and `client_secret` in `Authorization: Basic`, each encoded as in a form:
/// <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>
fn basic(request: &Request) -> Option<(String, String)> {
    let (id, secret) = header::basic(&request.header("authorization")?)?;
    let decoded = |text: &str| parse_form(format!("a={text}").as_bytes()).pop();
    Some((decoded(&id)?.1, decoded(&secret)?.1))
}

/// The parameters in the body.
fn posted(request: &Request) -> Result<Vec<(String, String)>> {
    let text = String::from_utf8_lossy(&request.body);
    let text = text.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let form = || parse_form(text.as_bytes());
    match request.body_type()?.name.as_str() {
        "application/json" => json(text),
        FORM => Ok(form()),
        // A body without Content-Type.
        "" if text.starts_with('{') => json(text),
        "" => Ok(form()),
        _ => Err(Error::new(
            Kind::UnsupportedFormat,
            "send a form (application/x-www-form-urlencoded) or JSON (application/json)",
        )),
    }
}

/// The members of a JSON object as text, without those that are null.
fn json(text: &str) -> Result<Vec<(String, String)>> {
    let JsonMembers(members) = serde_json::from_str(text).map_err(|_| {
        let what = "the body should be a JSON object of texts, numbers or booleans";
        Error::new(Kind::Invalid, what)
    })?;
    let text = |value| match value {
        Scalar::Text(text) => Some(text),
        Scalar::Number(number) => Some(number.to_string()),
        Scalar::Bool(bool) => Some(bool.to_string()),
        Scalar::Null(()) => None,
    };
    Ok(members.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect())
}

/// The value of a parameter in JSON.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Number(Number),
    Bool(bool),
    Null(()),
}

/// The members of a JSON object, with repeated names.
struct JsonMembers(Vec<(String, Scalar)>);

impl<'de> Deserialize<'de> for JsonMembers {
    fn deserialize<D: Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<JsonMembers, D::Error> {
        deserializer.deserialize_map(JsonMembers(Vec::new()))
    }
}

impl<'de> Visitor<'de> for JsonMembers {
    type Value = JsonMembers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(
        mut self,
        mut map: A,
    ) -> std::result::Result<JsonMembers, A::Error> {
        while let Some(member) = map.next_entry()? {
            self.0.push(member);
        }
        Ok(self)
    }
}
