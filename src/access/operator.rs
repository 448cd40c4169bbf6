//! The operator's commands: register clients, change their credentials, add users, issue tokens for demos.

use std::time::Duration;

use super::grant::{BACKEND_LIFETIME, TokenResponse, USER_LIFETIME, issue_access_token};
use super::jwks_url::check_url;
use super::key_pair::NewKeyPair;
use super::keys::KeySet;
use super::scope::{ONEUP, Scopes};
use super::secret;
use crate::error::{Error, Kind, Result};
use crate::random;
use crate::store::{Actor, Client, Credentials, NewToken, Store, TokenKind, User};

/// The fewest characters of a secret that the operator chooses: the store keeps a plain hash of it.
const SHORTEST_SECRET: usize = 20;

/// How a client authenticates.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// With a new random secret.
    NewSecret,
    /// With this secret.
    Secret(String),
    /// With the private halves of these public keys, a JSON Web Key Set.
    Jwks(String),
    /// With the private halves of the public keys at this URL.
    JwksUrl(String),
    /// With a new pair of keys.
    NewKey,
}

/// A client with its new credentials.
#[non_exhaustive]
pub struct NewClient {
    /// The client.
    pub client: Client,
    /// The new secret. The store keeps only its hash.
    pub secret: Option<String>,
    /// The new private key as PEM. The store does not keep it.
    pub private_key: Option<String>,
    /// The same key as a JSON Web Key.
    pub private_jwk: Option<String>,
}

/// Registers a client. Without a `client_id` it gets a random one.
///
/// # Errors
/// Those of [`Registration::new`]; `Usage` where the `client_id` is taken; `ReadOnly`, `Busy`.
pub fn register(
    store: &Store,
    client_id: Option<&str>,
    authentication: &ClientAuthentication,
    scope: Option<&str>,
) -> Result<NewClient> {
    Registration::new(client_id, authentication, scope)?.add_to(store)
}

/// A checked client that is not in a store yet.
pub struct Registration {
    client_id: String,
    credentials: Credentials,
    made: MadeCredentials,
}

/// The credentials that were made here, which the operator sees once.
#[derive(Default)]
struct MadeCredentials {
    secret: Option<String>,
    private_key: Option<String>,
    private_jwk: Option<String>,
}

impl MadeCredentials {
    fn of(self, client: Client) -> NewClient {
        let MadeCredentials { secret, private_key, private_jwk } = self;
        NewClient { client, secret, private_key, private_jwk }
    }
}

impl Registration {
    /// Checks a client's name, keys and scope, and makes what is missing.
    ///
    /// # Errors
    /// `Usage`, saying what is wrong with the name, the keys or the scope.
    pub fn new(
        client_id: Option<&str>,
        authentication: &ClientAuthentication,
        scope: Option<&str>,
    ) -> Result<Registration> {
        let client_id = match client_id {
            Some(client_id) => client_id.to_owned(),
            None => random::hex::<16>()?,
        };
        check_client_id(&client_id)?;
        Registration::named(client_id, authentication, scope)
    }

    /// Checks a client whose name is a token of another server, as long as that may be.
    ///
    /// # Errors
    /// As [`Registration::new`], but for the name.
    pub fn of_token(
        token: &str,
        authentication: &ClientAuthentication,
        scope: &str,
    ) -> Result<Registration> {
        Registration::named(token.to_owned(), authentication, Some(scope))
    }

    fn named(
        client_id: String,
        authentication: &ClientAuthentication,
        scope: Option<&str>,
    ) -> Result<Registration> {
        let mut credentials = Credentials::default();
        let made = set_authentication(&mut credentials, authentication)?;
        set_scope(&mut credentials, scope)?;
        Ok(Registration { client_id, credentials, made })
    }

    /// Adds the client to `store`.
    ///
    /// # Errors
    /// `Usage` where the name is taken; `ReadOnly`, `Busy`.
    pub fn add_to(self, store: &Store) -> Result<NewClient> {
        let client = store.add_client(&self.client_id, &self.credentials)?;
        Ok(self.made.of(client))
    }
}

fn check_client_id(client_id: &str) -> Result<()> {
    let is_plain = |b: u8| b.is_ascii_graphic() && !b"\",\\".contains(&b);
    if client_id.is_empty() || client_id.len() > 255 || !client_id.bytes().all(is_plain) {
        let what = "a client_id should have 1 to 255 plain characters, no blanks, commas or quotes";
        return Err(usage(what));
    }
    Ok(())
}

/// Changes to a client's credentials; the default changes nothing.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ClientChange {
    /// Replaces the secret, or the keys. The other kind stays.
    pub authentication: Option<ClientAuthentication>,
    /// Replaces the scopes that the keys may be granted.
    pub scope: Option<String>,
    /// Removes the secret.
    pub no_secret: bool,
    /// Removes the keys and the scopes.
    pub no_keys: bool,
}

/// Changes a client's credentials; its codes and tokens end. A `change` that changes nothing gives a new
/// secret to a client without keys.
///
/// # Errors
/// `NotFound` where there is no such client; `Usage` where `change` does not say what should change, or
/// would leave no credentials; else as [`register`].
pub fn rotate(store: &Store, client_id: &str, change: &ClientChange) -> Result<NewClient> {
    let mut client = find_client(store, client_id)?;
    let authentication = match &change.authentication {
        Some(authentication) => Some(authentication.clone()),
        None if change.no_secret || change.no_keys || change.scope.is_some() => None,
        None if client.credentials.has_keys() => {
            let what = "the client has keys; say what should change: --new-key, --jwks, --jwks-url, --new-secret, \
                        --secret-file, --scope, --no-keys or --no-secret";
            return Err(usage(what));
        }
        None => Some(ClientAuthentication::NewSecret),
    };
    if change.no_secret {
        client.credentials.secret_hash = None;
    }
    if change.no_keys {
        let secret_hash = client.credentials.secret_hash.take();
        client.credentials = Credentials { secret_hash, ..Credentials::default() };
    }
    let made = match &authentication {
        Some(authentication) => set_authentication(&mut client.credentials, authentication)?,
        None => MadeCredentials::default(),
    };
    set_scope(&mut client.credentials, change.scope.as_deref())?;
    if client.credentials.secret_hash.is_none() && !client.credentials.has_keys() {
        return Err(usage(
            "the client would have neither secret nor keys; `client remove` removes it",
        ));
    }
    store.change_client(client.id, &client.credentials)?;
    Ok(made.of(client))
}

/// Finds a registered client.
///
/// # Errors
/// `NotFound` where there is none of that name.
pub fn find_client(store: &Store, client_id: &str) -> Result<Client> {
    store.client(client_id)?.ok_or_else(|| {
        let what = format!(
            "there is no client {client_id:?}; `fhirlite client list {}` lists the clients",
            store.path().display()
        );
        Error::new(Kind::NotFound, what)
    })
}

/// Adds a user to a client.
///
/// # Errors
/// `Usage` where the name is taken or not allowed; `ReadOnly`, `Busy`.
pub fn add_user(store: &Store, client: &Client, app_user_id: &str) -> Result<User> {
    super::users::check_name(app_user_id).map_err(|error| usage(error.to_string()))?;
    store.add_user(client.id, app_user_id, Actor::Operator)?.ok_or_else(|| {
        usage(format!("client {:?} has a user {app_user_id:?} already", client.client_id))
    })
}

/// Activates or deactivates a user. When a user becomes inactive, their codes and tokens end.
///
/// # Errors
/// `ReadOnly`, `Busy`.
pub fn set_user_active(store: &Store, user: &User, active: bool) -> Result<()> {
    store.change_user(user.id, None, Some(active), Actor::Operator).map(drop)
}

/// Issues an access token without credentials: for a user, or for the client itself.
///
/// `lifetime` defaults to that of the token endpoint.
///
/// # Errors
/// `Usage` for a scope that cannot be granted, or an inactive user; `ReadOnly`, `Busy`.
pub fn issue_token(
    store: &Store,
    client: &Client,
    user: Option<&User>,
    scope: Option<&str>,
    lifetime: Option<Duration>,
) -> Result<TokenResponse> {
    let registered = client.credentials.scope.as_deref();
    let (scope, usual) = match (user, registered, scope) {
        (None, Some(registered), requested) => {
            let all = Scopes::parse(registered).map_err(usage)?;
            (all.grant(requested.unwrap_or(registered)).map_err(usage)?, BACKEND_LIFETIME)
        }
        (_, _, Some(_)) => {
            return Err(usage(
                "--scope is for clients with keys: others read all resources of their users",
            ));
        }
        (_, _, None) => (ONEUP.to_owned(), USER_LIFETIME),
    };
    if user.is_some_and(|user| !user.active) {
        return Err(usage("this user is not active"));
    }
    let user = user.map(|user| user.id);
    issue_access_token(store, client, user, &scope, lifetime.unwrap_or(usual), Actor::Operator)
}

/// How long a token of the operator is valid, where nothing else is said.
const OPERATOR_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Issues a token of the operator: it proves to a server's page that who has it may write the store. It gives no
/// resources.
///
/// # Errors
/// `ReadOnly`, `Busy`.
pub fn issue_operator_token(store: &Store, lifetime: Option<Duration>) -> Result<TokenResponse> {
    let lifetime = lifetime.unwrap_or(OPERATOR_LIFETIME);
    let access_token = secret::token()?;
    let expires_at = store.now().later(lifetime);
    let (hash, kind) = (secret::hash(&access_token), TokenKind::Access);
    store.add_operator_token(&NewToken { hash, kind, expires_at })?;
    Ok(TokenResponse {
        refresh_token: None,
        token_type: "bearer",
        access_token,
        expires_in: lifetime.as_secs(),
        scope: "operator".to_owned(),
    })
}

/// The names of a client's keys, or their URL; `None` for a client without keys.
pub fn describe_keys(client: &Client) -> Option<String> {
    if let Some(url) = &client.credentials.jwks_url {
        return Some(url.clone());
    }
    let keys = KeySet::parse(client.credentials.jwks.as_deref()?).ok()?;
    Some(keys.names().join(" "))
}

/// Replaces the secret or the keys in `credentials`.
fn set_authentication(
    credentials: &mut Credentials,
    authentication: &ClientAuthentication,
) -> Result<MadeCredentials> {
    let mut made = MadeCredentials::default();
    match authentication {
        ClientAuthentication::NewSecret => {
            let secret = secret::token()?;
            credentials.secret_hash = Some(secret::hash(&secret).to_vec());
            made.secret = Some(secret);
        }
        ClientAuthentication::Secret(secret) => {
            check_secret(secret)?;
            credentials.secret_hash = Some(secret::hash(secret).to_vec());
        }
        ClientAuthentication::Jwks(jwks) => {
            KeySet::parse(jwks).and_then(|keys| keys.check()).map_err(usage)?;
            (credentials.jwks, credentials.jwks_url) = (Some(jwks.clone()), None);
        }
        ClientAuthentication::JwksUrl(url) => {
            check_url(url).map_err(usage)?;
            (credentials.jwks, credentials.jwks_url) = (None, Some(url.clone()));
        }
        ClientAuthentication::NewKey => {
            let NewKeyPair { pem, jwk, jwks } = NewKeyPair::make()?;
            (credentials.jwks, credentials.jwks_url) = (Some(jwks), None);
            (made.private_key, made.private_jwk) = (Some(pem), Some(jwk));
        }
    }
    Ok(made)
}

fn check_secret(secret: &str) -> Result<()> {
    let is_plain = secret.bytes().all(|b| b.is_ascii_graphic());
    if is_plain && secret.chars().count() >= SHORTEST_SECRET {
        return Ok(());
    }
    Err(usage(format!(
        "a secret of your own should have {SHORTEST_SECRET} or more plain characters without blanks; without one fhirlite makes it"
    )))
}

/// Replaces the scopes that the keys in `credentials` may be granted; keys need scopes, a secret has none.
fn set_scope(credentials: &mut Credentials, scope: Option<&str>) -> Result<()> {
    match (credentials.has_keys(), scope) {
        (true, Some(scope)) => {
            Scopes::parse(scope).map_err(usage)?;
            let words: Vec<&str> = scope.split_whitespace().collect();
            credentials.scope = Some(words.join(" "));
            Ok(())
        }
        (true, None) if credentials.scope.is_none() => {
            Err(usage("say what the client may read: --scope 'system/*.rs' is everything"))
        }
        (false, Some(_)) => Err(usage("--scope goes with keys (--jwks, --jwks-url or --new-key)")),
        _ => Ok(()),
    }
}

fn usage(what: impl Into<String>) -> Error {
    Error::new(Kind::Usage, what)
}
