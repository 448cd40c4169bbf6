//! What the operator does: clients registered, their credentials changed, tokens for demos.

use std::time::Duration;

use super::fetch::check_url;
use super::grant::{ACCESS, BACKEND, Tokens, access_token};
use super::keys::{self, KeySet};
use super::scope::{ONEUP, Scope};
use super::secret;
use crate::error::{Error, Kind, Result};
use crate::random;
use crate::store::{Client, Credentials, Store, User};

/// A secret that was chosen, not made here, must have so many characters: it is kept as a plain hash.
const SHORTEST: usize = 20;

/// By what a client is to show who it is.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A secret that is made.
    NewSecret,
    /// This secret.
    Secret(String),
    /// These keys, a JWKS.
    Jwks(String),
    /// The keys at this URL.
    JwksUrl(String),
    /// A pair of keys that is made.
    NewKey,
}

/// A client with its new credentials.
pub struct NewClient {
    /// The client.
    pub client: Client,
    /// Its secret, shown now and never again.
    pub secret: Option<String>,
    /// Its private key as PEM, which is kept nowhere here.
    pub private_key: Option<String>,
}

/// Registers a client, under a name that is made where none is given.
///
/// # Errors
/// Those of [`Registration::new`]; `Usage` where the name is taken; `ReadOnly`, `Busy`.
pub fn register(
    store: &Store,
    client_id: Option<&str>,
    proof: &Proof,
    scope: Option<&str>,
) -> Result<NewClient> {
    Registration::new(client_id, proof, scope)?.add_to(store)
}

/// A client that could be registered.
pub struct Registration {
    client_id: String,
    credentials: Credentials,
    secret: Option<String>,
    private_key: Option<String>,
}

impl Registration {
    /// Of a client of this name, or of one that is made.
    ///
    /// # Errors
    /// `Usage`, saying what is wrong with the name, the keys or the scope.
    pub fn new(
        client_id: Option<&str>,
        proof: &Proof,
        scope: Option<&str>,
    ) -> Result<Registration> {
        let client_id = match client_id {
            Some(client_id) => client_id.to_owned(),
            None => random::hex::<16>()?,
        };
        check_client_id(&client_id)?;
        let mut credentials = Credentials::default();
        let (secret, private_key) = prove(&mut credentials, Some(proof), scope)?;
        Ok(Registration { client_id, credentials, secret, private_key })
    }

    /// Registers it.
    ///
    /// # Errors
    /// `Usage` where the name is taken; `ReadOnly`, `Busy`.
    pub fn add_to(self, store: &Store) -> Result<NewClient> {
        let Registration { client_id, credentials, secret, private_key } = self;
        let client = store.add_client(&client_id, &credentials)?;
        Ok(NewClient { client, secret, private_key })
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

/// How a client's credentials change.
#[derive(Clone, Debug, Default)]
pub struct ClientChange {
    /// What takes the place of that of its kind, a secret or keys; the other kind stays.
    pub proof: Option<Proof>,
    /// What may be read with keys from now on.
    pub scope: Option<String>,
    /// Whether the secret ends.
    pub no_secret: bool,
    /// Whether the keys end.
    pub no_keys: bool,
}

/// Gives a client another secret, or other keys. Without saying which, one that has only a secret gets
/// another. Its codes and tokens end.
///
/// # Errors
/// `NotFound` where there is no such client, `Usage` where it is not clear what is to change or nothing
/// would be left, else as [`register`].
pub fn rotate(store: &Store, client_id: &str, change: &ClientChange) -> Result<NewClient> {
    let mut client = known(store, client_id)?;
    let proof = match &change.proof {
        Some(proof) => Some(proof.clone()),
        None if change.no_secret || change.no_keys || change.scope.is_some() => None,
        None if client.credentials.has_keys() => {
            let what = "the client has keys; say what is to change: --new-key, --jwks, --jwks-url, --new-secret, \
                        --secret-file, --scope, --no-keys or --no-secret";
            return Err(usage(what));
        }
        None => Some(Proof::NewSecret),
    };
    if change.no_secret {
        client.credentials.secret_hash = None;
    }
    if change.no_keys {
        let secret_hash = client.credentials.secret_hash.take();
        client.credentials = Credentials { secret_hash, ..Credentials::default() };
    }
    let (secret, private_key) =
        prove(&mut client.credentials, proof.as_ref(), change.scope.as_deref())?;
    if client.credentials.secret_hash.is_none() && !client.credentials.has_keys() {
        return Err(usage(
            "the client would have neither secret nor keys; `client remove` removes it",
        ));
    }
    store.change_client(client.id, &client.credentials)?;
    Ok(NewClient { client, secret, private_key })
}

/// A registered client.
///
/// # Errors
/// `NotFound` where there is none of that name.
pub fn known(store: &Store, client_id: &str) -> Result<Client> {
    store.client(client_id)?.ok_or_else(|| {
        let what = format!(
            "there is no client {client_id:?}; `fhirlite client list {}` shows those that there are",
            store.path().display()
        );
        Error::new(Kind::NotFound, what)
    })
}

/// Makes a user of a client.
///
/// # Errors
/// `Usage` where there is one of that name, or it cannot be one; `ReadOnly`, `Busy`.
pub fn add_user(store: &Store, client: &Client, app_user_id: &str) -> Result<User> {
    super::users::check_name(app_user_id).map_err(|error| usage(error.to_string()))?;
    store.add_user(client.id, app_user_id)?.ok_or_else(|| {
        usage(format!("client {:?} has a user {app_user_id:?} already", client.client_id))
    })
}

/// Issues an access token without asking for anything: for a user, or for the client itself.
///
/// # Errors
/// `Usage` for a scope that it cannot have; `ReadOnly`, `Busy`.
pub fn issue(
    store: &Store,
    client: &Client,
    user: Option<&User>,
    scope: Option<&str>,
    ttl: Option<Duration>,
) -> Result<Tokens> {
    let registered = client.credentials.scope.as_deref();
    let (scope, usual) = match (user, registered, scope) {
        (None, Some(registered), asked) => {
            let whole = Scope::parse(registered).map_err(usage)?;
            (whole.grant(asked.unwrap_or(registered)).map_err(usage)?, BACKEND)
        }
        (_, _, Some(_)) => {
            return Err(usage(
                "--scope is for clients with keys: others read all that is their users'",
            ));
        }
        (_, _, None) => (ONEUP.to_owned(), ACCESS),
    };
    if user.is_some_and(|user| !user.active) {
        return Err(usage("this user is not active"));
    }
    access_token(store, client, user.map(|user| user.id), &scope, ttl.unwrap_or(usual))
}

fn usage(what: impl Into<String>) -> Error {
    Error::new(Kind::Usage, what)
}

/// Puts a proof into credentials; what of it is to be shown now.
fn prove(
    credentials: &mut Credentials,
    proof: Option<&Proof>,
    scope: Option<&str>,
) -> Result<(Option<String>, Option<String>)> {
    let mut shown = (None, None);
    match proof {
        None => {}
        Some(Proof::NewSecret) => {
            let secret = secret::token()?;
            credentials.secret_hash = Some(secret::hash(&secret).to_vec());
            shown.0 = Some(secret);
        }
        Some(Proof::Secret(secret)) => {
            if secret.chars().count() < SHORTEST || !secret.bytes().all(|b| b.is_ascii_graphic()) {
                let what = format!(
                    "a secret of your own should have {SHORTEST} or more plain characters without blanks; without one fhirlite makes it"
                );
                return Err(usage(what));
            }
            credentials.secret_hash = Some(secret::hash(secret).to_vec());
        }
        Some(Proof::Jwks(jwks)) => {
            KeySet::parse(jwks).and_then(|keys| keys.check()).map_err(usage)?;
            (credentials.jwks, credentials.jwks_url) = (Some(jwks.clone()), None);
        }
        Some(Proof::JwksUrl(url)) => {
            check_url(url).map_err(usage)?;
            (credentials.jwks, credentials.jwks_url) = (None, Some(url.clone()));
        }
        Some(Proof::NewKey) => {
            let (private, public) = keys::make()?;
            (credentials.jwks, credentials.jwks_url) = (Some(public), None);
            shown.1 = Some(private);
        }
    }
    match (credentials.has_keys(), scope) {
        (true, Some(scope)) => {
            Scope::parse(scope).map_err(usage)?;
            let words: Vec<&str> = scope.split_whitespace().collect();
            credentials.scope = Some(words.join(" "));
        }
        (true, None) if credentials.scope.is_none() => {
            return Err(usage("say what the client may read: --scope 'system/*.rs' is everything"));
        }
        (false, Some(_)) => {
            return Err(usage("--scope goes with keys (--jwks, --jwks-url or --new-key)"));
        }
        _ => {}
    }
    Ok(shown)
}

/// The names of a client's keys, or where they are; `None` where it has none.
pub fn keys_of(client: &Client) -> Option<String> {
    if let Some(url) = &client.credentials.jwks_url {
        return Some(url.clone());
    }
    let keys = KeySet::parse(client.credentials.jwks.as_deref()?).ok()?;
    Some(keys.names().join(" "))
}
