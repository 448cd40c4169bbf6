//! Exports while an import, or another writer, keeps the store to itself.

use std::io::Write;
use std::process::{Child, ChildStdin, Stdio};
use std::thread;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::json;

use super::{
    ask, assert_gone, by_get, by_name, cancel, changed, download, filled, import, large, long,
    manifest, start,
};
use crate::support::{Dir, Held, seal, until};

/// Starts an import that keeps the store to itself until its input ends.
fn import_under_way(dir: &Dir) -> (Child, ChildStdin) {
    let mut import = dir
        .command(["import", "s.db", "-", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = import.stdin.take().expect("its standard input");
    input.write_all(changed("de").as_bytes()).expect("written");
    // Text is taken in blocks.
    input.write_all(&vec![b'\n'; 2 << 20]).expect("written");
    let probe = dir.open("s.db");
    // The server itself writes now and then, but only for a moment.
    probe.busy_timeout(Duration::from_secs(1)).expect("set");
    until("the import has the store", || {
        probe.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err().then_some(())
    });
    (import, input)
}

fn assert_held(dir: &Dir) {
    let probe = dir.open("s.db");
    probe.busy_timeout(Duration::from_secs(1)).expect("set");
    probe.execute_batch("BEGIN IMMEDIATE; ROLLBACK").expect_err("the import has the store");
}

#[test]
fn during_an_import_exports_are_accepted_and_complete() {
    let dir = filled();
    let served = dir.serve(&["s.db", "--base-url", "http://here.example"]);
    let status = start(&served, &by_get("/fhir/Patient/$export"));
    let before = manifest(&served, &status);
    let files = download(&served, &before);
    let (mut import, input) = import_under_way(&dir);
    // All of this is answered while the import has the store.
    assert_eq!(served.get(&status).json(), before);
    assert_eq!(download(&served, &before), files);
    assert_eq!(served.manifest("")["output"].as_array().map(Vec::len), Some(7));
    let patient = served.get("/fhir/Patient/a");
    assert_eq!(patient.status, 200);
    assert!(!patient.text().contains("\"de\""));
    assert_eq!(served.get("/fhir/$bulk-publish").status, 200);
    assert_eq!(served.get("/health").status, 200);
    let expected = by_name(files.clone());
    let started: Vec<String> =
        (0..3).map(|_| start(&served, &by_get("/fhir/Patient/$export"))).collect();
    let manifests: Vec<_> = started.iter().map(|status| manifest(&served, status)).collect();
    for manifest in &manifests {
        assert_eq!(by_name(download(&served, manifest)), expected);
    }
    assert_eq!(dir.mode("s.db-jobs"), 0o600);
    // Another server finds them, also after the first one was killed, and one can be cancelled.
    let other = dir.serve(&["s.db", "--base-url", "http://here.example"]);
    assert_eq!(served.end("-KILL"), -1);
    assert_eq!(manifest(&other, &started[0]), manifests[0]);
    assert_eq!(cancel(&other, &started[1]).status, 202);
    assert_gone(&other, &started[1..2]);
    assert_held(&dir);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 1);
    drop(input);
    assert!(import.wait().expect("it ends").success());
    // They move into the store, and their file goes.
    until("the jobs are in the store", || {
        (dir.count("s.db", "SELECT count(*) FROM job") == 3).then_some(())
    });
    until("their file is gone", || (!dir.path("s.db-jobs").exists()).then_some(()));
    for number in [0, 2] {
        assert_eq!(manifest(&other, &started[number]), manifests[number]);
        assert_eq!(by_name(download(&other, &manifests[number])), expected);
    }
    assert_gone(&other, &started[1..2]);
    let after = manifest(&other, &start(&other, &by_get("/fhir/Patient/$export")));
    let text: String = download(&other, &after)
        .values()
        .map(|bytes| String::from_utf8(bytes.clone()).expect("UTF-8"))
        .collect();
    assert_eq!(text.lines().count(), text.matches("\"language\":\"de\"").count());
    assert!(text.contains("\"gone1\""));
    assert!(before["transactionTime"].as_str() < after["transactionTime"].as_str());
    assert_eq!(download(&other, &before), files);
    drop(other);
    dir.check("s.db");
}

/// The file of the jobs stays behind when everything is killed; the next server takes them up, unless the store is
/// another one by then.
#[test]
fn exports_set_aside_are_taken_up_by_the_next_server_of_the_same_history() {
    for is_restored in [false, true] {
        let dir = filled();
        std::fs::copy(dir.path("s.db"), dir.path("kept.db")).expect("a copy");
        import(&dir, &changed("en"));
        let served = dir.serve(&["s.db"]);
        let (mut under_way, input) = import_under_way(&dir);
        let status = start(&served, &by_get("/fhir/$export"));
        let before = manifest(&served, &status);
        let files = download(&served, &before);
        assert_eq!(served.end("-KILL"), -1);
        under_way.kill().expect("killed");
        under_way.wait().expect("it ends");
        drop(input);
        assert!(dir.path("s.db-jobs").exists());
        if is_restored {
            for beside in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(dir.path(&format!("s.db{beside}")));
            }
            std::fs::copy(dir.path("kept.db"), dir.path("s.db")).expect("restored");
            import(&dir, &changed("fr"));
        }
        let served = dir.serve(&["s.db"]);
        if is_restored {
            assert_gone(&served, &[status]);
        } else {
            assert_eq!(manifest(&served, &status), before);
            assert_eq!(download(&served, &before), files);
        }
        assert_eq!(served.end("-TERM"), 0);
        assert!(!dir.path("s.db-jobs").exists());
        dir.check("s.db");
    }
}

#[test]
fn a_kickoff_waits_for_a_short_import_and_so_does_the_end_of_an_export() {
    let dir = large();
    let served = dir.serve_with_log(&["s.db"]);
    let other = dir.open("s.db");
    let _held = Held::new(&dir);
    other.execute_batch("BEGIN IMMEDIATE").expect("begun");
    let at_once = thread::scope(|scope| {
        let status = scope.spawn(|| start(&served, &by_get("/fhir/$export")));
        // Other requests are answered while the kick-off waits.
        assert_eq!(served.manifest("")["output"].as_array().map(Vec::len), Some(2));
        other.execute_batch("ROLLBACK").expect("ended");
        status.join().expect("accepted")
    });
    assert_eq!(manifest(&served, &at_once)["error"], json!([]));
    let later = start(&served, &long());
    // From now on only this transaction keeps the export from being completed.
    other.execute_batch("BEGIN IMMEDIATE; DROP TRIGGER hold").expect("begun");
    until("the work is done", || {
        let answer = served.get(&later);
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.header("x-progress").expect("an X-Progress").starts_with("100%").then_some(())
    });
    other.execute_batch("COMMIT").expect("ended");
    assert_eq!(manifest(&served, &later)["error"], json!([]));
}

/// Nothing keeps the versions that a kick-off sees until its row is in the table `job`.
///
/// The test itself writes what an import would write, because a real one would have to take longer than `--job-ttl`.
#[test]
fn an_export_accepted_while_a_long_import_ends_misses_nothing() {
    let dir = filled();
    // The one Binary is about a patient.
    let everything = dir.count("s.db", "SELECT count(*) FROM resource WHERE type <> 'Binary'");
    let served = dir.serve(&["s.db", "--job-ttl", "1s"]);
    let other = dir.open("s.db");
    other
        .execute_batch(
            "BEGIN IMMEDIATE;
             INSERT INTO history (seq, type, id, version_id, last_updated, owner, assigned, size, hash,
                                  ended, ended_at, deleted, body)
             SELECT seq, type, id, version_id, last_updated, owner, assigned, size, hash,
                    seq + 1000, 1, 0, body FROM resource;
             UPDATE resource SET seq = seq + 1000;
             UPDATE setting SET value = value + 1000 WHERE name = 'last_seq'",
        )
        .expect("changed");
    seal(&other);
    // By then the deletion of old versions waits for the import too.
    let began = Utc::now();
    until("more than a round of deletions has passed", || {
        (Utc::now() > began + TimeDelta::milliseconds(1500)).then_some(())
    });
    let answer = thread::scope(|scope| {
        let kickoff = scope.spawn(|| {
            let status = start(&served, &by_get("/fhir/$export"));
            let manifest = manifest(&served, &status);
            download(&served, &manifest)
        });
        for _ in 0..20 {
            assert_eq!(served.get("/health").status, 200);
        }
        other.execute_batch("COMMIT").expect("ended");
        kickoff.join().expect("files")
    });
    let lines = answer.values().flatten().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines as i64, everything);
}

/// An export of everything needs one write, which accepts and completes it.
#[test]
fn a_kickoff_is_answered_although_an_import_begins_at_that_moment() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let other = dir.open("s.db");
    for round in 0..50 {
        thread::scope(|scope| {
            let kickoff = scope.spawn(|| ask(&served, &by_get("/fhir/$export")));
            let is_there = || dir.count("s.db", "SELECT count(*) FROM job") > round;
            while !is_there() && !kickoff.is_finished() {
                thread::yield_now();
            }
            other.execute_batch("BEGIN IMMEDIATE").expect("begun");
            let answer = kickoff.join().expect("an answer");
            other.execute_batch("ROLLBACK").expect("ended");
            assert_eq!(answer.status, 202, "round {round}: {}", answer.text());
        });
    }
}
