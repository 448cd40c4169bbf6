//! Whose data is meant: what part of a store somebody gets to see.
//!
//! A snapshot, a view and everything else that reads for a client has a reach, and adds its condition
//! to every statement. So nothing beyond it can be exported, counted, found or said.

use std::fmt;
use std::str::FromStr;

/// Whose data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Everything: that of the operator, and of whoever reaches an open server.
    #[default]
    Everything,
    /// What is this user's.
    User(i64),
    /// What is any active user's of this client.
    Users(i64),
    /// The same, and what is nobody's in particular.
    Client(i64),
}

impl Reach {
    /// The condition that versions in `table` meet, to be added to others; empty for everything. The
    /// numbers in it are ours.
    pub(super) fn condition(self, table: &str) -> String {
        let of = |client: i64| {
            format!("{table}.owner IN (SELECT id FROM user WHERE client = {client} AND active = 1)")
        };
        match self {
            Reach::Everything => String::new(),
            // The first part says that the index of what is owned will do.
            Reach::User(user) => format!(
                " AND {table}.owner > 0 AND {table}.owner = {user}
                  AND (SELECT active FROM user WHERE id = {user}) = 1"
            ),
            Reach::Users(client) => format!(" AND {table}.owner > 0 AND {}", of(client)),
            Reach::Client(client) => format!(" AND ({table}.owner = 0 OR {})", of(client)),
        }
    }

    /// The same for all versions at once, where it is best to begin with those within reach.
    pub(super) fn condition_of_all(self, seq: &str) -> String {
        match self {
            Reach::Everything => String::new(),
            Reach::Client(_) => self.condition_on(seq),
            Reach::User(_) | Reach::Users(_) => format!(
                " AND {seq} IN (SELECT seq FROM resource INDEXED BY resource_by_owner WHERE TRUE{}
                                UNION ALL
                                SELECT seq FROM history INDEXED BY history_by_owner WHERE TRUE{})",
                self.condition("resource"),
                self.condition("history")
            ),
        }
    }

    /// The condition that the number of a version meets where it is in either table.
    pub(super) fn condition_on(self, seq: &str) -> String {
        if self == Reach::Everything {
            return String::new();
        }
        let is_in = |table: &str| {
            let condition = self.condition(table);
            format!("EXISTS (SELECT 1 FROM {table} WHERE {table}.seq = {seq}{condition})")
        };
        format!(" AND ({} OR {})", is_in("resource"), is_in("history"))
    }
}

/// As it stands in file names and with jobs.
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
