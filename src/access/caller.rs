//! Who makes a request, as its credentials prove: [`Authority`] turns [`Presented`] into a [`Caller`].

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::address_block::AddressBlock;
use super::audit::Audit;
use super::jwks_url::PublishedKeys;
use super::keys::KeySet;
use super::refusals::RefusedCredential;
use super::scope::{Interaction, METRICS, ONEUP, Scopes};
use super::secret;
use super::throttle::{MOST_KNOWN, Throttle};
use crate::error::{Error, Kind, Log, Result};
use crate::store::{AuditEvent, Client, Reach, Store, TokenKind, User};

/// What the audit says of the first success of a client from a block of addresses, before that block.
const SIGN_IN: &str = "first secret accepted from ";

/// The value of `x-oneup-user-id` for all users of a client.
const ALL_USERS: &str = "client";

/// The credentials in a request.
pub enum Presented {
    /// None.
    Nothing,
    /// An access token.
    Bearer(String),
    /// A client's secret, and the user whose data it asks for.
    Secret {
        /// `client_id`
        client_id: String,
        /// `client_secret`
        client_secret: String,
        /// `x-oneup-user-id`
        user: Option<String>,
    },
}

/// An authenticated client or user, and what they may read.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose resources the caller may read.
    pub reach: Reach,
    /// Which types the caller may read.
    scopes: Scopes,
    /// `client_id`; `None` on an open server.
    pub client: Option<String>,
    /// `app_user_id`; `None` for the client itself.
    pub user: Option<String>,
    /// True if the client authenticated with its secret, not with a token.
    pub has_secret: bool,
}

impl Caller {
    /// The caller on an open server, who may read everything.
    fn anybody() -> Caller {
        Caller {
            reach: Reach::Everything,
            scopes: Scopes::everything(),
            client: None,
            user: None,
            has_secret: false,
        }
    }

    /// Checks that the caller may do `interaction` with a type.
    ///
    /// # Errors
    /// `Forbidden` where the scopes do not cover it.
    pub fn check(&self, resource_type: &str, interaction: Interaction) -> Result<()> {
        if self.scopes.allow(resource_type, interaction) {
            return Ok(());
        }
        Err(Error::new(
            Kind::Forbidden,
            format!("the scope of the access token does not cover {resource_type} here"),
        ))
    }

    /// The types that the caller may search; `None` for all.
    pub fn searchable(&self) -> Option<BTreeSet<String>> {
        self.scopes.types_for(Interaction::Search)
    }

    /// The types that the caller may export; `None` for all.
    pub fn exportable(&self) -> Option<BTreeSet<String>> {
        self.scopes.types_for(Interaction::Export)
    }
}

/// Authenticates requests to a store, and issues its access tokens.
pub struct Authority {
    pub(super) store: Store,
    is_required: bool,
    throttle: Throttle,
    pub(super) published: PublishedKeys,
    /// Decoy keys: they take equal time and never verify.
    pub(super) decoy: KeySet,
    pub(super) log: Log,
    /// Where sign-ins and refusals are noted.
    audit: Option<Arc<Audit>>,
}

impl Authority {
    /// An authority for `store`. Without an audit the server is open.
    ///
    /// # Errors
    /// `Internal` where the system has no randomness; where the store cannot be read.
    pub fn new(store: &Store, audit: Option<Arc<Audit>>, log: Log) -> Result<Authority> {
        let throttle = Throttle::default();
        if audit.is_some() {
            for (client, text) in store.sign_ins(MOST_KNOWN)?.iter().rev() {
                if let Some(block) = text.strip_prefix(SIGN_IN).and_then(|block| block.parse().ok())
                {
                    throttle.remember(client, block);
                }
            }
        }
        Ok(Authority {
            store: store.clone(),
            is_required: audit.is_some(),
            audit,
            throttle,
            published: PublishedKeys::default(),
            decoy: KeySet::decoy()?,
            log,
        })
    }

    /// True if requests must be authenticated.
    pub fn is_required(&self) -> bool {
        self.is_required
    }

    /// Authenticates a request that came from `peer`.
    ///
    /// # Errors
    /// `Unauthorized` for missing or wrong credentials, `Throttled` after too many wrong secrets,
    /// `Forbidden` for a user who is inactive or another client's, `Invalid` where the request names no
    /// user.
    pub fn authenticate(&self, presented: &Presented, peer: IpAddr) -> Result<Caller> {
        if !self.is_required {
            return Ok(Caller::anybody());
        }
        match presented {
            Presented::Nothing => Err(Error::new(
                Kind::Unauthorized,
                "who asks? Send an access token (Authorization: Bearer ...), or the headers client_id, \
                 client_secret and x-oneup-user-id",
            )),
            Presented::Bearer(token) => {
                let caller = self.authenticate_token(token, peer)?;
                if caller.scopes.give_no_data() {
                    let what =
                        "the scope of the access token covers /metrics alone, and no resources";
                    return Err(Error::new(Kind::Forbidden, what));
                }
                Ok(caller)
            }
            Presented::Secret { client_id, client_secret, user } => {
                let client = self.authenticate_client(client_id, client_secret, peer)?;
                self.for_user(client, user.as_deref())
            }
        }
    }

    /// Authenticates a request for the metrics, also on an open server.
    ///
    /// # Errors
    /// Those of [`Authority::authenticate`]; `Forbidden` for a token without the scope for metrics.
    pub fn authenticate_for_metrics(&self, presented: &Presented, peer: IpAddr) -> Result<()> {
        let Presented::Bearer(token) = presented else {
            let what = format!(
                "metrics need an access token with the scope {METRICS}, unless a program on this machine asks directly"
            );
            return Err(Error::new(Kind::Unauthorized, what));
        };
        if self.authenticate_token(token, peer)?.scopes.allow_metrics() {
            return Ok(());
        }
        let what = format!("the scope of the access token does not cover {METRICS}");
        Err(Error::new(Kind::Forbidden, what))
    }

    fn authenticate_token(&self, token: &str, peer: IpAddr) -> Result<Caller> {
        self.bearer_of(token)?.ok_or_else(|| {
            self.note_refusal(None, peer, RefusedCredential::AccessToken);
            let what = "the access token is not known, has expired or was revoked";
            Error::new(Kind::Unauthorized, what)
        })
    }

    /// The caller that `token` was granted to, if the grant is still valid.
    fn bearer_of(&self, token: &str) -> Result<Option<Caller>> {
        let Some(grant) = self.store.grant(&secret::hash(token), TokenKind::Access)? else {
            return Ok(None);
        };
        let Some(client) = self.store.client_numbered(grant.client)? else { return Ok(None) };
        if let Some(user) = grant.user {
            let user = self.store.user_numbered(user)?.filter(|user| user.active);
            return Ok(user.map(|user| for_one_user(client, user, false)));
        }
        let (reach, scopes) = match grant.scope.as_str() {
            ONEUP => (Reach::Users(client.id), Ok(Scopes::everything())),
            scopes => (Reach::Client(client.id), Scopes::parse(scopes)),
        };
        let scopes = scopes.map_err(|reason| Error::new(Kind::Damaged, reason))?;
        let client = Some(client.client_id);
        Ok(Some(Caller { reach, scopes, client, user: None, has_secret: false }))
    }

    /// Authenticates a client by its secret.
    ///
    /// # Errors
    /// `Unauthorized`, which does not say which of the two is wrong, and `Throttled`.
    pub fn authenticate_client(
        &self,
        client_id: &str,
        client_secret: &str,
        peer: IpAddr,
    ) -> Result<Client> {
        let attempt = self.throttle.begin(peer, client_id).inspect_err(|_| {
            self.note_refusal(Some(client_id), peer, RefusedCredential::Unchecked);
        })?;
        let client = self.store.client(client_id)?;
        let hash = client.as_ref().and_then(|client| client.credentials.secret_hash.as_deref());
        let is_right = secret::matches(client_secret, hash);
        match client.filter(|_| is_right) {
            Some(client) => {
                if let Some(block) = attempt.succeeded() {
                    self.note_sign_in(&client, block);
                }
                Ok(client)
            }
            None => {
                self.note_refusal(Some(client_id), peer, RefusedCredential::Secret);
                Err(attempt.failed())
            }
        }
    }

    /// Counts refused credentials for the audit.
    pub(super) fn note_refusal(&self, name: Option<&str>, peer: IpAddr, what: RefusedCredential) {
        if let Some(audit) = &self.audit {
            audit.note_refusal(name, peer, what);
        }
    }

    /// Notes that a client signed in from a block of addresses where it was not known. The next start reads it.
    fn note_sign_in(&self, client: &Client, block: AddressBlock) {
        if let Some(audit) = &self.audit {
            audit.note_if_room(AuditEvent {
                at: self.store.now(),
                event: "sign-in",
                client: Some(client.client_id.clone()),
                request: format!("{SIGN_IN}{block}"),
                whole: true,
                ..AuditEvent::default()
            });
        }
    }

    /// The caller for a client with its secret and the `x-oneup-user-id` that it sent.
    fn for_user(&self, client: Client, user: Option<&str>) -> Result<Caller> {
        let Some(user) = user else {
            let what =
                "say whose data: x-oneup-user-id: client for that of all users, or a oneup_user_id";
            return Err(Error::new(Kind::Invalid, what));
        };
        if user == ALL_USERS {
            return Ok(Caller {
                reach: Reach::Users(client.id),
                scopes: Scopes::everything(),
                client: Some(client.client_id),
                user: None,
                has_secret: true,
            });
        }
        let is_number = user.bytes().all(|b| b.is_ascii_digit());
        let id = user.parse().ok().filter(|_| is_number);
        let found = id.map(|id| self.store.users(client.id, None, Some(id))).transpose()?;
        match found.unwrap_or_default().pop() {
            Some(user) if user.active => Ok(for_one_user(client, user, true)),
            Some(_) => Err(Error::new(Kind::Forbidden, "this user is not active")),
            None => Err(Error::new(Kind::Forbidden, "x-oneup-user-id is no user of this client")),
        }
    }
}

fn for_one_user(client: Client, user: User, has_secret: bool) -> Caller {
    Caller {
        reach: Reach::User(user.id),
        scopes: Scopes::everything(),
        client: Some(client.client_id),
        user: Some(user.app_user_id),
        has_secret,
    }
}
