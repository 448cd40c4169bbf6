//! A request as the journal lists it, without secrets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::http::answered::AnsweredRequest;
use crate::http::message::Request;
use crate::http::simulate::JournalEntry;
use crate::time::Instant;

/// What stands for a secret.
const HIDDEN: &str = "…";
/// Headers whose values are secrets.
const SECRETS: [&str; 7] = [
    "authorization",
    "client_assertion",
    "client_secret",
    "code",
    "cookie",
    "proxy-authorization",
    "refresh_token",
];

/// The entry of a request that gets its answer now.
pub fn entry(
    request: &Request,
    (status, fault): (u16, &str),
    bytes: Arc<AtomicU64>,
    now: Instant,
) -> JournalEntry {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut headers = BTreeMap::new();
    for (name, _) in &request.headers {
        if let Some(value) = request.header(name) {
            headers.insert(name.clone(), public(name, value));
        }
    }
    JournalEntry {
        method: request.method.clone(),
        path: format!("{}{path}", request.prefix),
        query: query.to_owned(),
        headers,
        status,
        bytes,
        time: now.to_string(),
        fault: fault.to_owned(),
    }
}

/// The entry of a request that the engine refused, and of which no handler has heard.
pub fn refused(request: &AnsweredRequest) -> JournalEntry {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    JournalEntry {
        method: request.method.clone(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: BTreeMap::new(),
        status: request.status,
        bytes: Arc::new(request.bytes.into()),
        time: request.began.to_string(),
        fault: String::new(),
    }
}

/// A value without its secret. The scheme of credentials stays.
fn public(name: &str, value: String) -> String {
    if !SECRETS.contains(&name) {
        return value;
    }
    match value.split_once(' ') {
        Some((scheme, _)) if name.ends_with("authorization") => format!("{scheme} {HIDDEN}"),
        _ => HIDDEN.to_owned(),
    }
}
