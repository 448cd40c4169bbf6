//! Halves of surrogate pairs (`\ud800` alone), which JSON can write and FHIR forbids: nothing is lost, and every
//! one is told of with its place.

use crate::support::Dir;

#[test]
fn half_of_a_surrogate_pair_is_kept_as_it_came_and_told_of_with_its_line() {
    let dir = Dir::new();
    let stamped = |id: &str, rest: &str| {
        format!(
            r#"{{"resourceType":"Patient","id":"{id}","meta":{{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}},{rest}}}"#
        )
    };
    let lines = [
        stamped("a", r#""name":[{"family":"x\ud800y"}]"#),
        stamped("b", r#""name":[{"family":"\ud83d\ude00 and \\ud800"}]"#),
        stamped("c", r#""identifier":[{"system":"u","value":"v\udc00"}]"#),
    ];
    dir.write("in.ndjson", lines.join("\n"));
    let bundle = r#"{"resourceType":"Bundle","type":"collection","entry":[
{"resource":{"resourceType":"Basic","id":"d"}},
{"resource":{"resourceType":"Basic","id":"e","language":"\uDABC"}}]}"#;
    dir.write("bundle.json", bundle);
    let ran = dir.run(["import", "s.db", "in.ndjson", "bundle.json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let told: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(told.len(), 3, "{}", ran.stderr);
    for (line, place) in told.iter().zip([
        r"warning: in.ndjson:1: \ud800 is half of a surrogate pair",
        r"warning: in.ndjson:3: \udc00 is half of a surrogate pair",
        r"warning: bundle.json:3: \uDABC is half of a surrogate pair",
    ]) {
        assert!(line.starts_with(place), "{line}");
    }
    assert_eq!(dir.run(["export", "s.db", "out", "--type", "Patient"]).code, 0);
    assert_eq!(dir.text("out/Patient.ndjson"), lines.join("\n") + "\n");
    let again = dir.import(0, &["s.db", "in.ndjson"]);
    assert_eq!(again["unchanged"], 3);
    dir.check("s.db");
}

/// Where the text has a meaning, as an id has, it must have characters.
#[test]
fn half_of_a_surrogate_pair_where_it_has_a_meaning_is_rejected_with_its_line() {
    let dir = Dir::new();
    let lines = [
        r#"{"resourceType":"Patient","id":"\ud800"}"#,
        r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"\ud800"}}"#,
        r#"{"resourceType":"Patient","id":"a","\ud800":1}"#,
        r#"{"resourceType":"Patient","id":"b"}"#,
    ];
    dir.write("in.ndjson", lines.join("\n"));
    let ran = dir.run(["import", "s.db", "in.ndjson"]);
    assert_eq!(ran.code, 1);
    let told: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(told.len(), 3, "{}", ran.stderr);
    for (number, line) in told.iter().enumerate() {
        assert!(line.starts_with(&format!("in.ndjson:{}: ", number + 1)), "{line}");
        assert!(line.contains(r"\ud800"), "{line}");
    }
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource"), 1);
}
