//! Clients, users, tokens and keys as the operator manages them on the command line.

mod keys;
mod secrets;
mod users_and_tokens;

use serde_json::Value;

use crate::support::{Dir, Ran};

const REQUIRED: [&str; 3] = ["s.db", "--auth", "required"];

/// Runs the program, which must end with `code`.
fn ran(dir: &Dir, code: i32, args: &[&str]) -> Ran {
    let ran = dir.run(args);
    assert_eq!(ran.code, code, "{args:?}: {}{}", ran.stdout, ran.stderr);
    ran
}

/// Fails unless the program ends with `code`, an error that contains `word`, and no output.
fn refused(dir: &Dir, code: i32, args: &[&str], word: &str) {
    let ran = ran(dir, code, args);
    assert!(ran.stderr.contains(word), "{args:?}: {:?} does not say {word:?}", ran.stderr);
    assert_eq!(ran.stdout, "", "{args:?}");
}

/// The JSON lines that the program prints.
fn json_of(dir: &Dir, args: &[&str]) -> Vec<Value> {
    let ran = ran(dir, 0, args);
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The number of clients.
fn clients(dir: &Dir) -> i64 {
    dir.count("s.db", "SELECT count(*) FROM client")
}

fn patient(id: &str, more: &str) -> String {
    format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\"{more}}}\n")
}

/// The `oneup_user_id` of a user.
fn number(dir: &Dir, name: &str) -> i64 {
    dir.count("s.db", &format!("SELECT id FROM user WHERE app_user_id = '{name}'"))
}
