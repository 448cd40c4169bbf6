//! `fhirlite prune`: the same that a server does, without one.

use serde_json::{Value, json};

use crate::support::bulk::{ended, kick_off, path, url_of};
use crate::support::{Dir, seal};

/// A folder with a store `s.db`: Patient/a has three versions, Patient/gone and Provenance/v are deleted.
fn with_history() -> Dir {
    let dir = Dir::new();
    let a = |gender: &str| {
        format!("{{\"resourceType\":\"Patient\",\"id\":\"a\",\"gender\":\"{gender}\"}}\n")
    };
    let others = "{\"resourceType\":\"Patient\",\"id\":\"gone\"}\n{\"resourceType\":\"Provenance\",\"id\":\"v\",\"target\":[{\"reference\":\"Patient/a\"}]}\n";
    dir.write("1.ndjson", a("male") + others);
    dir.write("2.ndjson", a("female"));
    dir.write("3.ndjson", a("other"));
    dir.import(0, &["s.db", "1.ndjson"]);
    dir.import(0, &["s.db", "2.ndjson"]);
    dir.import(0, &["s.db", "3.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Patient/gone", "Provenance/v"]).code, 0);
    dir
}

/// Makes everything that ended end so many days earlier.
fn age(dir: &Dir, days: i64) {
    let sql = format!("UPDATE history SET ended_at = ended_at - {days} * 86400000000");
    let db = dir.open("s.db");
    db.execute_batch(&sql).unwrap();
    seal(&db);
}

fn prune(dir: &Dir, args: &[&str]) -> Value {
    let ran = dir.run([&["prune", "s.db", "--json"], args].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    dir.check("s.db");
    serde_json::from_str(&ran.stdout).unwrap()
}

fn prunable(dir: &Dir) -> Value {
    let info: Value = serde_json::from_str(&dir.run(["info", "s.db", "--json"]).stdout).unwrap();
    info["prunable"].clone()
}

#[test]
fn old_versions_go_and_deletions_stay_known() {
    let dir = with_history();
    let nothing = json!({"versions": 0, "bytes": 0, "exports": 0});
    assert_eq!((prunable(&dir), prune(&dir, &[])), (nothing.clone(), nothing.clone()));
    age(&dir, 6);
    assert_eq!(prune(&dir, &[]), nothing, "younger than seven days");
    age(&dir, 2);
    let bytes = dir.count("s.db", "SELECT sum(size) FROM history WHERE type = 'Patient'");
    let expected = json!({"versions": 3, "bytes": bytes, "exports": 0});
    assert_eq!(prunable(&dir), expected);
    let said = dir.run(["info", "s.db"]).stdout;
    assert!(said.contains(&format!("3 versions older than 7d ({bytes} bytes)")), "{said}");
    assert_eq!(prune(&dir, &[]), expected);
    assert_eq!((prunable(&dir), prune(&dir, &[])), (nothing.clone(), nothing));
    // That a resource was deleted stays, and what a deleted Provenance was about.
    let sql = "SELECT count(*) FROM history WHERE deleted = 1 AND (type = 'Patient') = (size = 0)";
    assert_eq!(dir.count("s.db", sql), 2);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM history"), 2);
    dir.run(["export", "s.db", "out", "--since", "2020-01-01"]);
    let deleted = dir.text("out/deleted.ndjson");
    assert!(deleted.contains("Patient/gone") && deleted.contains("Provenance/v"), "{deleted}");
}

#[test]
fn the_age_is_the_users() {
    let dir = with_history();
    age(&dir, 1);
    for (older_than, versions) in [("2d", 0), ("25h", 0), ("23h", 3), ("1s", 0)] {
        assert_eq!(
            prune(&dir, &["--older-than", older_than])["versions"],
            versions,
            "{older_than}"
        );
    }
    for wrong in ["0s", "7", "d", "-1d", "1w", ""] {
        let ran = dir.run(["prune", "s.db", &format!("--older-than={wrong}")]);
        assert_eq!(ran.code, 2, "{wrong}: {}", ran.stderr);
    }
    assert_eq!(dir.run(["prune", "no.db"]).code, 3);
    assert!(!dir.path("no.db").exists());
}

#[test]
fn what_an_export_sees_stays_until_its_time_is_over() {
    let dir = with_history();
    let served = dir.serve(&["s.db", "--job-ttl", "30d"]);
    let to = served.authority();
    let export = ended(to, &kick_off(to, "/fhir/$export", &[], "Prefer: respond-async\r\n"));
    let url = url_of(&export.json(), "Patient");
    let file = path(&url);
    let before = served.get(file).body;
    dir.write("4.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"a\"}");
    dir.import(0, &["s.db", "4.ndjson"]);
    age(&dir, 9);
    // Beside the server. The version that the export sees is the one that was replaced last.
    let expected = prunable(&dir);
    assert_eq!((&expected["versions"], &expected["exports"]), (&json!(3), &json!(0)));
    assert_eq!(prune(&dir, &["--older-than", "1s"]), expected);
    assert_eq!(served.get(file).body, before);
    assert_eq!(served.end("-TERM"), 0);
    // Its time is over.
    dir.open("s.db").execute_batch("UPDATE job SET expires_at = 1").unwrap();
    let expected = prunable(&dir);
    assert_eq!((&expected["versions"], &expected["exports"]), (&json!(1), &json!(1)));
    assert_eq!(prune(&dir, &[]), expected);
    assert_eq!(
        dir.count("s.db", "SELECT (SELECT count(*) FROM job) + (SELECT count(*) FROM job_file)"),
        0
    );
}

#[test]
fn an_export_that_runs_keeps_its_versions() {
    let dir = with_history();
    dir.open("s.db")
        .execute_batch(
            "INSERT INTO job (id, state, request, snapshot, transaction_time, created_at, expires_at)
             VALUES ('x', 'running', '{}', 1, 1, 1, 1)",
        )
        .unwrap();
    age(&dir, 9);
    assert_eq!(prunable(&dir)["versions"], 0);
    let pruned = prune(&dir, &["--older-than", "1s"]);
    assert_eq!(pruned, json!({"versions": 0, "bytes": 0, "exports": 0}));
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 1);
}

#[test]
fn the_numbers_are_said_and_the_way_to_a_smaller_file() {
    let dir = with_history();
    age(&dir, 9);
    let ran = dir.run(["prune", "s.db"]);
    assert!(ran.stdout.starts_with("removed 3 versions ("), "{}", ran.stdout);
    assert!(ran.stderr.contains("`fhirlite compact s.db`"), "{}", ran.stderr);
    let ran = dir.run(["prune", "s.db"]);
    assert_eq!(ran.stdout, "removed 0 versions (0 bytes) and 0 exports\n");
    assert_eq!(ran.stderr, "");
}
