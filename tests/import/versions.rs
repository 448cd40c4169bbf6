//! Versions: counted, stamped, late, imported again.

use serde_json::{Value, json};

use super::{A, B, C};
use crate::support::Dir;

#[test]
fn the_counts_of_a_report_add_up() {
    let dir = Dir::new();
    dir.write("1.ndjson", format!("{A}\n{B}\n{C}\n{A}\nrubbish\n"));
    let report = dir.import(1, &["s.db", "1.ndjson"]);
    assert_eq!(report["types"], json!({"Observation": 1, "Patient": 3}));
    assert_eq!(
        (&report["created"], &report["unchanged"], &report["rejected"]),
        (&json!(3), &json!(1), &json!(1))
    );
    assert_eq!(report["bytes"], dir.read("1.ndjson").len());
    dir.write("2.ndjson", format!("{}\n{B}\n", A.replace("\"7\"", "\"8\"")));
    let report = dir.import(0, &["s.db", "2.ndjson"]);
    assert_eq!((&report["updated"], &report["unchanged"]), (&json!(1), &json!(1)));
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM history"), 1);
}

#[test]
fn stamp_always_sets_version_and_time() {
    let dir = Dir::new();
    dir.write(
        "a.ndjson",
        format!(
            "{A}\n{}\n",
            r#"{"resourceType":"Patient","id":"bad","meta":{"lastUpdated":"never","tag":[]}}"#
        ),
    );
    dir.import(0, &["s.db", "a.ndjson", "--stamp"]);
    let body: Value = serde_json::from_str(&dir.get("s.db", "Patient/a")).unwrap();
    assert_eq!(body["meta"]["versionId"], "1");
    assert!(body["meta"]["lastUpdated"].as_str().unwrap() > "2026", "{body}");
    let again = dir.import(0, &["s.db", "a.ndjson", "--stamp"]);
    assert_eq!(again["unchanged"], 2);
    dir.check("s.db");
}

#[test]
fn versions_continue_after_a_deletion() {
    let dir = Dir::new();
    for n in 1..=3 {
        dir.write("a.json", format!(r#"{{"resourceType":"Patient","id":"a","n":{n}}}"#));
        dir.import(0, &["s.db", "a.json"]);
    }
    assert!(dir.get("s.db", "Patient/a").contains(r#""versionId":"3""#));
    assert_eq!(dir.run(["delete", "s.db", "Patient/a"]).code, 0);
    dir.import(0, &["s.db", "a.json"]);
    // The deletion was version 4.
    assert!(dir.get("s.db", "Patient/a").contains(r#""versionId":"5""#));
    dir.check("s.db");
}

#[test]
fn resources_older_than_the_last_export_are_counted_as_late() {
    let dir = Dir::new();
    dir.import(0, &["s.db", dir.write("a.json", A).to_str().unwrap()]);
    assert_eq!(dir.run(["export", "s.db", "out"]).code, 0);
    assert_eq!(dir.import(0, &["s.db", dir.write("b.json", B).to_str().unwrap()])["late"], 1);
    assert_eq!(
        dir.import(
            0,
            &["s.db", dir.write("n.json", r#"{"resourceType":"Basic"}"#).to_str().unwrap()]
        )["late"],
        0
    );
}

#[test]
fn several_versions_of_a_resource_change_nothing_the_second_time() {
    let dir = Dir::new();
    let other = A.replace("\"7\"", "\"8\"");
    dir.write("a.ndjson", format!("{A}\n{other}\n{B}\n{A}\n{other}\n"));
    let first = dir.import(0, &["s.db", "a.ndjson"]);
    assert_eq!((&first["created"], &first["updated"]), (&json!(2), &json!(3)));
    let versions = dir.count("s.db", "SELECT count(*) FROM version");
    let again = dir.import(0, &["s.db", "a.ndjson"]);
    assert_eq!(
        (&again["created"], &again["updated"], &again["unchanged"]),
        (&json!(0), &json!(0), &json!(5))
    );
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM version"), versions);
    assert_eq!(dir.get("s.db", "Patient/a"), other);
    // Unchanged resources are not late either.
    assert_eq!(dir.run(["export", "s.db", "out"]).code, 0);
    assert_eq!(dir.import(0, &["s.db", "a.ndjson"])["late"], 0);
    dir.check("s.db");
}
