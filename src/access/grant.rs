//! What is granted at the token endpoint: <https://www.rfc-editor.org/rfc/rfc6749#section-4>.

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::assertion::{self, Assertion, Proven};
use super::caller::Authority;
use super::keys::KeySet;
use super::scope::{ONEUP, Scope};
use super::secret;
use crate::error::{self, Error, Kind};
use crate::random;
use crate::store::{Client, Exchanged, Grant, NewToken, Store, TokenKind};
use crate::time::Instant;

/// How long a code can be exchanged.
const CODE: Duration = Duration::from_secs(5 * 60);
/// How long an access token of a user is good.
pub const ACCESS: Duration = Duration::from_secs(2 * 60 * 60);
/// How long a refresh token can be exchanged; its successor as long again.
const REFRESH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long an access token of a SMART client is good: "short-lived".
pub const BACKEND: Duration = Duration::from_secs(300);

/// What is handed out, in the order that 1upHealth has.
#[derive(Debug, Serialize)]
pub struct Tokens {
    /// For the next pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// `bearer`.
    pub token_type: &'static str,
    /// To read with.
    pub access_token: String,
    /// For so many seconds.
    pub expires_in: u64,
    /// What is granted.
    pub scope: String,
}

/// Why nothing is: <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>.
#[derive(Debug)]
pub enum Denied {
    /// For a reason that has a name.
    Named {
        /// Its name: `invalid_grant`.
        error: &'static str,
        /// For a person.
        description: String,
    },
    /// For another.
    Other(Error),
}

impl Denied {
    /// With this name and description.
    pub fn named(error: &'static str, description: impl Into<String>) -> Denied {
        Denied::Named { error, description: description.into() }
    }
}

impl From<Error> for Denied {
    fn from(error: Error) -> Denied {
        match error.kind() {
            Kind::Unauthorized => Denied::named("invalid_client", error.to_string()),
            _ => Denied::Other(error),
        }
    }
}

/// A request of SMART Backend Services.
pub struct Backend<'a> {
    /// `client_assertion_type`
    pub assertion_type: Option<&'a str>,
    /// `client_assertion`
    pub assertion: Option<&'a str>,
    /// `client_id`, which need not be there.
    pub client_id: Option<&'a str>,
    /// `scope`
    pub scope: Option<&'a str>,
    /// The URLs that the assertion may be meant for.
    pub audiences: &'a [String],
    /// From where it comes.
    pub peer: IpAddr,
}

impl Authority {
    /// A code for a user of a client.
    ///
    /// # Errors
    /// `Busy` where an import keeps the store to itself for too long.
    pub(super) fn code(&self, client: &Client, user: i64) -> error::Result<String> {
        let code = secret::code()?;
        hand_out(&self.store, client, Some(user), ONEUP, (&code, TokenKind::Code, CODE))?;
        Ok(code)
    }

    /// Exchanges a code or a refresh token of a client's user.
    ///
    /// # Errors
    /// `invalid_grant` where it is none, was exchanged before or is another client's.
    pub fn exchange(
        &self,
        client: &Client,
        kind: TokenKind,
        shown: &str,
    ) -> Result<Tokens, Denied> {
        let (access, refresh) = (secret::token()?, secret::token()?);
        let now = self.store.now();
        let new = [
            kept(now, (&access, TokenKind::Access, ACCESS)),
            kept(now, (&refresh, TokenKind::Refresh, REFRESH)),
        ];
        match self.store.exchange(client, &secret::hash(shown), kind, &new)? {
            Exchanged::Done(grant) => Ok(Tokens {
                refresh_token: Some(refresh),
                token_type: "bearer",
                access_token: access,
                expires_in: ACCESS.as_secs(),
                scope: grant.scope,
            }),
            Exchanged::Unknown => Err(Denied::named(
                "invalid_grant",
                "it is not known, has expired or is another client's",
            )),
            Exchanged::Replayed => Err(Denied::named(
                "invalid_grant",
                "it was used before; all tokens that came of it have ended",
            )),
        }
    }

    /// Grants what a client asks for with an assertion.
    ///
    /// <https://hl7.org/fhir/smart-app-launch/backend-services.html#obtain-access-token>
    ///
    /// # Errors
    /// `invalid_request`, `invalid_client`, `invalid_scope`.
    pub fn backend(&self, asked: &Backend<'_>) -> Result<Tokens, Denied> {
        if asked.assertion_type != Some(assertion::TYPE) {
            let what = format!("client_assertion_type should be {}", assertion::TYPE);
            return Err(Denied::named("invalid_request", what));
        }
        let Some(assertion) = asked.assertion else {
            return Err(Denied::named("invalid_request", "client_assertion is missing"));
        };
        let client = self.authenticate(assertion, asked)?;
        let registered = client.credentials.scope.as_deref().unwrap_or_default();
        let granted = Scope::parse(registered)
            .and_then(|registered| registered.grant(asked.scope.unwrap_or_default()))
            .map_err(|reason| Denied::named("invalid_scope", reason))?;
        Ok(access_token(&self.store, &client, None, &granted, BACKEND)?)
    }

    /// The client that an assertion is of.
    fn authenticate(&self, text: &str, asked: &Backend<'_>) -> Result<Client, Denied> {
        let peer = asked.peer;
        // Who can sign need not wait for others who tried in that name.
        let denied = |name: &str, why: &str| match self.throttle.failed(peer, name) {
            Ok(()) => Denied::named("invalid_client", why),
            Err(error) => Denied::Other(error),
        };
        let assertion = match Assertion::parse(text) {
            Ok(assertion) => assertion,
            Err(why) => return Err(denied("", why)),
        };
        let name = assertion.issuer.clone();
        if asked.client_id.is_some_and(|id| id != name) {
            return Err(denied(&name, "client_id is not the assertion's iss"));
        }
        let client = self.store.client(&name)?;
        let keys = match &client {
            Some(client) => self.keys(client, &assertion, peer)?,
            None => None,
        };
        let key = keys.as_ref().and_then(|keys| keys.find(&assertion.kid, assertion.algorithm));
        let is_signed = match &key {
            Some(key) => assertion.is_signed_by(key),
            None => {
                let decoy = self.decoy.decoy_for(assertion.algorithm);
                black_box(decoy.is_some_and(|decoy| assertion.is_signed_by(&decoy)));
                false
            }
        };
        let Some(client) = client.filter(|_| is_signed) else {
            let why = "the client is not known, or the assertion is not signed with a key of its";
            return Err(denied(&name, why));
        };
        let Proven { jti, expires_at } = assertion
            .check(asked.audiences, self.store.now())
            .map_err(|why| denied(&name, &why))?;
        if !self.store.remember_assertion(client.id, &secret::hash(&jti), expires_at)? {
            return Err(denied(&name, "an assertion with this jti was used before"));
        }
        self.throttle.succeeded(peer, &name);
        Ok(client)
    }

    /// The keys that a client may have signed with.
    fn keys(
        &self,
        client: &Client,
        assertion: &Assertion<'_>,
        peer: IpAddr,
    ) -> error::Result<Option<KeySet>> {
        let registered = &client.credentials;
        if assertion.jku.is_some() && assertion.jku != registered.jwks_url {
            return Ok(None);
        }
        let Some(url) = &registered.jwks_url else {
            let jwks = registered.jwks.as_deref();
            return Ok(jwks.and_then(|jwks| KeySet::parse(jwks).ok()));
        };
        if let Some(keys) = self.fetched.kept(url, &assertion.kid, assertion.algorithm) {
            return Ok(Some(keys));
        }
        // The client's server is not asked as often as somebody likes.
        self.throttle.check(peer, &assertion.issuer)?;
        Ok(self.fetched.fetch(url).inspect_err(|error| self.log.tell(error)).ok())
    }
}

/// Hands out an access token.
///
/// # Errors
/// `Busy` where an import keeps the store to itself for too long.
pub(super) fn access_token(
    store: &Store,
    client: &Client,
    user: Option<i64>,
    scope: &str,
    ttl: Duration,
) -> error::Result<Tokens> {
    let access_token = secret::token()?;
    hand_out(store, client, user, scope, (&access_token, TokenKind::Access, ttl))?;
    Ok(Tokens {
        refresh_token: None,
        token_type: "bearer",
        access_token,
        expires_in: ttl.as_secs(),
        scope: scope.to_owned(),
    })
}

/// Something to hand out: its text, what it is good for, how long.
type Out<'a> = (&'a str, TokenKind, Duration);

/// What is kept of it.
fn kept(now: Instant, (text, kind, ttl): Out<'_>) -> NewToken {
    NewToken { hash: secret::hash(text), kind, expires_at: now.later(ttl) }
}

/// Notes what is handed out as the first of a family.
fn hand_out(
    store: &Store,
    client: &Client,
    user: Option<i64>,
    scope: &str,
    out: Out<'_>,
) -> error::Result<()> {
    let family = random::bytes::<16>()?.to_vec();
    let grant = Grant { client: client.id, user, scope: scope.to_owned(), family };
    match store.add_tokens(client, &grant, &[kept(store.now(), out)])? {
        true => Ok(()),
        false => Err(Error::new(Kind::Unauthorized, "the client was changed at this moment")),
    }
}
