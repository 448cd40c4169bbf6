//! [`Reach`]: whose resources a reader may see.
//!
//! A snapshot, a lookup and everything else that reads for a client has a reach and adds the reach's
//! condition to every statement. So resources beyond it are never exported, counted, found or named.

use std::fmt;
use std::str::FromStr;

use super::tables::{CURRENT, ENDED};

/// The owner number of resources that belong to no user.
pub const NOBODY: i64 = 0;

/// Whose resources a reader may see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// All resources: for the operator, and for everyone on an open server.
    #[default]
    Everything,
    /// Those of this user, while the user is active.
    User(i64),
    /// Those of all active users of this client.
    Users(i64),
    /// Those of all active users of this client, and those of [`NOBODY`].
    Client(i64),
}

impl Reach {
    /// The SQL condition for rows of `table`, with ` AND ` in front; empty for
    /// [`Reach::Everything`]. All values in it are numbers from the store.
    pub(super) fn condition(self, table: &str) -> String {
        let of = |client: i64| {
            format!("{table}.owner IN (SELECT id FROM user WHERE client = {client} AND active = 1)")
        };
        match self {
            Reach::Everything => String::new(),
            // `owner > 0` lets SQLite use the partial indexes by owner.
            Reach::User(user) => format!(
                " AND {table}.owner > 0 AND {table}.owner = {user}
                  AND (SELECT active FROM user WHERE id = {user}) = 1"
            ),
            Reach::Users(client) => format!(" AND {table}.owner > 0 AND {}", of(client)),
            Reach::Client(client) => format!(" AND ({table}.owner = {NOBODY} OR {})", of(client)),
        }
    }

    /// The same condition for a version known by its number only, in either table.
    pub(super) fn condition_on(self, seq: &str) -> String {
        if self == Reach::Everything {
            return String::new();
        }
        let is_in = |table: &str| {
            let condition = self.condition(table);
            format!("EXISTS (SELECT 1 FROM {table} WHERE {table}.seq = {seq}{condition})")
        };
        format!(" AND ({} OR {})", is_in(CURRENT), is_in(ENDED))
    }

    /// The same condition for a statement over many versions. It starts from the versions within
    /// reach where these are few.
    pub(super) fn condition_on_many(self, seq: &str) -> String {
        match self {
            Reach::Everything => String::new(),
            Reach::Client(_) => self.condition_on(seq),
            Reach::User(_) | Reach::Users(_) => format!(
                " AND {seq} IN (SELECT seq FROM {CURRENT} INDEXED BY current_by_owner WHERE TRUE{}
                                UNION ALL
                                SELECT seq FROM {ENDED} INDEXED BY ended_by_owner WHERE TRUE{})",
                self.condition(CURRENT),
                self.condition(ENDED)
            ),
        }
    }
}

/// Writes a reach as file names and the column `job.reader` hold it.
impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reach::Everything => f.write_str("open"),
            Reach::User(user) => write!(f, "{user}"),
            Reach::Users(client) => write!(f, "users-{client}"),
            Reach::Client(client) => write!(f, "client-{client}"),
        }
    }
}

impl FromStr for Reach {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Reach, Self::Err> {
        match (text, text.split_once('-')) {
            ("open", _) => Ok(Reach::Everything),
            (_, Some(("users", client))) => client.parse().map(Reach::Users),
            (_, Some(("client", client))) => client.parse().map(Reach::Client),
            (user, _) => user.parse().map(Reach::User),
        }
    }
}
