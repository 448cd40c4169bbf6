//! Bytes that change on the disk: what `check`, reads, downloads and imports say of them.

use crate::support::bulk::path;
use crate::support::client::raw;
use crate::support::{Dir, FHIRLITE, project, python, seal, succeed, until};

/// A store `s.db` of 300 Patients, of which the file `changed.ndjson` changes one.
fn patients() -> Dir {
    let dir = Dir::new();
    let line =
        |n| format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"text\":\"{n:0900}\"}}\n");
    dir.write("in.ndjson", (0..300).map(line).collect::<String>());
    dir.write("changed.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"p200\",\"active\":true}\n");
    dir.import(0, &["s.db", "in.ndjson"]);
    dir
}

/// Changes one digit in the body of `p200`, as a disk does: nothing else says so.
fn damage(dir: &Dir) {
    let mut bytes = dir.read("s.db");
    let text = format!("{:0900}", 200);
    let at = (0..bytes.len() - text.len())
        .find(|at| bytes[*at..].starts_with(text.as_bytes()))
        .expect("the body");
    bytes[at + 450] = b'1';
    dir.write("s.db", bytes);
}

#[test]
fn every_flipped_bit_that_changes_a_row_is_told_and_no_export_has_it() {
    let Some(mut python) = python(&["sqlite3", "tempfile"]) else { return };
    let dir = Dir::new();
    dir.import(0, &["s.db", project().join("sample-data").to_str().expect("UTF-8")]);
    let script = project().join("tests/store/flips.py");
    let (store, flips, seed) = (dir.path("s.db"), "12", "20261126");
    let python = python.arg(script).arg(FHIRLITE).arg(store).args([flips, seed]);
    succeed(python);
}

#[test]
fn a_changed_byte_of_a_body_is_named_and_never_comes_out() {
    let dir = patients();
    damage(&dir);
    let ran = dir.run(["check", "s.db"]);
    assert_eq!(ran.code, 8, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("Patient/p200 version 1: the body is not as it was stored"),
        "{}",
        ran.stderr
    );
    for command in [["get", "s.db", "Patient/p200"], ["export", "s.db", "out"]] {
        let ran = dir.run(command);
        assert_eq!(ran.code, 8, "{command:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("Patient/p200"), "{}", ran.stderr);
    }
    let served = dir.serve_with_log(&["s.db"]);
    served.get("/fhir/Patient/p200").assert_outcome(500, "its log says more");
    assert_eq!(served.get("/fhir/Patient/p100").status, 200);
    let manifest = served.manifest("");
    let url = path(manifest["output"][0]["url"].as_str().expect("a url")).to_owned();
    let request = format!("GET {url} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = raw(served.authority(), request.as_bytes());
    let text = String::from_utf8_lossy(&answer).into_owned();
    // Nothing, or less than was announced.
    if text.starts_with("HTTP/1.1 200") {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize = length.expect("a length").parse().expect("a number");
        assert!(body.len() < length, "{} of {length}", body.len());
    }
    let named = || dir.text("stderr").contains("Patient/p200 version 1").then_some(());
    until("the log names the resource", named);
}

/// An import that meets a damaged resource ends there, and says which one it is.
#[test]
fn an_import_or_a_deletion_that_meets_damage_ends_with_an_error() {
    let dir = patients();
    damage(&dir);
    for command in [
        vec!["import", "s.db", "changed.ndjson"],
        vec!["import", "s.db", "in.ndjson"],
        vec!["delete", "s.db", "Patient/p200"],
    ] {
        let ran = dir.run(&command);
        assert_eq!(ran.code, 8, "{command:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("Patient/p200 version 1"), "{}", ran.stderr);
    }
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM history"), 0);
}

/// The test makes the checksums by the description in docs/store.md.
#[test]
fn checksums_are_those_that_the_documentation_describes() {
    let dir = patients();
    dir.import(0, &["s.db", "changed.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Patient/p7"]).code, 0);
    let db = dir.open("s.db");
    let sums = |db: &rusqlite::Connection| -> Vec<(i64, i64, i64)> {
        let sql = "SELECT seq, body_checksum, row_checksum FROM resource
                    UNION ALL SELECT seq, body_checksum, row_checksum FROM history ORDER BY seq";
        let mut statement = db.prepare(sql).expect("versions");
        let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.expect("versions").collect::<Result<_, _>>().expect("numbers")
    };
    let kept = sums(&db);
    seal(&db);
    assert!(kept.len() == 301 && kept == sums(&db));
}

/// Each of these kept a check from saying what is wrong.
#[test]
fn check_names_values_of_the_wrong_type_and_goes_on() {
    for (change, finding) in [
        (
            "UPDATE setting SET value = 'x' WHERE name = 'store_id'",
            "the setting store_id is missing",
        ),
        ("UPDATE setting SET value = 7 WHERE name = 'store_id'", "the setting store_id is missing"),
        (
            "UPDATE setting SET value = 'x' WHERE name = 'last_seq'",
            "the setting last_seq is missing",
        ),
        ("UPDATE resource SET body = CAST(body AS BLOB) WHERE id = 'p3'", "Patient/p3 version 1"),
        (
            "UPDATE resource SET id = CAST(x'ff' AS TEXT) WHERE id = 'p3'",
            "Patient/\u{fffd} version 1",
        ),
    ] {
        let dir = patients();
        let other = "UPDATE resource SET owner = 7 WHERE id = 'p9'; DELETE FROM compartment";
        dir.open("s.db").execute_batch(&format!("{change}; {other}")).expect("changed");
        let ran = dir.run(["check", "s.db"]);
        assert_eq!(ran.code, 8, "{change}: {}", ran.stderr);
        for what in [finding, "Patient/p9 version 1: the row is not as it was stored"] {
            assert!(ran.stderr.contains(what), "{change}: {}", ran.stderr);
        }
    }
}

#[test]
fn many_findings_of_one_sort_are_counted() {
    let dir = patients();
    dir.open("s.db").execute_batch("UPDATE resource SET owner = 7").expect("changed");
    let ran = dir.run(["check", "s.db"]);
    assert_eq!(ran.code, 8);
    assert!(ran.stderr.contains("and 200 more: the owner is not a user"), "{}", ran.stderr);
    assert!(ran.stderr.contains("s.db: 600 findings"), "{}", ran.stderr);
    assert!(ran.stderr.lines().count() < 210, "{}", ran.stderr.lines().count());
}
