//! References between the entries of a Bundle, and conditional references.

use serde_json::{Value, json};

use super::bundles::{bundle, import, named, request};
use crate::support::Dir;

const META: &str = r#""meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}"#;

fn observation(id: &str, reference: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "performer": [{"reference": reference}]})
}

fn performer(dir: &Dir, id: &str) -> String {
    let body: Value = serde_json::from_str(&dir.get("s.db", &format!("Observation/{id}"))).unwrap();
    body["performer"][0]["reference"].as_str().unwrap().to_owned()
}

#[test]
fn references_between_entries_become_type_and_id() {
    let dir = Dir::new();
    let text = r##"{"resourceType":"Bundle","type":"transaction","entry":[
{"fullUrl":"urn:uuid:0000-A","resource":{"resourceType":"Patient","id":"p","identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:0000-a"}],"text":{"div":"<p>urn:uuid:0000-A</p>"},META},"request":{"method":"POST","url":"Patient"}},
{"fullUrl":"urn:oid:1.2.3","resource":{"resourceType":"Binary","id":"b",META},"request":{"method":"POST","url":"Binary"}},
{"fullUrl":"https://example.org/fhir/Group/g","resource":{"resourceType":"Group","id":"g",META},"request":{"method":"PUT","url":"Group/g"}},
{"fullUrl":"urn:uuid:o","resource":{"resourceType":"Observation","id":"o","contained":[{"resourceType":"Basic","subject":{"reference":"urn:uuid:0000-a"}}],"extension":[{"url":"urn:uuid:not-here","valueReference":{"reference" : "urn:uuid:0000-A"}}],"a":{"reference":"https:\/\/example.org\/fhir\/Group\/g"},"attachment":{"url":"urn:oid:1.2.3"},"valueUri":"urn:oid:1.2.3","b":{"reference":"#x"},"c":{"reference":"urn:uuid:not-here"},"display":"urn:oid:1.2.3",META},"request":{"method":"POST","url":"Observation"}},
{"fullUrl":"https://example.org/StructureDefinition/s","resource":{"resourceType":"StructureDefinition","id":"s","url":"https://example.org/StructureDefinition/s",META},"request":{"method":"PUT","url":"StructureDefinition/s"}}]}"##;
    let text = text.replace("META", META);
    assert_eq!(import(&dir, 0, &text)["warnings"], 1, "the reference that names no entry");
    let expected = r##"{"resourceType":"Observation","id":"o","contained":[{"resourceType":"Basic","subject":{"reference":"Patient/p"}}],"extension":[{"url":"urn:uuid:not-here","valueReference":{"reference" : "Patient/p"}}],"a":{"reference":"Group/g"},"attachment":{"url":"Binary/b"},"valueUri":"Binary/b","b":{"reference":"#x"},"c":{"reference":"urn:uuid:not-here"},"display":"urn:oid:1.2.3",META}"##;
    assert_eq!(dir.get("s.db", "Observation/o"), expected.replace("META", META));
    let patient = dir.get("s.db", "Patient/p");
    assert!(
        patient.contains(r#""value":"urn:uuid:0000-a""#)
            && patient.contains("<p>urn:uuid:0000-A</p>"),
        "{patient}"
    );
    // A canonical URL is a name and not a reference.
    assert!(
        dir.get("s.db", "StructureDefinition/s")
            .contains(r#""url":"https://example.org/StructureDefinition/s""#)
    );
}

#[test]
fn entries_without_ids_are_linked_and_stay_apart() {
    let dir = Dir::new();
    let entries = json!([
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient"}, "request": request("POST", "Patient")},
        {"fullUrl": "urn:uuid:2", "resource": {"resourceType": "Patient"}, "request": request("POST", "Patient")},
        {"resource": {"resourceType": "Observation", "subject": {"reference": "urn:uuid:2"}}, "request": request("POST", "Observation")},
    ]);
    let text = bundle("transaction", entries);
    assert_eq!(import(&dir, 0, &text)["created"], 3);
    assert_eq!(import(&dir, 0, &text)["unchanged"], 3);
    let dangling = "SELECT count(*) FROM resource o WHERE o.type = 'Observation' AND NOT EXISTS (
        SELECT 1 FROM resource p WHERE p.type || '/' || p.id = json_extract(o.body, '$.subject.reference'))";
    assert_eq!(dir.count("s.db", dangling), 0);
}

#[test]
fn conditional_references_find_resources_of_the_bundle_and_of_the_store() {
    let dir = Dir::new();
    import(
        &dir,
        0,
        &bundle(
            "batch",
            json!([{"resource": named("stored", "http://x/npi", "1")}, {"resource": named("twice", "s", "3")}]),
        ),
    );
    let entries = json!([
        {"resource": observation("a", "Practitioner?identifier=http://x/npi|1")},
        {"resource": observation("b", "Practitioner?identifier=http:%2F%2Fx/npi%7C2")},
        {"resource": observation("c", "Practitioner?identifier=3")},
        {"resource": observation("d", "Practitioner?identifier=http://x/npi|404")},
        {"resource": observation("e", "Practitioner?name=Who")},
        {"resource": observation("f", "Practitioner?_id=stored")},
        {"resource": named("near", "http://x/npi", "2")},
        {"resource": named("too", "t", "3")},
    ]);
    let text = bundle("transaction", entries)
        .replace("http://x/npi|1", r"http:\/\/x\/npi|1")
        .replace("identifier=3", r"identifier\u003d3");
    dir.write("bundle.json", text);
    let ran = dir.run(["import", "s.db", "bundle.json", "--json"]);
    assert_eq!(ran.code, 0);
    assert_eq!(performer(&dir, "a"), "Practitioner/stored");
    assert_eq!(performer(&dir, "b"), "Practitioner/near");
    assert_eq!(performer(&dir, "f"), "Practitioner/stored");
    for (id, left, why) in [
        ("c", "Practitioner?identifier=3", "finds several"),
        ("d", "Practitioner?identifier=http://x/npi|404", "finds nothing"),
        ("e", "Practitioner?name=Who", "cannot be searched here"),
    ] {
        assert_eq!(performer(&dir, id), left);
        assert!(ran.stderr.contains(why), "{why}: {}", ran.stderr);
    }
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["unresolved"], 3);
    dir.check("s.db");
}

#[test]
fn an_unresolved_reference_is_resolved_by_later_input() {
    let dir = Dir::new();
    dir.write("1.json", bundle("batch", json!([{"resource": observation("a", "Practitioner?identifier=s|1")}, {"resource": observation("b", "Practitioner?identifier=s|2")}])));
    dir.write("2.json", named("one", "s", "1").to_string());
    dir.write("3.json", named("two", "s", "2").to_string());
    // In one import, whatever the order of the files.
    assert_eq!(dir.import(0, &["s.db", "1.json", "2.json"])["unresolved"], 1);
    assert_eq!(performer(&dir, "a"), "Practitioner/one");
    // In a later import.
    assert_eq!(dir.import(0, &["s.db", "3.json"])["unresolved"], 0);
    assert_eq!(performer(&dir, "b"), "Practitioner/two");
    // The same input is still recognized as unchanged.
    let again = dir.import(0, &["s.db", "1.json", "2.json", "3.json"]);
    assert_eq!(
        (&again["created"], &again["updated"], &again["unchanged"]),
        (&json!(0), &json!(0), &json!(4))
    );
    dir.check("s.db");
}

#[test]
fn if_none_exist_creates_once() {
    let dir = Dir::new();
    let entry = |id: &str, value: &str| {
        json!({"fullUrl": format!("urn:uuid:{id}"), "resource": named(id, "s", value),
               "request": {"method": "POST", "url": "Practitioner", "ifNoneExist": format!("identifier=s|{value}")}})
    };
    let link = json!({"resource": observation("o", "urn:uuid:second"), "request": request("POST", "Observation")});
    let text = bundle(
        "batch",
        json!([entry("first", "1"), entry("second", "1"), entry("other", "2"), link]),
    );
    let report = import(&dir, 0, &text);
    assert_eq!((&report["created"], &report["unchanged"]), (&json!(3), &json!(1)));
    // References to the entry that was not created lead to the existing resource.
    assert_eq!(performer(&dir, "o"), "Practitioner/first");
    assert_eq!(import(&dir, 0, &text)["unchanged"], 4);
}

#[test]
fn if_none_exist_finds_what_the_entry_made_among_several() {
    let dir = Dir::new();
    let post = |resource: Value, value: &str| {
        json!({"fullUrl": format!("urn:uuid:{value}-{}", resource["id"]), "resource": resource,
               "request": {"method": "POST", "url": "Practitioner", "ifNoneExist": format!("identifier=s|{value}")}})
    };
    let mut anonymous = named("", "s", "2");
    anonymous.as_object_mut().unwrap().remove("id");
    let link = |id: &str, urn: &str| json!({"resource": observation(id, urn), "request": request("POST", "Observation")});
    let text = bundle(
        "batch",
        json!([
            post(named("first", "s", "1"), "1"),
            post(named("second", "s", "1"), "1"),
            post(anonymous, "2"),
            link("o", "urn:uuid:1-\"second\""),
            link("p", "urn:uuid:2-null"),
        ]),
    );
    assert_eq!(import(&dir, 0, &text)["created"], 4);
    let anonymous = performer(&dir, "p");
    for value in ["1", "2"] {
        import(&dir, 0, &named(&format!("other{value}"), "s", value).to_string());
    }
    let before = dir.bodies("s.db");
    let again = import(&dir, 0, &text);
    assert_eq!((&again["unchanged"], &again["rejected"]), (&json!(5), &json!(0)), "{again}");
    assert_eq!(dir.bodies("s.db"), before);
    assert_eq!(
        (performer(&dir, "o"), performer(&dir, "p")),
        ("Practitioner/first".into(), anonymous)
    );
    // An entry that made none of them cannot know which one is meant.
    let stranger = bundle("batch", json!([post(named("third", "s", "1"), "1")]));
    assert_eq!(import(&dir, 1, &stranger)["rejected"], 1);
    // A conditional update is unchanged as long as it changes nothing.
    let put = |more: Value| {
        let mut resource = named("first", "s", "1");
        resource.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        bundle(
            "batch",
            json!([{"resource": resource, "request": request("PUT", "Practitioner?identifier=s|1")}]),
        )
    };
    assert_eq!(import(&dir, 0, &put(json!({})))["unchanged"], 1);
    assert_eq!(import(&dir, 1, &put(json!({"active": true})))["rejected"], 1);
    dir.check("s.db");
}

#[test]
fn a_reference_to_a_rejected_entry_stays_as_it_is() {
    let dir = Dir::new();
    let deep =
        serde_json::from_str::<Value>(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).unwrap();
    let entries = json!([
        {"fullUrl": "urn:uuid:bad", "resource": {"resourceType": "Patient", "id": "bad", "meta": {"lastUpdated": "never"}}},
        {"resource": observation("o", "urn:uuid:bad")},
        {"resource": {"resourceType": "Patient", "id": "deep", "x": deep}},
    ]);
    let report = import(&dir, 1, &bundle("collection", entries));
    assert_eq!(
        (&report["created"], &report["rejected"], &report["warnings"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(performer(&dir, "o"), "urn:uuid:bad");
    // An entry with too many levels does not affect the others.
    let deep = format!("{}1{}", "[".repeat(1001), "]".repeat(1001));
    let text = format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{{"resourceType":"Basic","id":"d","x":{deep}}}}},{{"resource":{{"resourceType":"Basic","id":"e"}}}}]}}"#
    );
    let report = import(&dir, 1, &text);
    assert_eq!((&report["created"], &report["rejected"]), (&json!(1), &json!(1)));
}

#[test]
fn references_with_escapes_are_resolved() {
    let dir = Dir::new();
    import(&dir, 0, &named("one", "s", "1").to_string());
    dir.write("o.json", r#"{"resourceType":"Observation","id":"o","performer":[{"r\u0065ference":"Practitioner\u003fidentifier\u003ds|1"}]}"#);
    dir.import(0, &["s.db", "o.json"]);
    assert!(dir.get("s.db", "Observation/o").contains(r#"{"r\u0065ference":"Practitioner/one"}"#));
    // An odd identifier does not hide the others.
    let odd = r#"{"resourceType":"Practitioner","id":"two","identifier":[{"value":5},7,{"system":"s","value":"2"}]}"#;
    import(&dir, 0, odd);
    import(&dir, 0, &observation("p", "Practitioner?identifier=s|2").to_string());
    assert_eq!(performer(&dir, "p"), "Practitioner/two");
}

#[test]
fn only_references_to_an_entry_are_rewritten() {
    let dir = Dir::new();
    let entries = json!([{"fullUrl": "urn:oid:1.2", "resource": {"resourceType": "ValueSet", "id": "v", "url": "urn:oid:1.2", "extension": [{"url": "urn:oid:1.2", "valueUri": "urn:oid:1.2"}]}}]);
    import(&dir, 0, &bundle("collection", entries));
    let body: Value = serde_json::from_str(&dir.get("s.db", "ValueSet/v")).unwrap();
    assert_eq!(
        (&body["url"], &body["extension"][0]),
        (&json!("urn:oid:1.2"), &json!({"url": "urn:oid:1.2", "valueUri": "ValueSet/v"}))
    );
}
