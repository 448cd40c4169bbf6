//! A store whose file, or what lies beside it, is moved, replaced or removed while a program has it open; and a
//! log that was left beside another file.

use std::io::Write;
use std::process::Stdio;

use crate::support::bulk::kick_off;
use crate::support::client::parse;
use crate::support::{Dir, Served, until};

/// Lines of Patients whose ids begin with `prefix`.
fn patients(prefix: &str, count: usize) -> String {
    let line = |n| {
        format!("{{\"resourceType\":\"Patient\",\"id\":\"{prefix}{n}\",\"text\":\"{n:0900}\"}}\n")
    };
    (0..count).map(line).collect()
}

/// A folder with two stores: `s.db` of 100 Patients, and `n.db` of 3000 others.
fn two_stores() -> Dir {
    let dir = Dir::new();
    dir.write("a.ndjson", patients("a", 100));
    dir.write("b.ndjson", patients("b", 3000));
    dir.write("c.ndjson", patients("c", 100));
    dir.import(0, &["s.db", "a.ndjson"]);
    dir.import(0, &["n.db", "b.ndjson"]);
    dir
}

fn rename(dir: &Dir, from: &str, to: &str) {
    std::fs::rename(dir.path(from), dir.path(to)).expect("renamed");
}

/// Whatever it is asked, the server says that the file is another one.
fn assert_refuses(dir: &Dir, served: &Served) {
    for path in
        ["/fhir/metadata", "/fhir/Patient/a1", "/fhir/Patient?_id=a1", "/bulk-data/r4/$export"]
    {
        let answer = served.get(path);
        answer.assert_outcome(503, "");
        assert!(answer.text().contains("moved, replaced or removed"), "{path}: {}", answer.text());
        assert!(!answer.text().contains("s.db"), "{path}: {}", answer.text());
    }
    for path in ["/fhir/$export", "/fhir/Patient/$export"] {
        let answer = parse(&kick_off_raw(served, path));
        assert_eq!(answer.status, 503, "{path}: {}", answer.text());
    }
    until("the log says it", || dir.text("stderr").contains("start again").then_some(()));
}

fn kick_off_raw(served: &Served, path: &str) -> Vec<u8> {
    let head = "Accept: application/fhir+json\r\nPrefer: respond-async\r\nConnection: close";
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n");
    crate::support::client::raw(served.authority(), request.as_bytes())
}

/// The log names the file; the many threads that notice say it once together.
fn assert_said_once(dir: &Dir, name: &str) {
    let log = dir.text("stderr");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("start again")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains(name), "{log}");
}

#[test]
fn a_server_does_nothing_to_a_file_that_took_the_place_of_its_own() {
    let dir = two_stores();
    let served = dir.serve_with_log(&["s.db"]);
    dir.import(0, &["s.db", "c.ndjson"]);
    assert_eq!(served.get("/fhir/Patient/c1").status, 200);
    let stranger = dir.read("n.db");
    rename(&dir, "n.db", "s.db");
    assert_refuses(&dir, &served);
    // Many at once, so that further connections would be opened.
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| served.get("/fhir/Patient/b1").assert_outcome(503, ""));
        }
    });
    assert_said_once(&dir, "s.db: the file was");
    assert_eq!(served.end("-TERM"), 0);
    assert!(dir.read("s.db") == stranger, "the other store was changed");
    // The log of the file before lies beside it: it is not mixed with this one.
    let log = dir.read("s.db-wal");
    let ran = dir.run(["import", "s.db", "a.ndjson"]);
    assert_eq!(ran.code, 8, "{}", ran.stderr);
    assert!(ran.stderr.contains("s.db-wal belongs to another file"), "{}", ran.stderr);
    assert!(dir.read("s.db") == stranger && dir.read("s.db-wal") == log);
    for suffix in ["-wal", "-shm"] {
        std::fs::remove_file(dir.path(&format!("s.db{suffix}"))).expect("removed");
    }
    dir.check("s.db");
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource"), 3000);
}

#[test]
fn a_file_that_is_put_back_is_served_again() {
    let dir = two_stores();
    let served = dir.serve_with_log(&["s.db"]);
    for other in [None, Some("n.db")] {
        rename(&dir, "s.db", "away.db");
        if let Some(other) = other {
            rename(&dir, other, "s.db");
        }
        assert_refuses(&dir, &served);
        rename(&dir, "away.db", "s.db");
        assert_eq!(served.get("/health").status, 200);
        assert_eq!(served.get("/fhir/Patient/a1").status, 200);
    }
    kick_off(served.authority(), "/fhir/$export", &[], "");
    assert_eq!(served.end("-TERM"), 0);
    dir.check("s.db");
    assert!(!dir.path("s.db-wal").exists());
}

#[test]
fn a_file_that_was_removed_is_not_made_again_by_the_server() {
    let dir = two_stores();
    let served = dir.serve_with_log(&["s.db"]);
    std::fs::remove_file(dir.path("s.db")).expect("removed");
    assert_refuses(&dir, &served);
    assert_eq!(served.end("-TERM"), 0);
    assert!(!dir.path("s.db").exists());
}

/// The server still has what was in the log, and its end brings that into the file.
#[test]
fn a_log_that_is_removed_under_a_server_loses_nothing() {
    let dir = two_stores();
    let served = dir.serve_with_log(&["s.db"]);
    dir.import(0, &["s.db", "c.ndjson"]);
    std::fs::remove_file(dir.path("s.db-wal")).expect("removed");
    assert_refuses(&dir, &served);
    assert_said_once(&dir, "s.db-wal: was removed or replaced");
    assert_eq!(served.end("-TERM"), 0);
    dir.check("s.db");
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource"), 200);
}

/// An import whose input waits while the file is replaced, with and without resources in the store before.
#[test]
fn an_import_writes_nothing_to_a_file_that_took_the_place_of_its_own() {
    for store in ["s.db", "new.db"] {
        let dir = two_stores();
        let mut import = dir
            .command(["import", store, "c.ndjson", "-", "--quiet"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut input = import.stdin.take().expect("its standard input");
        let count = "SELECT count(*) FROM resource WHERE id LIKE 'c%'";
        until("the first file is there", || {
            let db = rusqlite::Connection::open_with_flags(
                dir.path(store),
                rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
            );
            let found: Result<i64, _> = db.and_then(|db| db.query_row(count, (), |row| row.get(0)));
            (found == Ok(100)).then_some(())
        });
        let stranger = dir.read("n.db");
        rename(&dir, "n.db", store);
        // The import may have noticed and ended by now.
        let _ = input.write_all(patients("d", 100).as_bytes());
        drop(input);
        let ended = import.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(7), "{store}: {said}");
        assert!(said.contains(&format!("{store}: the file was moved")), "{said}");
        assert!(dir.read(store) == stranger, "{store} was changed");
    }
}

/// What a log can lie beside: a store at rest, nothing, an empty file, a store in use.
#[test]
fn a_log_of_another_file_is_noticed_and_nothing_is_changed() {
    let dir = two_stores();
    let served = dir.serve(&["s.db"]);
    dir.import(0, &["s.db", "c.ndjson"]);
    assert_eq!(served.end("-KILL"), -1);
    let log = dir.read("s.db-wal");
    let served = dir.serve(&["n.db"]);
    std::fs::copy(dir.path("n.db"), dir.path("copy.db")).expect("a copy");
    assert_eq!(served.end("-TERM"), 0);
    rename(&dir, "n.db", "rest.db");
    rename(&dir, "copy.db", "use.db");
    dir.write("empty.db", "");
    for store in ["rest.db", "use.db", "empty.db", "missing.db"] {
        dir.write(&format!("{store}-wal"), &log);
        let before = std::fs::read(dir.path(store)).ok();
        let commands: [&[&str]; 6] = [
            &["import", store, "a.ndjson"],
            &["serve", store, "a.ndjson", "--listen", "127.0.0.1:0"],
            &["check", store],
            &["info", store],
            &["delete", store, "Patient/b1"],
            &["backup", store, "backup.db"],
        ];
        // Where there is no store, the last four say so.
        let is_store = before.as_ref().is_some_and(|bytes| !bytes.is_empty());
        for command in &commands[..if is_store { 6 } else { 2 }] {
            let ran = dir.run(*command);
            assert_eq!(ran.code, 8, "{command:?}: {}{}", ran.stdout, ran.stderr);
            let what = format!("{store}-wal belongs to another file");
            assert!(ran.stderr.contains(&what), "{command:?}: {}", ran.stderr);
            assert!(std::fs::read(dir.path(store)).ok() == before, "{store} was changed");
            assert!(dir.read(&format!("{store}-wal")) == log, "the log was changed");
        }
    }
    // With its own file the log is whole.
    dir.import(0, &["s.db", "a.ndjson"]);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource"), 200);
}
