//! Who asks, by what is shown with a request.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::fetch::Fetched;
use super::keys::KeySet;
use super::scope::{Interaction, ONEUP, Scope};
use super::secret;
use super::throttle::Throttle;
use crate::error::{Error, Kind, Log, Result};
use crate::store::{Client, Reach, Store, TokenKind, User};

/// The value of `x-oneup-user-id` for all users of a client.
const ALL_USERS: &str = "client";

/// What a request shows.
pub enum Presented {
    /// Nothing.
    Nothing,
    /// An access token.
    Bearer(String),
    /// A client's secret, and for whom it asks.
    Secret {
        /// `client_id`
        client_id: String,
        /// `client_secret`
        client_secret: String,
        /// `x-oneup-user-id`
        user: Option<String>,
    },
}

/// Somebody who may read something.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose data.
    pub reach: Reach,
    /// Which types of it.
    scope: Scope,
    /// `client_id`; `None` on an open server.
    pub client: Option<String>,
    /// `app_user_id`; `None` for the client itself.
    pub user: Option<String>,
    /// Whether the client itself asks, with its secret.
    pub has_secret: bool,
}

impl Caller {
    /// Anybody, on an open server.
    fn anybody() -> Caller {
        Caller {
            reach: Reach::Everything,
            scope: Scope::everything(),
            client: None,
            user: None,
            has_secret: false,
        }
    }

    /// Whether this may be done with a type.
    ///
    /// # Errors
    /// `Forbidden` where the scope is too narrow.
    pub fn check(&self, resource_type: &str, interaction: Interaction) -> Result<()> {
        match self.scope.allows(resource_type, interaction) {
            true => Ok(()),
            false => Err(Error::new(
                Kind::Forbidden,
                format!("the scope of the access token does not cover {resource_type} here"),
            )),
        }
    }

    /// The types that may be exported; `None` for all.
    pub fn exportable(&self) -> Option<BTreeSet<String>> {
        self.scope.exportable()
    }
}

/// Who may read what of a store.
pub struct Authority {
    pub(super) store: Store,
    /// Whether anything has to be shown at all.
    is_required: bool,
    pub(super) throttle: Throttle,
    pub(super) fetched: Fetched,
    /// Keys of nobody, to take as long for who is not known as for who is.
    pub(super) decoy: KeySet,
    pub(super) log: Log,
}

impl Authority {
    /// Of `store`, to everybody or only to who is known.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn new(store: &Store, is_required: bool, log: Log) -> Result<Authority> {
        Ok(Authority {
            store: store.clone(),
            is_required,
            throttle: Throttle::default(),
            fetched: Fetched::default(),
            decoy: KeySet::decoy()?,
            log,
        })
    }

    /// True where something has to be shown.
    pub fn is_required(&self) -> bool {
        self.is_required
    }

    /// Who asks, from `peer`.
    ///
    /// # Errors
    /// `Unauthorized` for who is not known, `Throttled` for who has failed too often, `Forbidden` for a
    /// user who is not the client's or not active, `Invalid` where it is not said for whom.
    pub fn caller(&self, shown: &Presented, peer: IpAddr) -> Result<Caller> {
        if !self.is_required {
            return Ok(Caller::anybody());
        }
        match shown {
            Presented::Nothing => Err(Error::new(
                Kind::Unauthorized,
                "who asks? Send an access token (Authorization: Bearer ...), or the headers client_id, \
                 client_secret and x-oneup-user-id",
            )),
            Presented::Bearer(token) => self.by_token(token, peer),
            Presented::Secret { client_id, client_secret, user } => {
                let client = self.client(client_id, client_secret, peer)?;
                self.for_user(client, user.as_deref())
            }
        }
    }

    fn by_token(&self, token: &str, peer: IpAddr) -> Result<Caller> {
        match self.granted(token)? {
            Some(caller) => Ok(caller),
            None => {
                self.throttle.failed(peer, "")?;
                Err(Error::new(
                    Kind::Unauthorized,
                    "the access token is not known, has expired or was revoked",
                ))
            }
        }
    }

    /// Who a token was granted to, if that still holds.
    fn granted(&self, token: &str) -> Result<Option<Caller>> {
        let Some(grant) = self.store.grant(&secret::hash(token), TokenKind::Access)? else {
            return Ok(None);
        };
        let Some(client) = self.store.client_numbered(grant.client)? else { return Ok(None) };
        if let Some(user) = grant.user {
            let user = self.store.user_numbered(user)?.filter(|user| user.active);
            return Ok(user.map(|user| of_user(client, user, false)));
        }
        let (reach, scope) = match grant.scope.as_str() {
            ONEUP => (Reach::Users(client.id), Ok(Scope::everything())),
            scope => (Reach::Client(client.id), Scope::parse(scope)),
        };
        let scope = scope.map_err(|reason| Error::new(Kind::Damaged, reason))?;
        let client = Some(client.client_id);
        Ok(Some(Caller { reach, scope, client, user: None, has_secret: false }))
    }

    /// The client of this name, if this is its secret.
    ///
    /// # Errors
    /// `Unauthorized`, without saying which of the two is wrong, and `Throttled`.
    pub fn client(&self, client_id: &str, client_secret: &str, peer: IpAddr) -> Result<Client> {
        let client = self.store.client(client_id)?;
        let hash = client.as_ref().and_then(|client| client.credentials.secret_hash.as_deref());
        let is_right = secret::is(client_secret, hash);
        match client.filter(|_| is_right) {
            Some(client) => {
                self.throttle.succeeded(peer, client_id);
                Ok(client)
            }
            None => {
                // Nobody guesses one: who has the right one need not wait for those who try.
                self.throttle.failed(peer, client_id)?;
                Err(Error::new(Kind::Unauthorized, "client_id and client_secret are not right"))
            }
        }
    }

    fn for_user(&self, client: Client, user: Option<&str>) -> Result<Caller> {
        let Some(asked) = user else {
            let what =
                "say whose data: x-oneup-user-id: client for that of all users, or a oneup_user_id";
            return Err(Error::new(Kind::Invalid, what));
        };
        if asked == ALL_USERS {
            return Ok(Caller {
                reach: Reach::Users(client.id),
                scope: Scope::everything(),
                client: Some(client.client_id),
                user: None,
                has_secret: true,
            });
        }
        let is_number = asked.bytes().all(|b| b.is_ascii_digit());
        let id = asked.parse().ok().filter(|_| is_number);
        let found = id.map(|id| self.store.users(client.id, None, Some(id))).transpose()?;
        match found.unwrap_or_default().pop() {
            Some(user) if user.active => Ok(of_user(client, user, true)),
            Some(_) => Err(Error::new(Kind::Forbidden, "this user is not active")),
            None => Err(Error::new(Kind::Forbidden, "x-oneup-user-id is no user of this client")),
        }
    }
}

fn of_user(client: Client, user: User, has_secret: bool) -> Caller {
    Caller {
        reach: Reach::User(user.id),
        scope: Scope::everything(),
        client: Some(client.client_id),
        user: Some(user.app_user_id),
        has_secret,
    }
}
