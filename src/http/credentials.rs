//! Parameters of the token endpoint and of user management: in the query, a form, JSON or headers.
//!
//! Clients of 1upHealth send them in any of these.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Number;

use super::message::{Request, Response, pairs};
use super::route::Context;
use crate::error::{Error, Kind, Result};
use crate::store::Client;

/// The parameters that there are: these alone are looked for in headers.
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

/// Names and values, from wherever they came.
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Those of a request.
    ///
    /// # Errors
    /// `UnsupportedFormat` for a body that is neither a form nor JSON, `Invalid` for a parameter that is
    /// given twice with different values.
    pub fn of(request: &Request) -> Result<Parameters> {
        let mut found = Parameters(BTreeMap::new());
        for (name, value) in request.query.iter().cloned().chain(body(request)?) {
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

    /// The client that they name, by its secret, from `peer`.
    ///
    /// # Errors
    /// `Unauthorized`, `Throttled`.
    pub fn client(&self, context: &Context, peer: IpAddr) -> Result<Client> {
        match (self.get("client_id"), self.get("client_secret")) {
            (Some(id), Some(secret)) => context.access.authenticate_client(id, secret, peer),
            _ => Err(Error::new(Kind::Unauthorized, "client_id and client_secret are missing")),
        }
    }

    /// The value of one that is there and says something.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// A refusal, with how to show who one is where that is what is missing.
pub fn challenged(response: Response) -> Response {
    match response.status {
        401 => response.with("WWW-Authenticate", "Basic realm=\"fhirlite\""),
        _ => response,
    }
}

/// `client_id` and `client_secret` as <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1> has them in
/// `Authorization: Basic`.
fn basic(request: &Request) -> Option<(String, String)> {
    let header = request.header("authorization")?;
    let (scheme, text) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(text.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    // Both are encoded as in a form.
    let decode = |text: &str| pairs(&format!("a={text}")).pop().map(|(_, value)| value);
    Some((decode(id)?, decode(secret)?))
}

fn body(request: &Request) -> Result<Vec<(String, String)>> {
    let text = String::from_utf8_lossy(&request.body);
    let text = text.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let content_type = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let media = content_type.split(';').next().unwrap_or_default().trim();
    match media {
        "application/json" => json(text),
        "application/x-www-form-urlencoded" => Ok(pairs(text)),
        // Of what is not said it can be seen.
        "" if text.starts_with('{') => json(text),
        "" => Ok(pairs(text)),
        _ => Err(Error::new(
            Kind::UnsupportedFormat,
            "send a form (application/x-www-form-urlencoded) or JSON (application/json)",
        )),
    }
}

fn json(text: &str) -> Result<Vec<(String, String)>> {
    let Members(members) = serde_json::from_str(text).map_err(|_| {
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

/// What may be the value of a parameter.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Number(Number),
    Bool(bool),
    Null(()),
}

/// The members of an object, also those that are given twice.
struct Members(Vec<(String, Scalar)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Members, D::Error> {
        deserializer.deserialize_map(Members(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(
        mut self,
        mut map: A,
    ) -> std::result::Result<Members, A::Error> {
        while let Some(member) = map.next_entry()? {
            self.0.push(member);
        }
        Ok(self)
    }
}
