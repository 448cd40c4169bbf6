//! Who may do what: clients, users, tokens, scopes, owners, the audit.

mod access_audit;
mod audit;
mod audit_backlog;
mod changes;
mod forgery;
mod guessers;
mod listening;
mod matrix;
mod operator;
mod read_only;
mod secrets_at_rest;
mod smart;
mod tenants;

use crate::support::Dir;
use crate::support::oneup::Client;

const REQUIRED: [&str; 3] = ["s.db", "--auth", "required"];

/// A store with `count` Patients of the user anna, whose names have this many bytes.
fn with_data(count: usize, bytes: usize) -> (Dir, Client) {
    let dir = Dir::new();
    let app = Client::add(&dir, "s.db", "app");
    assert_eq!(dir.run(["user", "add", "s.db", "anna"]).code, 0);
    let name = "x".repeat(bytes);
    let patient = |n| {
        format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"{n}\",\"name\":[{{\"text\":\"{name}\"}}]}}\n"
        )
    };
    dir.write("in.ndjson", (0..count).map(patient).collect::<String>());
    dir.import(0, &["s.db", "in.ndjson", "--user", "anna"]);
    (dir, app)
}
