//! Tokens that are valid now, as the operator sees them, and how they end before their time.

use super::audit::{Actor, note_change};
use super::client::Client;
use super::handle::Store;
use super::operator_token::{OPERATOR, OPERATOR_SCOPE};
use super::pool::PATIENCE;
use super::sql::{all, maybe, one, run};
use super::token::TokenKind;
use crate::error::Result;
use crate::time::Instant;

/// A code or token that is valid now. The token itself is nowhere.
pub struct IssuedToken {
    /// SHA-256 of its text.
    pub hash: Vec<u8>,
    /// `code`, `access` or `refresh`.
    pub kind: String,
    /// The name of its user; `None` for the client itself.
    pub user: Option<String>,
    /// What it was granted.
    pub scope: String,
    /// When it was issued.
    pub issued_at: Instant,
    /// When it expires.
    pub expires_at: Instant,
}

impl Store {
    /// The valid codes and tokens of a client, `most` of them, the newest first; and how many there are.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn issued_tokens(
        &self,
        client: i64,
        most: usize,
    ) -> Result<(Vec<IssuedToken>, usize)> {
        let now = self.now().micros();
        let reader = self.reader()?;
        let sql = "SELECT hash, kind, user.app_user_id, scope, issued_at, expires_at
                     FROM token LEFT JOIN user ON user.id = token.user
                    WHERE token.client = ?1 AND used = 0 AND expires_at > ?2
                    ORDER BY issued_at DESC, hash LIMIT ?3";
        let tokens = all(&reader, sql, (client, now, most), |row| {
            Ok(IssuedToken {
                hash: row.get(0)?,
                kind: row.get(1)?,
                user: row.get(2)?,
                scope: row.get(3)?,
                issued_at: Instant::from_micros(row.get(4)?),
                expires_at: Instant::from_micros(row.get(5)?),
            })
        })?;
        let sql = "SELECT count(*) FROM token WHERE client = ?1 AND used = 0 AND expires_at > ?2";
        let number: i64 = one(&reader, sql, (client, now), |row| row.get(0))?;
        Ok((tokens, usize::try_from(number).unwrap_or_default()))
    }

    /// When an access token expires; `None` where there is no such token.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn end_of_token(&self, hash: &[u8; 32]) -> Result<Option<Instant>> {
        let found = |store: &Store| {
            let sql = "SELECT expires_at FROM token WHERE hash = ?1";
            maybe(&*store.reader()?, sql, [hash], |row| row.get(0))
        };
        let end = match found(self)? {
            None => self.stand_in()?.map(found).transpose()?.flatten(),
            end => end,
        };
        Ok(end.map(Instant::from_micros))
    }

    /// Ends a token that its holder gives back, and says so in the audit under these names of client and user. An
    /// unknown token has ended already.
    ///
    /// # Errors
    /// `Busy` where an import keeps the store to itself for too long, or where the disk refuses.
    pub(crate) fn end_token(
        &self,
        hash: &[u8; 32],
        about: (Option<&str>, Option<&str>),
    ) -> Result<()> {
        let now = self.now();
        self.writable()?.transaction_within(PATIENCE, |conn| {
            if run(conn, "DELETE FROM token WHERE hash = ?1", [hash])? > 0 {
                let what = "ended an access token";
                note_change(conn, now, "token", about, Actor::Client, what)?;
            }
            Ok(())
        })
    }

    /// Ends the codes and tokens of a client as the operator: all of them, or the one with this hash and those that came
    /// of the same code. Returns how many ended.
    ///
    /// # Errors
    /// As [`Store::end_token`]; `ReadOnly`.
    pub(crate) fn revoke_tokens(&self, client: &Client, hash: Option<&[u8]>) -> Result<usize> {
        let now = self.now();
        self.transaction_within(PATIENCE, |conn| {
            let sql = "DELETE FROM token WHERE client = ?1 AND (?2 IS NULL OR family IN
                           (SELECT family FROM token WHERE hash = ?2 AND client = ?1))";
            let number = run(conn, sql, (client.id, hash))?;
            if number > 0 {
                let what = format!("ended {number} codes and tokens");
                let about = (Some(&*client.client_id), None);
                note_change(conn, now, "token", about, Actor::Operator, &what)?;
            }
            Ok(number)
        })
    }

    /// True for the hash of a valid token of the operator.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn is_operator_token(&self, hash: &[u8; 32]) -> Result<bool> {
        let grant = self.grant(hash, TokenKind::Access)?;
        Ok(grant.is_some_and(|grant| grant.client == OPERATOR && grant.scope == OPERATOR_SCOPE))
    }
}
