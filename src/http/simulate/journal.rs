//! The journal of a server that simulates: which requests came, for `GET /requests`.
//!
//! `…` stands for secrets before an entry is made (`src/http/redacted.rs`): a test sees that a client sent a
//! token, and where. This file only keeps and lists.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

/// The most requests that are kept.
const MOST: usize = 100_000;

/// A request and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JournalEntry {
    /// The method.
    pub method: String,
    /// The path, with the segment of rules if it has one.
    pub path: String,
    /// The query as it came, without secrets.
    pub query: String,
    /// The headers, with `…` for secrets. Names are in lower case.
    pub headers: BTreeMap<String, String>,
    /// The status of the answer.
    pub status: u16,
    /// The number of bytes of its body that were sent.
    pub bytes: u64,
    /// When the request came, as an instant.
    pub time: String,
    /// The rules that applied, in their short form; empty for none.
    pub fault: String,
}

/// The requests so far, the oldest first. The oldest ones are forgotten first.
#[derive(Debug, Default)]
pub struct Journal {
    entries: VecDeque<JournalEntry>,
}

impl Journal {
    /// Adds a request.
    pub fn add(&mut self, entry: JournalEntry) {
        if self.entries.len() >= MOST {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// Forgets all requests.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The requests as a JSON array.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.entries).unwrap_or_default()
    }
}
