//! Codes and tokens that were issued, and assertions that clients signed in with.
//!
//! The store keeps only their hashes. A reader of the file cannot use them, and the time of a lookup
//! by hash reveals nothing.

use rusqlite::Connection;

use super::audit::{Actor, note_change};
use super::client::{Client, is_unchanged};
use super::handle::Store;
use super::sql::{maybe, run};
use crate::error::Result;
use crate::time::Instant;

/// What a code or token can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An authorization code: exchanged for tokens, once.
    Code,
    /// An access token: gives access to resources.
    Access,
    /// A refresh token: exchanged for the next pair of tokens, once.
    Refresh,
}

impl TokenKind {
    fn name(self) -> &'static str {
        match self {
            TokenKind::Code => "code",
            TokenKind::Access => "access",
            TokenKind::Refresh => "refresh",
        }
    }
}

/// A scope that was granted to a client or its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The client's number.
    pub client: i64,
    /// The user's number; `None` for the client itself.
    pub user: Option<i64>,
    /// The scope, as the client was told.
    pub scope: String,
    /// Shared by all tokens that descend from one code.
    pub family: Vec<u8>,
}

/// A code or token to issue.
pub struct NewToken {
    /// SHA-256 of its text.
    pub hash: [u8; 32],
    /// What it can be used for.
    pub kind: TokenKind,
    /// When it expires.
    pub expires_at: Instant,
}

/// What an exchange of a code or refresh token did.
pub enum ExchangeOutcome {
    /// The new tokens are issued, for this grant.
    Done(Grant),
    /// There is no such code or token.
    Unknown,
    /// It was exchanged before, so it may be stolen: all tokens of its family have ended.
    Replayed,
}

impl Store {
    /// Issues tokens to a client, and notes it in the audit; `false` where the client has changed since it authenticated, or its
    /// user is no longer active.
    ///
    /// # Errors
    /// `Busy` where an import keeps the store to itself for too long, or where the disk refuses.
    pub(crate) fn add_tokens(
        &self,
        client: &Client,
        grant: &Grant,
        tokens: &[NewToken],
        by: Actor,
    ) -> Result<bool> {
        let now = self.now();
        let user = self.user_of(grant)?;
        self.transaction_for(client, grant.user, |conn| {
            run(conn, "DELETE FROM token WHERE expires_at <= ?1", [now.micros()])?;
            insert_tokens(conn, grant, tokens, now)?;
            note_tokens(conn, (client, user.as_deref()), grant, tokens, (now, by))
        })
        .map(|done| done.is_some())
    }

    /// The name of the user of a grant.
    fn user_of(&self, grant: &Grant) -> Result<Option<String>> {
        let Some(user) = grant.user else { return Ok(None) };
        Ok(self.user_numbered(user)?.map(|user| user.app_user_id))
    }

    /// Runs `work` in a write transaction, if the client has not changed; else returns `None`. In a
    /// read-only store clients cannot change.
    fn transaction_for<T>(
        &self,
        client: &Client,
        user: Option<i64>,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<Option<T>> {
        if let Some(stand_in) = self.stand_in()? {
            return stand_in.transaction(work).map(Some);
        }
        self.transaction(|conn| {
            if is_unchanged(conn, client, user)? { work(conn).map(Some) } else { Ok(None) }
        })
    }

    /// Finds the grant of a token of this kind that has not expired and was not exchanged.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn grant(&self, hash: &[u8; 32], kind: TokenKind) -> Result<Option<Grant>> {
        let found = |store: &Store| find_grant(&*store.reader()?, hash, kind, self.now());
        let (grant, used) = match found(self)? {
            Some(found) => found,
            // Tokens of a read-only store are in its stand-in.
            None => match self.stand_in()?.map(found).transpose()?.flatten() {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        Ok((!used).then_some(grant))
    }

    /// Exchanges a client's code or refresh token for new tokens.
    ///
    /// # Errors
    /// As [`Store::add_tokens`]; then nothing is exchanged.
    pub(crate) fn exchange(
        &self,
        client: &Client,
        hash: &[u8; 32],
        kind: TokenKind,
        tokens: &[NewToken],
    ) -> Result<ExchangeOutcome> {
        let now = self.now();
        // Read before the transaction: in memory its lock keeps other connections from reading.
        let known = find_grant(&*self.writable()?.reader()?, hash, kind, now)?;
        let user = known.map_or(Ok(None), |(grant, _)| self.user_of(&grant))?;
        // In one transaction, so that of two exchanges at once one comes second.
        let exchanged = self.transaction_for(client, None, |conn| {
            let found = find_grant(conn, hash, kind, now)?;
            let Some((grant, used)) = found.filter(|(grant, _)| grant.client == client.id) else {
                return Ok(ExchangeOutcome::Unknown);
            };
            let about = (client, user.as_deref());
            if used {
                run(conn, "DELETE FROM token WHERE family = ?1", [&grant.family])?;
                let what = "sent a code or a refresh token a second time: all tokens that came of it have ended";
                note_change(conn, now, "token", named(about), Actor::Client, what)?;
                return Ok(ExchangeOutcome::Replayed);
            }
            run(conn, "UPDATE token SET used = 1 WHERE hash = ?1", [hash])?;
            insert_tokens(conn, &grant, tokens, now)?;
            note_tokens(conn, about, &grant, tokens, (now, Actor::Client))?;
            Ok(ExchangeOutcome::Done(grant))
        })?;
        Ok(exchanged.unwrap_or(ExchangeOutcome::Unknown))
    }

    /// Remembers an assertion until it expires; `false` where it was used before.
    ///
    /// # Errors
    /// As [`Store::add_tokens`].
    pub(crate) fn remember_assertion(
        &self,
        client: i64,
        jti: &[u8; 32],
        expires_at: Instant,
    ) -> Result<bool> {
        let now = self.now().micros();
        self.writable()?.transaction(|conn| {
            run(conn, "DELETE FROM assertion WHERE expires_at <= ?1", [now])?;
            let sql = "INSERT OR IGNORE INTO assertion (client, jti, expires_at)
                       VALUES (?1, ?2, ?3)";
            Ok(run(conn, sql, (client, jti, expires_at.micros()))? > 0)
        })
    }
}

/// Finds the grant of a code or token that has not expired, and whether it was exchanged.
fn find_grant(
    conn: &Connection,
    hash: &[u8; 32],
    kind: TokenKind,
    now: Instant,
) -> Result<Option<(Grant, bool)>> {
    let sql = "SELECT client, user, scope, family, used FROM token
                WHERE hash = ?1 AND kind = ?2 AND expires_at > ?3";
    maybe(conn, sql, (hash, kind.name(), now.micros()), |row| {
        let grant = Grant {
            client: row.get(0)?,
            user: row.get(1)?,
            scope: row.get(2)?,
            family: row.get(3)?,
        };
        Ok((grant, row.get(4)?))
    })
}

fn insert_tokens(
    conn: &Connection,
    grant: &Grant,
    tokens: &[NewToken],
    now: Instant,
) -> Result<()> {
    for NewToken { hash, kind, expires_at } in tokens {
        let Grant { client, user, scope, family } = grant;
        let sql = "INSERT INTO token (hash, kind, client, user, scope, family, used, issued_at,
                                      expires_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8)";
        let times = (now.micros(), expires_at.micros());
        run(conn, sql, (hash, kind.name(), client, user, scope, family, times.0, times.1))?;
    }
    Ok(())
}

/// The names of a client and of its user.
fn named<'n>((client, user): (&'n Client, Option<&'n str>)) -> (Option<&'n str>, Option<&'n str>) {
    (Some(&client.client_id), user)
}

/// Notes in the audit what was issued to whom. A refresh token comes with an access token and has no note of its
/// own.
fn note_tokens(
    conn: &Connection,
    about: (&Client, Option<&str>),
    grant: &Grant,
    tokens: &[NewToken],
    (now, by): (Instant, Actor),
) -> Result<()> {
    let verb = if by == Actor::Operator { "issued" } else { "got" };
    for NewToken { kind, expires_at, .. } in tokens {
        let (event, what) = match kind {
            TokenKind::Access => {
                let scope = &grant.scope;
                (
                    "token",
                    format!(
                        "{verb} an access token with the scope {scope}, valid until {expires_at}"
                    ),
                )
            }
            TokenKind::Code => ("code", format!("{verb} a code, valid until {expires_at}")),
            TokenKind::Refresh => continue,
        };
        note_change(conn, now, event, named(about), by, &what)?;
    }
    Ok(())
}
