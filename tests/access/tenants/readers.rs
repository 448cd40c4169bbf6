//! The callers, and the owners whose data each may read.

use super::steps::{NARROW, NOBODY, OWNERS, WIDE, client_of};

/// Somebody who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A user's token.
    Token(usize),
    /// The client's secret, for a user.
    Secret(usize),
    /// … for all its users.
    Users(&'static str),
    /// A SMART client, with a scope.
    Smart(&'static str, &'static str),
}

/// A reach: the owners in it, the client whose it is, who has it.
pub struct Reach {
    pub owners: Vec<usize>,
    pub client: &'static str,
    pub readers: Vec<Who>,
}

pub fn reaches() -> Vec<Reach> {
    let reach = |owners: &[usize], client, readers: &[Who]| Reach {
        owners: owners.to_vec(),
        client,
        readers: readers.to_vec(),
    };
    let smart = |client| [Who::Smart(client, WIDE), Who::Smart(client, NARROW)];
    let users = (1..OWNERS.len())
        .map(|user| reach(&[user], client_of(user), &[Who::Token(user), Who::Secret(user)]));
    users
        .chain([
            reach(&[1, 2], "A", &[Who::Users("A")]),
            reach(&[3, 4], "B", &[Who::Users("B")]),
            reach(&[NOBODY], "S", &smart("S")),
            reach(&[NOBODY, 1, 2], "A", &smart("A")),
        ])
        .collect()
}
