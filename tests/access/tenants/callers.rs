//! The callers, and the owners whose data each may read.

use super::steps::{NARROW, NOBODY, OWNERS, WIDE, client_of};

/// A caller, by their credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caller {
    /// A user's token.
    Token(usize),
    /// The client's secret, for a user.
    Secret(usize),
    /// The client's secret, for all its users.
    Users(&'static str),
    /// A token of a SMART client, with this scope.
    Smart(&'static str, &'static str),
}

/// The owners whose data some callers may read, and the client of these callers.
pub struct Reach {
    pub owners: Vec<usize>,
    pub client: &'static str,
    pub callers: Vec<Caller>,
}

/// Every reach that there is.
pub fn reaches() -> Vec<Reach> {
    let reach = |owners: &[usize], client, callers: &[Caller]| Reach {
        owners: owners.to_vec(),
        client,
        callers: callers.to_vec(),
    };
    let smart = |client| [Caller::Smart(client, WIDE), Caller::Smart(client, NARROW)];
    let users = (1..OWNERS.len())
        .map(|user| reach(&[user], client_of(user), &[Caller::Token(user), Caller::Secret(user)]));
    users
        .chain([
            reach(&[1, 2], "A", &[Caller::Users("A")]),
            reach(&[3, 4], "B", &[Caller::Users("B")]),
            reach(&[NOBODY], "S", &smart("S")),
            reach(&[NOBODY, 1, 2], "A", &smart("A")),
        ])
        .collect()
}
