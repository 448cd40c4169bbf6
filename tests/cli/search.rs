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
fn results_have_an_order_a_number_and_company() {
    let dir = filled();
    for (query, expected) in [
        ("Patient?_sort=-_id", vec!["Patient/b", "Patient/a"]),
        ("Patient?_sort=name", vec!["Patient/a", "Patient/b"]),
        ("Patient?_sort=-_id&_count=1", vec!["Patient/b"]),
        ("Patient?_count=1", vec!["Patient/a"]),
        ("Patient?_count=0", vec![]),
        ("Observation?_include=Observation:subject", vec!["Observation/o", "Patient/a"]),
        ("Patient?_count=1&_revinclude=Observation:patient", vec!["Patient/a", "Observation/o"]),
        (
            "Patient?_sort=-_id&_revinclude=Observation:subject",
            vec!["Patient/b", "Patient/a", "Observation/o"],
        ),
    ] {
        let ran = dir.run(["search", "s.db", query]);
        let lines: String = expected.iter().map(|name| dir.get("s.db", name) + "\n").collect();
        assert_eq!((ran.code, ran.stdout.as_str()), (0, lines.as_str()), "{query}: {}", ran.stderr);
    }
    let cut = dir.run(["search", "s.db", "Patient?_id=b&_elements=name"]).stdout;
    assert!(cut.contains("SUBSETTED") && !cut.contains("gender"), "{cut}");
}

#[test]
fn a_wrong_search_is_named() {
    let dir = filled();
    for (query, code, named) in [
        ("patient?gender=female", 3, "did you mean Patient?"),
        ("", 3, "it has Observation, Patient"),
        ("Patient?sex=female", 2, "\"sex\" cannot be searched for here; Patient has _id"),
        ("Patient?birthdate=soon", 2, "birthdate \"soon\""),
        ("Patient?_sort=height", 2, "_sort \"height\""),
        ("Patient?_total=accurate", 2, "_total is not supported here"),
        ("Patient?_summary=count", 2, "_summary=count is not supported here"),
        ("Patient?_include=Patient:name", 2, "it has general-practitioner"),
        ("Patient?_after=1", 2, "\"_after\""),
    ] {
        let ran = dir.run(["search", "s.db", query]);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{query}: {}", ran.stderr);
        assert!(ran.stderr.contains(named), "{query}: {}", ran.stderr);
    }
}
