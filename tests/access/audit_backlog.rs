//! Audit events that wait because the store is locked, or refuses them.

use super::{REQUIRED, with_data};
use crate::support::client::get;
use crate::support::oneup::Client;
use crate::support::{Dir, Served};

/// The reads of each test: more events than the audit writes in one transaction.
const READS: usize = 1_100;
/// Counts the reads in the audit, and that the client signed in.
const NOTED: &str = "SELECT count(*) FROM audit WHERE event IN ('read', 'sign-in')";

/// Serves the store, reads a Patient [`READS`] times and ends the server; the log.
fn read_and_end(dir: &Dir, app: &Client) -> String {
    let served = dir.serve_with_log(&REQUIRED);
    read(&served, app);
    assert_eq!(served.end("-TERM"), 0);
    dir.text("stderr")
}

fn read(served: &Served, app: &Client) {
    let headers = app.headers("client");
    for _ in 0..READS {
        assert_eq!(get(served.authority(), "/fhir/Patient/1", &headers).status, 200);
    }
}

#[test]
fn a_locked_store_does_not_keep_the_server_from_ending() {
    let (dir, app) = with_data(3, 10);
    let lock = dir.open("s.db");
    lock.execute_batch("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE").expect("the write lock");
    let log = read_and_end(&dir, &app);
    drop(lock);
    // The log tells how many events are lost, and nothing before: a locked store is no error.
    let expected = format!(" error {} events are missing in the audit: ", READS + 1);
    assert!(log.contains(&expected) && log.lines().count() == 1, "{log:?}");
    assert_eq!(dir.count("s.db", NOTED), 0);
    dir.check("s.db");
}

#[test]
fn a_store_that_refuses_events_does_not_flood_the_log() {
    let (dir, app) = with_data(3, 10);
    let refuse =
        "CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'full'); END";
    dir.open("s.db").execute_batch(refuse).expect("a trigger");
    let log = read_and_end(&dir, &app);
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 2, "{log:?}");
    assert!(lines[0].contains("cannot be written now") && lines[0].contains("full"), "{log:?}");
    let expected = format!(" error {} events are missing", READS + 1);
    assert!(lines[1].contains(&expected), "{log:?}");
}

#[test]
fn waiting_events_are_written_once_the_store_is_unlocked() {
    let (dir, app) = with_data(3, 10);
    let served = dir.serve_with_log(&REQUIRED);
    let lock = dir.open("s.db");
    lock.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    read(&served, &app);
    drop(lock);
    assert_eq!(served.end("-TERM"), 0);
    assert_eq!(dir.text("stderr"), "");
    assert_eq!(dir.count("s.db", NOTED), READS as i64 + 1);
}
