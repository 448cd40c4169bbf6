//! The 1upHealth dialect as a client uses it: users, codes, tokens, exports.

mod bodies;
mod credentials;
mod forged_file_names;
mod inactive_users;
mod manifest;
mod parameters;
mod tokens;
mod users;
mod walkthrough;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::client::Answer;

/// Fails unless this is a 401, or a 429 for a client that has failed too often.
fn assert_refused(answer: &Answer) {
    assert!([401, 429].contains(&answer.status), "{} {}", answer.status, answer.text());
    assert!(!answer.text().contains("resourceType\":\"Patient"), "{}", answer.text());
}

/// Fails unless this is an OAuth error with this name.
fn assert_error(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.json()["error"], error, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// Fails unless this is an error of user management with `word` in its text.
fn assert_wrong(answer: &Answer, status: u16, word: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["success"], false);
    assert!(body["error"].as_str().is_some_and(|text| text.contains(word)), "{body} {word}");
}

/// The names of an object's members.
fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn is_hex(value: &Value, digits: usize) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
}
