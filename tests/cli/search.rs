//! `fhirlite search`.

use crate::support::Dir;

const DATA: &str = r#"{"resourceType":"Patient","id":"a","gender":"female","name":[{"family":"Øye"}]}
{"resourceType":"Patient","id":"b","gender":"male"}
{"resourceType":"Observation","id":"o","status":"final","subject":{"reference":"Patient/a"},"code":{"text":"x"}}
"#;

fn filled() -> Dir {
    let dir = Dir::new();
    dir.write("in.ndjson", DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    dir
}

#[test]
fn what_is_found_is_printed_as_it_is_stored() {
    let dir = filled();
    for (query, expected) in [
        ("Patient?gender=female", vec!["Patient/a"]),
        ("Patient?name=oye", vec!["Patient/a"]),
        ("Patient?name=%C3%98ye&gender=male", vec![]),
        ("Patient", vec!["Patient/a", "Patient/b"]),
        ("Patient?", vec!["Patient/a", "Patient/b"]),
        ("Observation?patient.gender=female", vec!["Observation/o"]),
        ("Observation?subject=Patient/b", vec![]),
        ("Device?patient=a", vec![]),
    ] {
        let ran = dir.run(["search", "s.db", query]);
        let lines: String = expected.iter().map(|name| dir.get("s.db", name) + "\n").collect();
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, lines.as_str(), ""));
    }
}

#[test]
fn a_wrong_search_is_named() {
    let dir = filled();
    for (query, code, named) in [
        ("patient?gender=female", 3, "did you mean Patient?"),
        ("", 3, "it has Observation, Patient"),
        ("Patient?sex=female", 2, "\"sex\" cannot be searched for here; Patient has _id"),
        ("Patient?birthdate=soon", 2, "birthdate \"soon\""),
        ("Patient?_sort=name", 2, "\"_sort\""),
    ] {
        let ran = dir.run(["search", "s.db", query]);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{query}: {}", ran.stderr);
        assert!(ran.stderr.contains(named), "{query}: {}", ran.stderr);
    }
}
