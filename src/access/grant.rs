//! The token endpoint's grants: codes, refresh tokens and assertions become access tokens.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749#section-4>

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::assertion::{self, Assertion, AssertionId};
use super::caller::Authority;
use super::keys::KeySet;
use super::refusals::RefusedCredential;
use super::scope::{ONEUP, Scopes};
use super::secret;
use crate::error::{self, Error, Kind};
use crate::random;
use crate::store::{Actor, Client, ExchangeOutcome, Grant, NewToken, Store, TokenKind};
use crate::time::Instant;

/// How long a code can be exchanged.
const CODE_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// How long a user's access token is valid.
pub const USER_LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);
/// How long a refresh token can be exchanged. The next one lives as long again.
const REFRESH_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long a SMART client's access token is valid: "short-lived".
pub const BACKEND_LIFETIME: Duration = Duration::from_secs(300);

/// The token endpoint's response, with its members in 1upHealth's order.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct TokenResponse {
    /// Can be exchanged once for the next pair of tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// `bearer`
    pub token_type: &'static str,
    /// The access token.
    pub access_token: String,
    /// The seconds until the access token expires.
    pub expires_in: u64,
    /// The granted scopes.
    pub scope: String,
}

/// Why the token endpoint issues no token.
#[derive(Debug)]
pub enum TokenError {
    /// An error of OAuth: <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>.
    OAuth {
        /// Its code, such as `invalid_grant`.
        error: &'static str,
        /// The explanation for a person.
        description: String,
    },
    /// Any other error.
    Other(Error),
}

impl TokenError {
    /// An error of OAuth with this code and description.
    pub fn oauth(error: &'static str, description: impl Into<String>) -> TokenError {
        TokenError::OAuth { error, description: description.into() }
    }
}

impl From<Error> for TokenError {
    fn from(error: Error) -> TokenError {
        match error.kind() {
            Kind::Unauthorized => TokenError::oauth("invalid_client", error.to_string()),
            _ => TokenError::Other(error),
        }
    }
}

/// What differs from the usual in one request for a token: for tests of clients.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrantTerms {
    /// How long the access token is valid; `None` for the usual time.
    pub lifetime: Option<Duration>,
    /// How many seconds the clock that judges assertions is ahead.
    pub clock_offset: i64,
    /// Another path of the token endpoint, by which the client knows it.
    pub path: Option<&'static str>,
}

impl GrantTerms {
    fn lifetime(self, usual: Duration) -> Duration {
        self.lifetime.unwrap_or(usual)
    }

    /// The time that judges assertions.
    fn time(self, now: Instant) -> Instant {
        let by = Duration::from_secs(self.clock_offset.unsigned_abs());
        if self.clock_offset < 0 { now.earlier(by) } else { now.later(by) }
    }
}

/// An access token request of SMART Backend Services.
pub struct BackendRequest<'a> {
    /// `client_assertion_type`
    pub assertion_type: Option<&'a str>,
    /// `client_assertion`
    pub assertion: Option<&'a str>,
    /// `client_id`; optional.
    pub client_id: Option<&'a str>,
    /// `scope`
    pub scope: Option<&'a str>,
    /// The URLs of this token endpoint, one of which `aud` must name.
    pub audiences: &'a [String],
    /// The address that the request came from.
    pub peer: IpAddr,
    /// What differs from the usual.
    pub terms: GrantTerms,
}

impl Authority {
    /// Issues a code for a user of a client.
    ///
    /// # Errors
    /// `Busy` where an import holds the store's write lock for too long.
    pub(super) fn issue_code(&self, client: &Client, user: i64) -> error::Result<String> {
        let code = secret::code()?;
        let token = new_token(&self.store, &code, TokenKind::Code, CODE_LIFETIME);
        issue(&self.store, client, Some(user), ONEUP, token, Actor::Client)?;
        Ok(code)
    }

    /// Exchanges a code or a refresh token of a client's user for a new pair of tokens.
    ///
    /// # Errors
    /// `invalid_grant` for a token that is unknown, was exchanged before or is another client's.
    pub fn exchange(
        &self,
        client: &Client,
        kind: TokenKind,
        presented: &str,
        peer: IpAddr,
        terms: GrantTerms,
    ) -> Result<TokenResponse, TokenError> {
        let lifetime = terms.lifetime(USER_LIFETIME);
        let (access, refresh) = (secret::token()?, secret::token()?);
        let new = [
            new_token(&self.store, &access, TokenKind::Access, lifetime),
            new_token(&self.store, &refresh, TokenKind::Refresh, REFRESH_LIFETIME),
        ];
        match self.store.exchange(client, &secret::hash(presented), kind, &new)? {
            ExchangeOutcome::Done(grant) => Ok(TokenResponse {
                refresh_token: Some(refresh),
                token_type: "bearer",
                access_token: access,
                expires_in: lifetime.as_secs(),
                scope: grant.scope,
            }),
            ExchangeOutcome::Unknown => {
                self.note_refusal(Some(&client.client_id), peer, RefusedCredential::Code);
                let what = "it is not known, has expired or is another client's";
                Err(TokenError::oauth("invalid_grant", what))
            }
            ExchangeOutcome::Replayed => Err(TokenError::oauth(
                "invalid_grant",
                "it was used before; all tokens that came of it have ended",
            )),
        }
    }

    /// Grants a client's request of SMART Backend Services.
    ///
    /// <https://hl7.org/fhir/smart-app-launch/backend-services.html#obtain-access-token>
    ///
    /// # Errors
    /// `invalid_request`, `invalid_client`, `invalid_scope`.
    pub fn grant_backend(&self, request: &BackendRequest<'_>) -> Result<TokenResponse, TokenError> {
        if request.assertion_type != Some(assertion::TYPE) {
            let what = format!("client_assertion_type should be {}", assertion::TYPE);
            return Err(TokenError::oauth("invalid_request", what));
        }
        let Some(assertion) = request.assertion else {
            return Err(TokenError::oauth("invalid_request", "client_assertion is missing"));
        };
        let client = self.authenticate_assertion(assertion, request)?;
        let registered = client.credentials.scope.as_deref().unwrap_or_default();
        let granted = Scopes::parse(registered)
            .and_then(|registered| registered.grant(request.scope.unwrap_or_default()))
            .map_err(|reason| TokenError::oauth("invalid_scope", reason))?;
        Ok(issue_access_token(
            &self.store,
            &client,
            None,
            &granted,
            request.terms.lifetime(BACKEND_LIFETIME),
            Actor::Client,
        )?)
    }

    /// Authenticates the client that signed an assertion.
    fn authenticate_assertion(
        &self,
        text: &str,
        request: &BackendRequest<'_>,
    ) -> Result<Client, TokenError> {
        let denied = |name: Option<&str>, why: &str| {
            self.note_refusal(name, request.peer, RefusedCredential::Assertion);
            TokenError::oauth("invalid_client", why)
        };
        let assertion = Assertion::parse(text).map_err(|why| denied(None, why))?;
        let name = assertion.issuer.clone();
        let denied = |why: &str| denied(Some(&name), why);
        if request.client_id.is_some_and(|id| id != name) {
            return Err(denied("client_id is not the assertion's iss"));
        }
        let client = self.store.client(&name)?;
        let keys = match &client {
            Some(client) => self.keys(client, &assertion),
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
            return Err(denied(why));
        };
        let now = request.terms.time(self.store.now());
        let AssertionId { jti, expires_at } =
            assertion.check(request.audiences, now).map_err(|why| denied(&why))?;
        if !self.store.remember_assertion(client.id, &secret::hash(&jti), expires_at)? {
            return Err(denied("an assertion with this jti was used before"));
        }
        Ok(client)
    }

    /// The keys with which a client may have signed: registered ones, or those at its registered URL.
    fn keys(&self, client: &Client, assertion: &Assertion<'_>) -> Option<KeySet> {
        let registered = &client.credentials;
        if assertion.jku.is_some() && assertion.jku != registered.jwks_url {
            return None;
        }
        let Some(url) = &registered.jwks_url else {
            return KeySet::parse(registered.jwks.as_deref()?).ok();
        };
        self.published
            .keys(url, &assertion.kid, assertion.algorithm)
            .inspect_err(|error| self.log.tell(error))
            .ok()
    }
}

/// Issues an access token that is valid for `lifetime`.
///
/// # Errors
/// `Busy` where an import holds the store's write lock for too long.
pub(super) fn issue_access_token(
    store: &Store,
    client: &Client,
    user: Option<i64>,
    scope: &str,
    lifetime: Duration,
    by: Actor,
) -> error::Result<TokenResponse> {
    let access_token = secret::token()?;
    let token = new_token(store, &access_token, TokenKind::Access, lifetime);
    issue(store, client, user, scope, token, by)?;
    Ok(TokenResponse {
        refresh_token: None,
        token_type: "bearer",
        access_token,
        expires_in: lifetime.as_secs(),
        scope: scope.to_owned(),
    })
}

/// What the store keeps of a token: its hash.
fn new_token(store: &Store, text: &str, kind: TokenKind, lifetime: Duration) -> NewToken {
    NewToken { hash: secret::hash(text), kind, expires_at: store.now().later(lifetime) }
}

/// Keeps a token as the first of its family.
fn issue(
    store: &Store,
    client: &Client,
    user: Option<i64>,
    scope: &str,
    token: NewToken,
    by: Actor,
) -> error::Result<()> {
    let family = random::bytes::<16>()?.to_vec();
    let grant = Grant { client: client.id, user, scope: scope.to_owned(), family };
    if store.add_tokens(client, &grant, &[token], by)? {
        return Ok(());
    }
    Err(Error::new(Kind::Unauthorized, "the client was changed at this moment"))
}
