//! Plain copies of a store's file, made while it is served, imported to, or left by a killed process.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Dir, until};

/// Lines of Patients of about a kilobyte each, whose ids begin with `prefix`.
fn patients(prefix: &str, count: usize) -> String {
    let line = |n| {
        let text = "some text that takes its room ".repeat(30);
        format!("{{\"resourceType\":\"Patient\",\"id\":\"{prefix}{n}\",\"text\":\"{text}\"}}\n")
    };
    (0..count).map(line).collect()
}

/// Copies the file alone, as `cp` does, and counts what the copy has.
fn copied(dir: &Dir) -> i64 {
    std::fs::copy(dir.path("s.db"), dir.path("copy.db")).expect("a copy");
    // A store in the folder of another copy would be read with that copy's log.
    dir.count("copy.db", "SELECT count(*) FROM resource")
}

/// `check` and `info` say that the copy may lack something, however often they are asked, and touch nothing.
fn assert_doubted(dir: &Dir) {
    std::fs::copy(dir.path("s.db"), dir.path("copy.db")).expect("a copy");
    let before = dir.read("copy.db");
    for _ in 0..2 {
        let ran = dir.run(["check", "copy.db"]);
        assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("may lack the last writes"), "{}", ran.stderr);
        assert!(!ran.stdout.contains(": ok"), "{}", ran.stdout);
        let info = dir.run(["info", "copy.db", "--json"]);
        assert_eq!(info.code, 0, "{}", info.stderr);
        let said: Value = serde_json::from_str(&info.stdout).expect("JSON");
        assert_eq!(said["mayLackWrites"], true);
        assert!(info.stderr.contains("fhirlite backup"), "{}", info.stderr);
        for suffix in ["-wal", "-shm", "-journal"] {
            assert!(!dir.path(&format!("copy.db{suffix}")).exists(), "{suffix}");
        }
    }
    assert!(dir.read("copy.db") == before, "the copy was changed");
}

#[test]
fn a_copy_of_a_served_store_has_everything_or_check_says_that_it_may_not() {
    let dir = Dir::new();
    for part in ["a", "b", "c"] {
        dir.write(&format!("in/{part}.ndjson"), patients(part, 300));
    }
    let served = dir.serve(&["s.db", "in", "--quiet"]);
    assert_eq!(copied(&dir), 900, "as soon as it says that it listens");
    assert_doubted(&dir);
    // Another process imports into the served file.
    dir.write("more.ndjson", patients("d", 300));
    dir.import(0, &["s.db", "more.ndjson"]);
    assert_eq!(copied(&dir), 1200, "as soon as the import has ended");
    assert_eq!(dir.run(["delete", "s.db", "Patient/a1", "Patient/b1"]).code, 0);
    assert_eq!(copied(&dir), 1198);
    // What the server itself writes, such as jobs, follows while it is idle.
    served.manifest("");
    let handed_out = "SELECT value FROM setting WHERE name = 'last_transaction_time'";
    let time = dir.count("s.db", handed_out);
    until("the file has what was handed out", || {
        copied(&dir);
        (dir.count("copy.db", handed_out) == time).then_some(())
    });
    // The served store itself is whole.
    dir.check("s.db");
    let info = dir.run(["info", "s.db", "--json"]).stdout;
    assert!(info.contains("\"mayLackWrites\":false"), "{info}");
    assert_eq!(served.end("-TERM"), 0);
    std::fs::copy(dir.path("s.db"), dir.path("copy.db")).expect("a copy");
    dir.check("copy.db");
}

#[test]
fn a_copy_that_is_made_during_an_import_is_doubted() {
    let dir = Dir::new();
    dir.write("a.ndjson", patients("a", 100));
    dir.write("b.ndjson", patients("b", 100));
    dir.import(0, &["s.db", "a.ndjson"]);
    let mut import = dir
        .command(["import", "s.db", "b.ndjson", "-", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = import.stdin.take().expect("its standard input");
    let all = "SELECT count(*) FROM resource";
    until("the first file is there", || (dir.count("s.db", all) == 200).then_some(()));
    assert_doubted(&dir);
    input.write_all(patients("c", 100).as_bytes()).expect("written");
    assert_doubted(&dir);
    drop(input);
    assert!(import.wait().expect("it ends").success());
    assert_eq!(copied(&dir), 300);
    dir.check("copy.db");
}

/// The log of a killed server has what its file lacks.
#[test]
fn the_file_of_a_killed_server_is_doubted_without_its_log() {
    let dir = Dir::new();
    dir.write("a.ndjson", patients("a", 100));
    let served = dir.serve(&["s.db", "a.ndjson", "--quiet"]);
    served.manifest("");
    assert_eq!(served.end("-KILL"), -1);
    assert_doubted(&dir);
    // With its log it is whole; the next command that writes leaves one file.
    dir.check("s.db");
    // What opens the copy to write says it too.
    let ran = dir.run(["import", "copy.db", "a.ndjson"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("may lack the last writes"), "{}", ran.stderr);
}

#[test]
fn the_log_of_a_served_store_stays_small() {
    let dir = Dir::new();
    dir.write("a.ndjson", patients("a", 10));
    let served = dir.serve(&["s.db", "a.ndjson", "--quiet"]);
    dir.write("b.ndjson", patients("b", 25_000));
    dir.import(0, &["s.db", "b.ndjson"]);
    until("the log is cut", || {
        let log = std::fs::metadata(dir.path("s.db-wal")).expect("a log");
        (log.len() <= 16 << 20).then_some(())
    });
    assert_eq!(copied(&dir), 25_010);
    assert_eq!(served.get("/fhir/Patient/b24999").status, 200);
}
