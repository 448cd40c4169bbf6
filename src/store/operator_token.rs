//! Tokens of the operator: they prove that their holder may write the store, and give no resources.

use super::audit::{Actor, note_change};
use super::handle::Store;
use super::pool::PATIENCE;
use super::sql::run;
use super::token::NewToken;
use crate::error::Result;

/// What stands in place of a client for tokens of the operator. No client has this number.
pub const OPERATOR: i64 = 0;

/// The scope of tokens of the operator.
pub const OPERATOR_SCOPE: &str = "operator";

impl Store {
    /// Keeps a token of the operator.
    ///
    /// # Errors
    /// `ReadOnly`, `Busy`, or where the disk refuses.
    pub(crate) fn add_operator_token(&self, token: &NewToken) -> Result<()> {
        let now = self.now();
        self.transaction_within(PATIENCE, |conn| {
            run(conn, "DELETE FROM token WHERE expires_at <= ?1", [now.micros()])?;
            let sql = "INSERT INTO token (hash, kind, client, user, scope, family, used, issued_at, expires_at)
                       VALUES (?1, 'access', ?2, NULL, ?3, ?1, 0, ?4, ?5)";
            let times = (now.micros(), token.expires_at.micros());
            run(conn, sql, (&token.hash, OPERATOR, OPERATOR_SCOPE, times.0, times.1))?;
            let what = format!("issued a token of the operator, valid until {}", token.expires_at);
            note_change(conn, now, "token", (None, None), Actor::Operator, &what)
        })
    }
}
