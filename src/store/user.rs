//! Users of clients: they own resources, and clients make requests for them.

use rusqlite::{Connection, Row};

use super::audit::{Actor, note_change};
use super::client::{client_by_id, unused_id};
use super::handle::Store;
use super::job::end_exports;
use super::pool::PATIENCE;
use super::reach::Reach;
use super::sql::{all, maybe, one, run};
use crate::error::{Error, Kind, Result};
use crate::time::Instant;

/// A user of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `oneup_user_id`.
    pub id: i64,
    /// The number of the client.
    pub client: i64,
    /// The client's name for the user.
    pub app_user_id: String,
    /// Whether clients can read the user's resources.
    pub active: bool,
}

const COLUMNS: &str = "user.id, client, app_user_id, active";

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User { id: row.get(0)?, client: row.get(1)?, app_user_id: row.get(2)?, active: row.get(3)? })
}

impl Store {
    /// Adds a user; `None` where the client has one of that name. The audit says who did it.
    ///
    /// # Errors
    /// `ReadOnly`, `Busy`, or where the disk refuses.
    pub(crate) fn add_user(
        &self,
        client: i64,
        app_user_id: &str,
        by: Actor,
    ) -> Result<Option<User>> {
        let now = self.now();
        let id = self.transaction(|conn| {
            let id = unused_id(conn, "user")?;
            let sql = "INSERT INTO user (id, client, app_user_id, active, created_at)
                       VALUES (?1, ?2, ?3, 1, ?4)
                       ON CONFLICT (client, app_user_id) DO NOTHING";
            if run(conn, sql, (id, client, app_user_id, now.micros()))? == 0 {
                return Ok(None);
            }
            note_about(conn, now, (client, app_user_id), by, &format!("added the user, as {id}"))?;
            Ok(Some(id))
        })?;
        let app_user_id = app_user_id.to_owned();
        Ok(id.map(|id| User { id, client, app_user_id, active: true }))
    }

    /// Lists the users of a client, optionally only those with this name or this `oneup_user_id`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn users(
        &self,
        client: i64,
        app_user_id: Option<&str>,
        oneup_user_id: Option<i64>,
    ) -> Result<Vec<User>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM user WHERE client = ?1 AND (?2 IS NULL OR app_user_id = ?2)
                AND (?3 IS NULL OR id = ?3) ORDER BY created_at, id"
        );
        all(&*self.reader()?, &sql, (client, app_user_id, oneup_user_id), user)
    }

    /// Finds a user by `oneup_user_id`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn user_numbered(&self, id: i64) -> Result<Option<User>> {
        let sql = format!("SELECT {COLUMNS} FROM user WHERE id = ?1");
        maybe(&*self.reader()?, &sql, [id], user)
    }

    /// Finds the one user of this name, of the named client or of any client.
    ///
    /// # Errors
    /// `NotFound` where there is none, `Usage` where several clients have one.
    pub fn user(&self, app_user_id: &str, client_id: Option<&str>) -> Result<User> {
        let sql = format!(
            "SELECT {COLUMNS} FROM user JOIN client ON client.id = user.client
              WHERE app_user_id = ?1 AND (?2 IS NULL OR client_id = ?2) AND removed_at IS NULL"
        );
        let mut found = all(&*self.reader()?, &sql, (app_user_id, client_id), user)?;
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => {
                let of = client_id.map(|id| format!(" of client {id:?}")).unwrap_or_default();
                let what = format!(
                    "there is no user {app_user_id:?}{of}; `fhirlite user add {} {app_user_id}` makes one",
                    self.path().display()
                );
                Err(Error::new(Kind::NotFound, what))
            }
            _ => {
                let what =
                    format!("several clients have a user {app_user_id:?}; say which with --client");
                Err(Error::new(Kind::Usage, what))
            }
        }
    }

    /// Changes the name of a user, and whether the user is active; `None` leaves a value as it is.
    /// Returns `None` where the client has another user of that name.
    ///
    /// The codes and tokens of a user who becomes inactive end. A change of `active` also ends the
    /// exports that include the user, because their files would change. The audit says who did it.
    ///
    /// # Errors
    /// As [`Store::add_user`].
    pub(crate) fn change_user(
        &self,
        id: i64,
        app_user_id: Option<&str>,
        active: Option<bool>,
        by: Actor,
    ) -> Result<Option<User>> {
        // A revocation must not fail because an import is going on.
        self.transaction_within(PATIENCE, |conn| {
            let sql = format!("SELECT {COLUMNS} FROM user WHERE id = ?1");
            let before = one(conn, &sql, [id], user)?;
            let after = User {
                app_user_id: app_user_id.unwrap_or(&before.app_user_id).to_owned(),
                active: active.unwrap_or(before.active),
                ..before
            };
            let User { client, app_user_id, active, .. } = &after;
            let sql = "SELECT EXISTS (SELECT 1 FROM user
                                       WHERE client = ?1 AND app_user_id = ?2 AND id <> ?3)";
            if one(conn, sql, (client, app_user_id, id), |row| row.get(0))? {
                return Ok(None);
            }
            let sql = "UPDATE user SET app_user_id = ?2, active = ?3 WHERE id = ?1";
            run(conn, sql, (id, app_user_id, active))?;
            if !active {
                let sql = "DELETE FROM token WHERE client = ?1 AND user = ?2";
                run(conn, sql, (client, id))?;
            }
            let note = |what: &str| note_about(conn, self.now(), (*client, app_user_id), by, what);
            if *app_user_id != before.app_user_id {
                note(&format!("gave the user {id} this name instead of {:?}", before.app_user_id))?;
            }
            if *active != before.active {
                note(if *active { "made the user active" } else { "made the user inactive" })?;
                for reach in [Reach::User(id), Reach::Users(*client), Reach::Client(*client)] {
                    end_exports(conn, reach)?;
                }
            }
            Ok(Some(after))
        })
    }
}

/// Adds a change of a user to the audit.
fn note_about(
    conn: &Connection,
    at: Instant,
    (client, app_user_id): (i64, &str),
    by: Actor,
    what: &str,
) -> Result<()> {
    let client = client_by_id(conn, client)?.map(|client| client.client_id);
    note_change(conn, at, "user", (client.as_deref(), Some(app_user_id)), by, what)
}
