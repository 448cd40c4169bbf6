//! `/health` and `/health/ready`: whether the server answers, and whether it can do its work.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::process::{Command, Stdio};

use super::two_types;
use crate::support::client::{Answer, get, send};
use crate::support::{Dir, FHIRLITE, Served, can_mount, until};

/// The checks of an answer: status and reason by name.
fn checks(answer: &Answer) -> BTreeMap<String, (String, String)> {
    let body = answer.json();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let is_ok = |check: &serde_json::Value| check["status"] == "ok";
    let checks = body["checks"].as_array().expect("checks");
    assert_eq!(checks.iter().all(is_ok), body["status"] == "ok", "{body}");
    assert_eq!(answer.status, if body["status"] == "ok" { 200 } else { 503 }, "{body}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let pair = |check: &serde_json::Value| {
        (text(&check["name"]), (text(&check["status"]), text(&check["reason"])))
    };
    checks.iter().map(pair).collect()
}

/// Asks until the readiness has this status; a trial counts for a second. The checks.
fn ready(authority: &str, status: u16) -> BTreeMap<String, (String, String)> {
    until("the readiness changes", || {
        let answer = get(authority, "/health/ready", "");
        (answer.status == status).then(|| checks(&answer))
    })
}

/// Fails unless just these checks fail, and the first of them for a reason with this word.
fn assert_failed(checks: &BTreeMap<String, (String, String)>, names: &[&str], word: &str) {
    let failed = checks.iter().filter(|(_, (status, _))| status == "failed");
    let failed: BTreeMap<&str, &str> =
        failed.map(|(name, (_, reason))| (name.as_str(), reason.as_str())).collect();
    assert_eq!(failed.keys().copied().collect::<Vec<_>>(), names, "{checks:?}");
    assert!(failed[names[0]].contains(word), "{checks:?}");
}

fn is_alive(served: &Served) {
    let answer = served.get("/health");
    assert_eq!((answer.status, answer.text().trim_end()), (200, r#"{"status":"ok"}"#));
}

#[test]
fn a_server_that_can_work_is_ready() {
    let (_dir, served) = two_types();
    is_alive(&served);
    let checks = checks(&served.get("/health/ready"));
    assert_eq!(checks.keys().collect::<Vec<_>>(), ["disk", "kick-off", "read", "write"]);
    assert!(checks["disk"].1.contains("MiB"), "{checks:?}");
    assert!(checks.values().all(|(_, reason)| !reason.contains("s.db")), "{checks:?}");
    for path in ["/health", "/health/ready"] {
        let head = send(served.authority(), "HEAD", path, "", b"");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
    }
}

#[test]
fn a_store_that_is_busy_is_ready() {
    let (dir, served) = two_types();
    let lock = dir.open("s.db");
    lock.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    let checks = checks(&served.get("/health/ready"));
    for (name, word) in [("read", "can be read"), ("write", "wait"), ("kick-off", "set aside")] {
        assert!(checks[name].1.contains(word), "{checks:?}");
    }
}

#[test]
fn a_store_that_cannot_be_written_is_not_ready() {
    let (dir, served) = two_types();
    drop(served);
    let served = dir.serve_with_log(&["s.db"]);
    let to = served.authority();
    let refuse =
        "CREATE TRIGGER refuse BEFORE INSERT ON setting BEGIN SELECT raise(ABORT, 'full'); END";
    dir.open("s.db").execute_batch(refuse).expect("a trigger");
    assert_failed(&ready(to, 503), &["kick-off", "write"], "full");
    is_alive(&served);
    let head = send(to, "HEAD", "/health/ready", "", b"");
    assert_eq!((head.status, head.body.len()), (503, 0));
    dir.open("s.db").execute_batch("DROP TRIGGER refuse").expect("no trigger");
    ready(to, 200);
    assert_eq!(served.end("-TERM"), 0);
    // The log says it once, however often somebody asks.
    let log = dir.text("stderr");
    assert_eq!(log.matches("not ready").count(), 1, "{log}");
}

#[test]
fn a_store_whose_file_went_or_was_replaced_is_not_ready() {
    let (dir, served) = two_types();
    ready(served.authority(), 200);
    let other = Dir::new();
    other.write("in.ndjson", super::TWO_TYPES);
    other.import(0, &["s.db", "in.ndjson"]);
    fs::copy(other.path("s.db"), dir.path("other.db")).expect("a copy");
    fs::rename(dir.path("s.db"), dir.path("kept.db")).expect("moved");
    let went = ready(served.authority(), 503);
    assert_eq!(went["read"].0, "failed", "{went:?}");
    fs::rename(dir.path("other.db"), dir.path("s.db")).expect("moved");
    let replaced = ready(served.authority(), 503);
    assert_eq!(replaced["read"].0, "failed", "{replaced:?}");
    assert!(replaced.values().all(|(_, reason)| !reason.contains("s.db")), "{replaced:?}");
    is_alive(&served);
    served.signal("-KILL");
}

#[test]
fn a_store_that_is_served_read_only_is_ready() {
    let dir = Dir::new();
    dir.write("in.ndjson", super::TWO_TYPES);
    fs::create_dir(dir.path("ro")).expect("a folder");
    dir.import(0, &["ro/s.db", "in.ndjson"]);
    let Some(unprivileged) = dir.without_rights() else { return };
    let served = unprivileged.serve_with_log(&["ro/s.db"]);
    let checks = checks(&served.get("/health/ready"));
    assert!(checks["write"].1.contains("read-only"), "{checks:?}");
    assert!(checks["kick-off"].1.contains("memory"), "{checks:?}");
}

#[test]
fn without_a_place_for_exports_a_busy_server_is_not_ready() {
    let dir = Dir::new();
    dir.write("in.ndjson", super::TWO_TYPES);
    fs::create_dir(dir.path("ro")).expect("a folder");
    dir.import(0, &["ro/s.db", "in.ndjson"]);
    let Some(unprivileged) = dir.without_rights() else { return };
    let owner = fs::metadata(dir.path("")).expect("the folder").uid();
    let user = if owner == 0 { 65534 } else { owner };
    for path in ["ro", "ro/s.db"] {
        chown(dir.path(path), Some(user), None).expect("another owner");
    }
    dir.set_mode("ro/s.db", 0o600);
    dir.set_mode("ro", 0o755);
    let served = unprivileged.serve_with_log(&["ro/s.db"]);
    ready(served.authority(), 200);
    dir.set_mode("ro", 0o555);
    // Nobody else writes: exports go into the store itself.
    ready(served.authority(), 200);
    let lock = dir.open("ro/s.db");
    lock.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    assert_failed(&ready(served.authority(), 503), &["kick-off"], "set aside");
}

/// Serves the store on a small disk, which each line of standard input fills or empties.
const ON_A_SMALL_DISK: &str = r#"
set -e
mount -t tmpfs -o size=40m tmpfs disk
cp s.db disk/
cd disk
"$@" &
server=$!
read -r _
head -c 100M /dev/zero > filler || true
read -r _
rm filler
read -r _ || true
kill $server
wait $server
"#;

#[test]
fn a_disk_that_is_full_is_not_ready() {
    if !can_mount() {
        return;
    }
    let (dir, served) = two_types();
    served.end("-TERM");
    fs::create_dir(dir.path("disk")).expect("a folder");
    let mut command = Command::new("unshare");
    command.args(["-rm", "bash", "-c", ON_A_SMALL_DISK, "bash", FHIRLITE]);
    command.args(["serve", "s.db", "--listen", "127.0.0.1:0"]).current_dir(dir.path(""));
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("its output"));
    stdout.read_line(&mut line).expect("a line");
    let to = line.trim_end().strip_prefix("listening on http://").expect("an address").to_owned();
    let mut stdin = child.stdin.take().expect("its input");
    ready(&to, 200);
    stdin.write_all(b"fill\n").expect("told");
    let full = ready(&to, 503);
    assert_eq!(full["disk"].0, "failed", "{full:?}");
    assert!(full["disk"].1.starts_with("0 MiB are free"), "{full:?}");
    assert_eq!(get(&to, "/health", "").status, 200);
    stdin.write_all(b"empty\n").expect("told");
    ready(&to, 200);
    drop(stdin);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}
