//! What an import keeps of a resource, and what it adds.

use crate::support::Dir;

#[test]
fn resources_are_kept_byte_for_byte() {
    let kept = [
        r#"{"resourceType":"Observation","id":"n","valueQuantity":{"value":1.00},"x":[1e400,-0.0,0.123456789012345678901234567890,100000000000000000000000000000]}"#,
        r#"{"z":1,"id":"k","a":2,"resourceType":"Patient","unknown":{"b":[],"a":{}}}"#,
        r#"{ "resourceType" : "Patient" , "id" : "spaces" , "text" : "a  b" }"#,
        r#"{"resourceType":"Patient","id":"e","name":"\u00e9\ud83d\ude00\ud800 \/ \u0000 é😀"}"#,
        r#"{"resourceType":"NobodyHasHeardOfIt","id":"t.1-2"}"#,
        r#"{"resourceType":"Patient","id":"m","meta":{}}"#,
        r#"{"resourceType":"Patient","id":"m2","meta":{ "tag":[]}}"#,
    ];
    let dir = Dir::new();
    dir.write("in.ndjson", kept.join("\n"));
    dir.import(0, &["s.db", "in.ndjson"]);
    for text in kept {
        let value: serde_json::Value =
            match serde_json::from_str(&text.replace("1e400", "1").replace("\\ud800", "")) {
                Ok(value) => value,
                Err(error) => panic!("{error}: {text}"),
            };
        let place = format!(
            "{}/{}",
            value["resourceType"].as_str().unwrap(),
            value["id"].as_str().unwrap()
        );
        let body = dir.get("s.db", &place);
        let start = body.find("\"versionId\":\"1\",\"lastUpdated\":\"").expect("set by the import");
        let end = start + "\"versionId\":\"1\",\"lastUpdated\":\"2021-05-12T16:51:13.561Z\"".len();
        let without = format!("{}{}", &body[..start], &body[end..]);
        let without = without.replace(r#","meta":{}"#, "").replace(r#""meta":{,"#, r#""meta":{"#);
        assert_eq!(without, text.replace(r#","meta":{}"#, ""), "{place}");
    }
    dir.check("s.db");
}

#[test]
fn only_line_breaks_are_removed() {
    let dir = Dir::new();
    dir.write("p.json", "{\n  \"resourceType\": \"Patient\",\r\n  \"id\": \"p\",\n  \"meta\": {\"versionId\": \"1\", \"lastUpdated\": \"2020-01-01T00:00:00Z\"},\n  \"a\": \" x \\n { \\\" \",\n  \"n\": 1.50\n}\n");
    dir.import(0, &["s.db", "p.json"]);
    assert_eq!(
        dir.get("s.db", "Patient/p"),
        "{\"resourceType\":\"Patient\",\"id\":\"p\",\"meta\":{\"versionId\":\"1\",\"lastUpdated\":\"2020-01-01T00:00:00Z\"},\"a\":\" x \\n { \\\" \",\"n\":1.50}"
    );
}

#[test]
fn an_id_is_derived_from_the_content() {
    let dir = Dir::new();
    dir.write("a.ndjson", "{\"resourceType\":\"Basic\",\"n\":1}\n{\"resourceType\":\"Basic\",\"n\":2}\n{\"n\":1 , \"resourceType\":\"Basic\"}\n");
    assert_eq!(dir.import(0, &["s.db", "a.ndjson"])["created"], 3);
    // The same content in another layout is the same resource.
    dir.write("b.json", "{\n \"resourceType\": \"Basic\",\n \"n\": 2\n}");
    assert_eq!(dir.import(0, &["s.db", "a.ndjson", "b.json"])["unchanged"], 4);
    for (_, body) in dir.bodies("s.db") {
        assert_eq!(body.matches("\"id\":").count(), 1, "{body}");
    }
}

#[test]
fn a_long_id_is_accepted_with_a_warning() {
    let dir = Dir::new();
    let id = "x".repeat(65);
    dir.write("a.json", format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#));
    let ran = dir.run(["import", "s.db", "a.json", "--json"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("65 characters"), "{}", ran.stderr);
    assert!(ran.stdout.contains(r#""warnings":1"#), "{}", ran.stdout);
}
