//! `fhirlite check`: each contradiction that a change by hand can leave is found, and only that one.

use crate::support::Dir;

const PATIENT: &str = r#"{"resourceType":"Patient","id":"a"}"#;
const CHANGED: &str = r#"{"resourceType":"Patient","id":"a","active":true}"#;
const OBSERVATION: &str = concat!(
    r#"{"resourceType":"Observation","id":"o","identifier":[{"value":"x"}],"#,
    r#""subject":{"reference":"Patient/a"},"#,
    r#""performer":[{"reference":"Practitioner?identifier=none"}]}"#
);
const PHOTO: &str =
    r#"{"resourceType":"Patient","id":"p","photo":[{"url":"Binary/1"},{"url":"Binary/2"}]}"#;
const GONE: &str = r#"{"resourceType":"Basic","id":"gone"}"#;

/// A store with current, replaced and deleted versions, and rows in every table about versions.
fn filled() -> Dir {
    let dir = Dir::new();
    dir.write("1.ndjson", [PATIENT, OBSERVATION, PHOTO, GONE].join("\n"));
    dir.write("2.ndjson", CHANGED);
    dir.import(0, &["s.db", "1.ndjson"]);
    dir.import(0, &["s.db", "2.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Basic/gone"]).code, 0);
    dir.check("s.db");
    dir
}

/// Changes the store by hand; each line of the check's report must be in `findings`, beside those that tell the
/// change by the checksums.
fn found(change: &str, findings: &[&str]) {
    let dir = filled();
    dir.open("s.db").execute_batch(change).unwrap();
    let ran = dir.run(["check", "s.db"]);
    assert_eq!(ran.code, 8, "{change}: {}", ran.stdout);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let (last, lines) = lines.split_last().unwrap();
    assert!(last.contains(&format!("s.db: {} findings", lines.len())), "{change}: {last}");
    let others: Vec<&str> =
        lines.iter().copied().filter(|line| !line.contains("not as it was stored")).collect();
    assert_eq!(others, findings, "{change}");
}

#[test]
fn contradictions_within_a_version_are_found() {
    for (change, findings) in [
        (
            "UPDATE resource SET body = '{' || char(10) || substr(body, 2), size = size + 1
              WHERE id = 'a'",
            ["Patient/a version 2: the body has line breaks"],
        ),
        (
            "UPDATE resource SET assigned = 8 WHERE id = 'a'",
            ["Patient/a version 2: a column has a value of the wrong type"],
        ),
        (
            "UPDATE history SET assigned = 'x' WHERE id = 'a'",
            ["Patient/a version 1: a column has a value of the wrong type"],
        ),
        (
            "UPDATE resource SET hash = zeroblob(31) WHERE id = 'a'",
            ["Patient/a version 2: the hash is not a SHA-256"],
        ),
        (
            "UPDATE history SET hash = 'x' WHERE id = 'gone'",
            ["Basic/gone version 1: the hash is not a SHA-256"],
        ),
        (
            "UPDATE resource SET owner = 7 WHERE id = 'p'",
            ["Patient/p version 1: the owner is not a user"],
        ),
    ] {
        found(change, &findings);
    }
}

#[test]
fn contradictions_between_versions_are_found() {
    for (change, findings) in [
        (
            "UPDATE history SET body = '', size = 0 WHERE id = 'a'",
            vec!["Patient/a version 1: the body is missing although the version was not deleted"],
        ),
        (
            "UPDATE history SET deleted = 2 WHERE id = 'a'",
            vec!["Patient/a version 1: deleted is neither 0 nor 1"],
        ),
        (
            "UPDATE history SET ended = ended + 100 WHERE id = 'gone'",
            vec!["Basic/gone version 1: it ended after the last write"],
        ),
        (
            "INSERT INTO user (id, client, app_user_id, active, created_at)
             VALUES (7, 1, 'x', 1, 0); UPDATE history SET owner = 7 WHERE id = 'a'",
            vec!["Patient/a version 1: a user's resource has another owner now"],
        ),
        (
            "UPDATE history SET ended = (SELECT value FROM setting WHERE name = 'last_seq')
              WHERE id = 'a'",
            vec!["Patient/a version 1: two versions are current at once"],
        ),
        // Two rows of history between the same numbers; the second lies inside the first.
        (
            "INSERT INTO history (seq, type, id, version_id, last_updated, assigned, size, hash,
                                  ended, ended_at, deleted, body)
             SELECT seq + 100, type, id, 'x', last_updated, assigned, size, hash,
                    ended + 101, ended_at, deleted,
                    replace(body, '\"versionId\":\"1\"', '\"versionId\":\"x\"')
               FROM history WHERE id = 'gone';
             UPDATE history SET ended = seq + 101 WHERE version_id = '1' AND id = 'gone';
             UPDATE setting SET value = 1000 WHERE name = 'last_seq'",
            vec!["Basic/gone version 1: two versions were current at once"],
        ),
    ] {
        found(change, &findings);
    }
}

#[test]
fn rows_that_contradict_the_bodies_are_found() {
    for (change, findings) in [
        (
            "UPDATE compartment SET patient = 'b'",
            ["Observation/o version 1: compartment does not match the patients in the body"],
        ),
        (
            "DELETE FROM compartment",
            ["Observation/o version 1: compartment does not match the patients in the body"],
        ),
        (
            "UPDATE attachment_url SET relative = 3 WHERE target_id = '2'",
            ["Patient/p version 1: attachment_url does not match the attachments in the body"],
        ),
        (
            "DELETE FROM attachment_url",
            ["Patient/p version 1: attachment_url does not match the attachments in the body"],
        ),
        (
            "INSERT INTO security_context (seq, type, id)
             SELECT seq, 'Patient', 'p' FROM resource WHERE id = 'p'",
            ["Patient/p version 1: security_context is not that of the body"],
        ),
        (
            "INSERT INTO reference_target (key, type, id) VALUES (9, 'Location', '1');
             INSERT INTO reference (seq, target) SELECT seq, 9 FROM resource WHERE id = 'p'",
            [
                "Patient/p version 1: reference or provenance_target does not match the references in the body",
            ],
        ),
        (
            "INSERT INTO provenance_target (seq, target) SELECT seq, 1 FROM resource WHERE id = 'o'",
            [
                "Observation/o version 1: reference or provenance_target does not match the references in the body",
            ],
        ),
        (
            "INSERT INTO reference (seq, target) VALUES (99, 1)",
            ["file: 1 rows of reference belong to no version"],
        ),
        (
            "INSERT INTO provenance_target (seq, target) VALUES (99, 1)",
            ["file: 1 rows of provenance_target belong to no version"],
        ),
        (
            "INSERT INTO unresolved (reference, seq) VALUES ('Patient?identifier=x', 99)",
            ["file: 1 rows of unresolved belong to no version"],
        ),
        (
            "INSERT INTO compartment (seq, patient) VALUES (99, 'a'), (99, 'b')",
            ["file: 2 rows of compartment belong to no version"],
        ),
        (
            "INSERT INTO attachment_url VALUES (99, 'Binary', '1', '', 1, 0)",
            ["file: 1 rows of attachment_url belong to no version"],
        ),
        (
            "INSERT INTO security_context VALUES (99, 'Patient', 'p')",
            ["file: 1 rows of security_context belong to no version"],
        ),
    ] {
        found(change, &findings);
    }
    found(
        "DELETE FROM resource_type WHERE name = 'Patient'",
        &[
            "file: 2 rows of current_version have a type that resource_type lacks",
            "file: 1 rows of ended_version have a type that resource_type lacks",
        ],
    );
}

#[test]
fn missing_tables_indexes_and_settings_are_found() {
    for (change, findings) in [
        ("DROP INDEX ended_by_end", "file: ended_by_end is missing".to_owned()),
        ("DROP INDEX audit_by_export", "file: audit_by_export is missing".to_owned()),
        ("DROP TABLE assertion", "file: assertion is missing".to_owned()),
    ] {
        let dir = filled();
        dir.open("s.db").execute_batch(change).unwrap();
        let ran = dir.run(["check", "s.db"]);
        assert_eq!(ran.code, 8, "{change}: {}", ran.stdout);
        assert!(ran.stderr.lines().any(|line| line == findings), "{change}: {}", ran.stderr);
    }
    for (name, value) in [
        ("last_write_time", "'x'"),
        ("last_transaction_time", "'x'"),
        ("signing_key", "zeroblob(31)"),
        ("store_id", "zeroblob(15)"),
    ] {
        let finding = format!("file: the setting {name} is missing or has a wrong value");
        found(&format!("UPDATE setting SET value = {value} WHERE name = '{name}'"), &[&finding]);
    }
    let finding = "file: the setting signing_key is missing or has a wrong value";
    found("DELETE FROM setting WHERE name = 'signing_key'", &[finding]);
}

/// The check of the pages is SQLite's own; its words depend on its version.
#[test]
fn damaged_pages_are_found() {
    let dir = filled();
    let db = dir.open("s.db");
    db.execute_batch(
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema
                                               WHERE name = 'token_by_end')
          WHERE name = 'assertion_by_end'",
    )
    .unwrap();
    drop(db);
    let ran = dir.run(["check", "s.db"]);
    assert_eq!(ran.code, 8, "{}", ran.stdout);
    assert!(ran.stderr.lines().any(|line| line.starts_with("file: ")), "{}", ran.stderr);
}

#[test]
fn check_finds_changes_by_hand() {
    for (change, found) in [
        ("UPDATE resource SET size = size + 1", "size"),
        (
            "UPDATE resource SET body = body || ' ', size = size + 1, last_updated = 0",
            "last_updated",
        ),
        ("UPDATE resource SET body = 'x', size = 1", "not JSON"),
        ("UPDATE resource SET id = 'b'", "another id"),
        ("UPDATE resource SET type = 'Group'", "another type"),
        ("UPDATE resource SET version_id = '9'", "version_id"),
        ("UPDATE setting SET value = 0 WHERE name = 'last_seq'", "seq is higher"),
        ("INSERT INTO identifier VALUES (99, 'Patient', NULL, 'x')", "belong to no version"),
        (
            "INSERT INTO history (seq, type, id, version_id, last_updated, assigned, size, hash, ended, ended_at, deleted, body)
             SELECT seq + 10, type, id, version_id, last_updated, assigned, size, hash, 1, 0, 0, body FROM resource",
            "before it began",
        ),
    ] {
        let dir = super::filled();
        dir.open("s.db").execute_batch(change).unwrap();
        let ran = dir.run(["check", "s.db"]);
        assert_eq!(ran.code, 8, "{change}: {}", ran.stdout);
        assert!(ran.stderr.contains(found), "{change}: {}", ran.stderr);
    }
}
