//! Codes, tokens and assertions: what was handed out, and what was shown.
//!
//! StoredVersion as hashes. Whoever reads the file cannot use any of it, and finding one by its hash tells
//! nothing by the time it takes.

use rusqlite::Connection;

use super::client::{Client, still_holds};
use super::open::Store;
use super::sql::{maybe, run};
use crate::error::Result;
use crate::time::Instant;

/// What something is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// To be exchanged for tokens, once.
    Code,
    /// To read with.
    Access,
    /// To be exchanged for the next pair, once.
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

/// What was granted, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The client's number.
    pub client: i64,
    /// The user's; `None` for the client itself.
    pub user: Option<i64>,
    /// The scope, as it was told.
    pub scope: String,
    /// What all that comes of one code shares.
    pub family: Vec<u8>,
}

/// Something to hand out.
pub struct NewToken {
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// What it is good for.
    pub kind: TokenKind,
    /// Until when.
    pub expires_at: Instant,
}

/// What became of an exchange.
pub enum Exchanged {
    /// It is done, for this grant.
    Done(Grant),
    /// There is nothing to exchange.
    Unknown,
    /// It was exchanged before. Whoever has it should not: all that came of it has ended.
    Replayed,
}

impl Store {
    /// Notes what is handed out to a client; `false` where it, or its user, is not any more what it was
    /// when it showed who it is.
    ///
    /// # Errors
    /// `Busy` where an import keeps the store to itself for too long, or where the disk refuses.
    pub(crate) fn add_tokens(
        &self,
        client: &Client,
        grant: &Grant,
        tokens: &[NewToken],
    ) -> Result<bool> {
        let now = self.now();
        self.holding(client, grant.user, |conn| {
            run(conn, "DELETE FROM token WHERE expires_at <= ?1", [now.micros()])?;
            insert(conn, grant, tokens, now)
        })
        .map(|done| done.is_some())
    }

    /// Does something for a client that is what it was; in a store that cannot be written it is.
    fn holding<T>(
        &self,
        client: &Client,
        user: Option<i64>,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<Option<T>> {
        if let Some(scratch) = self.scratch()? {
            return scratch.briefly(work).map(Some);
        }
        self.briefly(|conn| match still_holds(conn, client, user)? {
            true => work(conn).map(Some),
            false => Ok(None),
        })
    }

    /// What a token was granted for, where it is of this kind, not over and not exchanged.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn grant(&self, hash: &[u8; 32], kind: TokenKind) -> Result<Option<Grant>> {
        let found = |store: &Store| find(&*store.reader()?, hash, kind, self.now());
        let (grant, used) = match found(self)? {
            Some(found) => found,
            // A store that cannot be written keeps what it hands out in memory.
            None => match self.scratch()?.map(found).transpose()?.flatten() {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        Ok((!used).then_some(grant))
    }

    /// Exchanges something that was handed out to a client for what `make` makes.
    ///
    /// # Errors
    /// As [`Store::add_tokens`]; then it is as it was.
    pub(crate) fn exchange(
        &self,
        client: &Client,
        hash: &[u8; 32],
        kind: TokenKind,
        tokens: &[NewToken],
    ) -> Result<Exchanged> {
        let now = self.now();
        // Two at once: one of them comes second.
        let exchanged = self.holding(client, None, |conn| {
            let found = find(conn, hash, kind, now)?;
            let Some((grant, used)) = found.filter(|(grant, _)| grant.client == client.id) else {
                return Ok(Exchanged::Unknown);
            };
            if used {
                run(conn, "DELETE FROM token WHERE family = ?1", [&grant.family])?;
                return Ok(Exchanged::Replayed);
            }
            run(conn, "UPDATE token SET used = 1 WHERE hash = ?1", [hash])?;
            insert(conn, &grant, tokens, now)?;
            Ok(Exchanged::Done(grant))
        })?;
        Ok(exchanged.unwrap_or(Exchanged::Unknown))
    }

    /// Remembers an assertion until it is over; `false` where that was done before.
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
        self.passing()?.briefly(|conn| {
            run(conn, "DELETE FROM assertion WHERE expires_at <= ?1", [now])?;
            let sql = "INSERT OR IGNORE INTO assertion VALUES (?1, ?2, ?3)";
            Ok(run(conn, sql, (client, jti, expires_at.micros()))? > 0)
        })
    }
}

fn find(
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

fn insert(conn: &Connection, grant: &Grant, tokens: &[NewToken], now: Instant) -> Result<()> {
    for NewToken { hash, kind, expires_at } in tokens {
        let Grant { client, user, scope, family } = grant;
        let sql = "INSERT INTO token VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8)";
        let times = (now.micros(), expires_at.micros());
        run(conn, sql, (hash, kind.name(), client, user, scope, family, times.0, times.1))?;
    }
    Ok(())
}
