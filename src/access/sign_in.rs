//! People at a browser: they sign in with what programs send in headers, and get an access token for the time of their visit.

use std::net::IpAddr;
use std::time::Duration;

use super::caller::{Authority, Presented};
use super::grant::{TokenResponse, USER_LIFETIME, issue_access_token};
use super::scope::ONEUP;
use super::secret;
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::store::{Actor, Client, NewToken, TokenKind, User};

/// Who signs in.
pub struct SignIn<'a> {
    /// `client_id`
    pub client_id: &'a str,
    /// `client_secret`
    pub client_secret: &'a str,
    /// The user whose data it asks for, by the client's name for the user or by the store's number; `None` for all
    /// users.
    pub user: Option<&'a str>,
}

impl Authority {
    /// Issues an access token to who knows a client's secret.
    ///
    /// # Errors
    /// Those of [`Authority::authenticate_client`]; `Forbidden` for a user who is inactive or not one of the client;
    /// `Busy`.
    pub fn sign_in(
        &self,
        SignIn { client_id, client_secret, user }: &SignIn<'_>,
        peer: IpAddr,
    ) -> Result<TokenResponse> {
        let client = self.authenticate_client(client_id, client_secret, peer)?;
        let user = user.map(|name| self.active_user(&client, name)).transpose()?;
        let user = user.map(|user| user.id);
        issue_access_token(&self.store, &client, user, ONEUP, USER_LIFETIME, Actor::Client)
    }

    /// The user of a client with this name, or with this number.
    fn active_user(&self, client: &Client, name: &str) -> Result<User> {
        let by_name = self.store.users(client.id, Some(name), None)?.pop();
        let number = name.parse().ok().filter(|_| name.bytes().all(|b| b.is_ascii_digit()));
        let found = match (by_name, number) {
            (None, Some(number)) => self.store.users(client.id, None, Some(number))?.pop(),
            (found, _) => found,
        };
        match found {
            Some(user) if user.active => Ok(user),
            Some(_) => Err(Error::new(Kind::Forbidden, "this user is not active")),
            None => {
                let what = format!(
                    "the client has no user {:?}; leave the user out for the data of all its users",
                    short(name)
                );
                Err(Error::new(Kind::Forbidden, what))
            }
        }
    }

    /// Issues another access token for the same data to who has one. It ends when the given one ends; it can be ended
    /// before, and the given one stays.
    ///
    /// # Errors
    /// Those of [`Authority::authenticate`]; `Busy`.
    pub fn sign_in_with_token(&self, token: &str, peer: IpAddr) -> Result<TokenResponse> {
        self.authenticate(&Presented::Bearer(token.to_owned()), peer)?;
        let ended = || Error::new(Kind::Unauthorized, "the access token ended at this moment");
        let hash = secret::hash(token);
        let grant = self.store.grant(&hash, TokenKind::Access)?.ok_or_else(ended)?;
        let end = self.store.end_of_token(&hash)?.ok_or_else(ended)?;
        let client = self.store.client_numbered(grant.client)?.ok_or_else(ended)?;
        let access_token = secret::token()?;
        let new = NewToken {
            hash: secret::hash(&access_token),
            kind: TokenKind::Access,
            expires_at: end,
        };
        if !self.store.add_tokens(&client, &grant, &[new], Actor::Client)? {
            return Err(ended());
        }
        let left = (end.micros() - self.store.now().micros()).max(0);
        Ok(TokenResponse {
            refresh_token: None,
            token_type: "bearer",
            access_token,
            expires_in: Duration::from_micros(left.unsigned_abs()).as_secs(),
            scope: grant.scope,
        })
    }

    /// Ends an access token that its holder gives back.
    ///
    /// # Errors
    /// `Busy` where an import keeps the store to itself for too long.
    pub fn sign_out(&self, token: &str) -> Result<()> {
        let hash = secret::hash(token);
        let Some(grant) = self.store.grant(&hash, TokenKind::Access)? else { return Ok(()) };
        let client = self.store.client_numbered(grant.client)?.map(|client| client.client_id);
        let user = match grant.user {
            Some(user) => self.store.user_numbered(user)?.map(|user| user.app_user_id),
            None => None,
        };
        self.store.end_token(&hash, (client.as_deref(), user.as_deref()))
    }

    /// Checks a token of the operator.
    ///
    /// # Errors
    /// `Unauthorized` for anything else; where the store cannot be read.
    pub fn authenticate_operator(&self, token: &str) -> Result<()> {
        if self.store.is_operator_token(&secret::hash(token))? {
            return Ok(());
        }
        let what = "the token is not one of the operator, or has expired";
        Err(Error::new(Kind::Unauthorized, what))
    }
}
