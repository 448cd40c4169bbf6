//! The journal of a server that simulates: which requests came, for `GET /requests`.
//!
//! A request is listed before the first byte of its answer goes out, so that a client which has its answer finds it
//! here. The bytes of the answer count on meanwhile. This file only keeps and lists.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Serialize, Serializer};

/// The most requests that are kept.
const MOST: usize = 100_000;

/// A request and its answer.
#[derive(Clone, Debug, Serialize)]
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
    #[serde(serialize_with = "count")]
    pub bytes: Arc<AtomicU64>,
    /// When the request came, as an instant.
    pub time: String,
    /// The rules that applied, in their short form; empty for none.
    pub fault: String,
}

impl JournalEntry {
    /// How many bytes of the body were sent so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }
}

fn count<S: Serializer>(bytes: &AtomicU64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(bytes.load(Ordering::SeqCst))
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

    /// The requests, the oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &JournalEntry> {
        self.entries.iter()
    }

    /// The requests as a JSON array.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.entries).unwrap_or_default()
    }
}
