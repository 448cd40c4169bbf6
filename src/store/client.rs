//! Clients: applications that may make requests where authorization is required.

use rusqlite::{Connection, Row};

use super::audit::{Actor, note_change};
use super::handle::Store;
use super::job::end_exports;
use super::pool::PATIENCE;
use super::reach::Reach;
use super::sql::{all, maybe, one, run};
use crate::error::{Error, Kind, Result};
use crate::random;
use crate::time::Instant;

/// How a client authenticates, and what it may be granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// SHA-256 of the client's secret.
    pub secret_hash: Option<Vec<u8>>,
    /// Its public keys, a JSON Web Key Set.
    pub jwks: Option<String>,
    /// The URL of the key set, where the keys are not here.
    pub jwks_url: Option<String>,
    /// The scopes that the client may be granted with these keys.
    pub scope: Option<String>,
}

impl Credentials {
    /// True where the client can sign in with keys.
    pub fn has_keys(&self) -> bool {
        self.jwks.is_some() || self.jwks_url.is_some()
    }

    /// What the client authenticates with, in words.
    fn described(&self) -> String {
        let keys = match (&self.jwks, &self.jwks_url) {
            (_, Some(url)) => Some(format!("the keys at {url}")),
            (Some(_), None) => Some("keys".to_owned()),
            (None, None) => None,
        };
        let scope = self.scope.as_ref().map(|scope| format!("the scope {scope}"));
        let secret = self.secret_hash.as_ref().map(|_| "a secret".to_owned());
        [secret, keys, scope].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// A registered client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The client's number in the store.
    pub id: i64,
    /// Its name for itself.
    pub client_id: String,
    /// How it authenticates.
    pub credentials: Credentials,
    /// When it was registered.
    pub created_at: Instant,
}

const COLUMNS: &str = "id, client_id, secret_hash, jwks, jwks_url, scope, created_at";

fn client(row: &Row<'_>) -> rusqlite::Result<Client> {
    Ok(Client {
        id: row.get(0)?,
        client_id: row.get(1)?,
        credentials: Credentials {
            secret_hash: row.get(2)?,
            jwks: row.get(3)?,
            jwks_url: row.get(4)?,
            scope: row.get(5)?,
        },
        created_at: Instant::from_micros(row.get(6)?),
    })
}

pub(super) fn client_by_id(conn: &Connection, id: i64) -> Result<Option<Client>> {
    let sql = format!("SELECT {COLUMNS} FROM client WHERE id = ?1 AND removed_at IS NULL");
    maybe(conn, &sql, [id], client)
}

/// True if a client is unchanged since it authenticated as `known`, and its user is still active.
pub(super) fn is_unchanged(conn: &Connection, known: &Client, user: Option<i64>) -> Result<bool> {
    if client_by_id(conn, known.id)?.as_ref() != Some(known) {
        return Ok(false);
    }
    let sql = "SELECT ?1 IS NULL OR EXISTS (SELECT 1 FROM user WHERE id = ?1 AND active = 1)";
    one(conn, sql, [user], |row| row.get(0))
}

/// Draws a number that no row of a table has as its id.
pub(super) fn unused_id(conn: &Connection, table: &str) -> Result<i64> {
    loop {
        let id = random::number()?;
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE id = ?1)");
        if !one(conn, &sql, [id], |row| row.get(0))? {
            return Ok(id);
        }
    }
}

impl Store {
    /// Registers a client.
    ///
    /// # Errors
    /// `Usage` where a client has, or had, that name; `ReadOnly`, `Busy`, or where the disk refuses.
    pub(crate) fn add_client(&self, client_id: &str, credentials: &Credentials) -> Result<Client> {
        let now = self.now();
        let id = self.transaction(|conn| {
            let sql = "SELECT EXISTS (SELECT 1 FROM client WHERE client_id = ?1)";
            if one(conn, sql, [client_id], |row| row.get(0))? {
                let what = format!(
                    "client {client_id:?} is there already, or was and is removed; choose another --client-id"
                );
                return Err(Error::new(Kind::Usage, what));
            }
            let Credentials { secret_hash, jwks, jwks_url, scope } = credentials;
            let sql = "INSERT INTO client (id, client_id, secret_hash, jwks, jwks_url, scope,
                                           created_at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let id = unused_id(conn, "client")?;
            run(conn, sql, (id, client_id, secret_hash, jwks, jwks_url, scope, now.micros()))?;
            let what = format!("registered the client, with {}", credentials.described());
            note_change(conn, now, "client", (Some(client_id), None), Actor::Operator, &what)?;
            Ok(id)
        })?;
        let (client_id, credentials) = (client_id.to_owned(), credentials.clone());
        Ok(Client { id, client_id, credentials, created_at: now })
    }

    /// Finds a client by its name.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn client(&self, client_id: &str) -> Result<Option<Client>> {
        let sql =
            format!("SELECT {COLUMNS} FROM client WHERE client_id = ?1 AND removed_at IS NULL");
        maybe(&*self.reader()?, &sql, [client_id], client)
    }

    /// Finds a client by its number.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn client_numbered(&self, id: i64) -> Result<Option<Client>> {
        client_by_id(&*self.reader()?, id)
    }

    /// Lists all clients, in the order of their registration.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn clients(&self) -> Result<Vec<Client>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM client WHERE removed_at IS NULL ORDER BY created_at, client_id"
        );
        all(&*self.reader()?, &sql, (), client)
    }

    /// Gives a client other credentials. The codes and tokens issued for the old ones end.
    ///
    /// # Errors
    /// As `Store::add_client`.
    pub(crate) fn change_client(&self, id: i64, credentials: &Credentials) -> Result<()> {
        let Credentials { secret_hash, jwks, jwks_url, scope } = credentials;
        // A revocation must not fail because an import is going on.
        self.transaction_within(PATIENCE, |conn| {
            let sql = "UPDATE client SET secret_hash = ?2, jwks = ?3, jwks_url = ?4, scope = ?5
                        WHERE id = ?1";
            run(conn, sql, (id, secret_hash, jwks, jwks_url, scope))?;
            run(conn, "DELETE FROM token WHERE client = ?1", [id])?;
            let client_id = client_by_id(conn, id)?.map(|client| client.client_id);
            let what = format!(
                "replaced the credentials and ended the tokens; now the client has {}",
                credentials.described()
            );
            let about = (client_id.as_deref(), None);
            note_change(conn, self.now(), "client", about, Actor::Operator, &what)
        })
    }

    /// Removes a client, with its codes, tokens and exports. The resources of its users stay, but
    /// nobody can read them. Returns the number of those users.
    ///
    /// # Errors
    /// As `Store::add_client`.
    pub fn remove_client(&self, id: i64) -> Result<usize> {
        let now = self.now();
        self.transaction_within(PATIENCE, |conn| {
            let client_id = client_by_id(conn, id)?.map(|client| client.client_id);
            let about = (client_id.as_deref(), None);
            note_change(conn, now, "client", about, Actor::Operator, "removed the client")?;
            run(conn, "UPDATE client SET removed_at = ?2 WHERE id = ?1", (id, now.micros()))?;
            run(conn, "DELETE FROM token WHERE client = ?1", [id])?;
            let sql = "SELECT id FROM user WHERE client = ?1";
            let users: Vec<i64> = all(conn, sql, [id], |row| row.get(0))?;
            for user in &users {
                end_exports(conn, Reach::User(*user))?;
            }
            end_exports(conn, Reach::Users(id))?;
            end_exports(conn, Reach::Client(id))?;
            run(conn, "UPDATE user SET active = 0 WHERE client = ?1", [id])?;
            Ok(users.len())
        })
    }
}
