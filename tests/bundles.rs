//! Bundles: what each type's entries do, and how links between them are rewritten.

use serde_json::{Value, json};

use crate::support::Dir;

const META: &str = r#""meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}"#;

fn bundle(bundle_type: &str, entries: Value) -> String {
    json!({"resourceType": "Bundle", "type": bundle_type, "entry": entries}).to_string()
}

fn patient(id: &str, more: Value) -> Value {
    let mut patient = json!({"resourceType": "Patient", "id": id});
    for (name, value) in more.as_object().unwrap() {
        patient[name] = value.clone();
    }
    patient
}

fn request(method: &str, url: &str) -> Value {
    json!({"method": method, "url": url})
}

fn import(dir: &Dir, code: i32, text: &str) -> Value {
    dir.write("bundle.json", text);
    dir.import(code, &["s.db", "bundle.json"])
}

#[test]
fn resources_of_every_other_type_are_entries() {
    for bundle_type in
        ["document", "message", "searchset", "collection", "batch-response", "transaction-response"]
    {
        let dir = Dir::new();
        let entries = json!([
            {"resource": patient("1", json!({})), "response": {"status": "200"}},
            {"response": {"status": "204"}},
            {"resource": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient("2", json!({}))}]}},
            // A request has no say here.
            {"resource": patient("3", json!({})), "request": request("DELETE", "Patient/3")},
        ]);
        assert_eq!(import(&dir, 0, &bundle(bundle_type, entries))["created"], 3, "{bundle_type}");
        assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource WHERE type = 'Patient'"), 3);
    }
}

#[test]
fn requests_are_obeyed() {
    for bundle_type in ["transaction", "batch"] {
        let dir = Dir::new();
        import(
            &dir,
            0,
            &bundle(
                "collection",
                json!([{"resource": patient("gone", json!({}))}, {"resource": patient("stays", json!({}))}]),
            ),
        );
        let entries = json!([
            {"resource": patient("put", json!({})), "request": request("PUT", "Patient/put")},
            {"resource": {"resourceType": "Patient"}, "request": request("PUT", "https://example.org/fhir/Patient/named")},
            {"resource": patient("post", json!({})), "request": request("POST", "Patient")},
            {"request": request("DELETE", "Patient/gone")},
            {"request": request("DELETE", "Patient/never-was")},
            {"request": request("GET", "Patient/stays")},
            {"resource": {"resourceType": "Parameters"}, "request": request("POST", "ValueSet/$lookup")},
            // What follows is wrong, and spoils nothing.
            {"resource": patient("x", json!({})), "request": request("PUT", "Patient/y")},
            {"resource": patient("x", json!({})), "request": request("PUT", "Group/x")},
            {"resource": patient("x", json!({})), "request": request("PATCH", "Patient/x")},
            {"resource": patient("x", json!({})), "request": request("PUT", "nonsense")},
            {"request": request("POST", "Patient")},
            "not an entry",
            {"resource": {"resourceType": "Patient", "id": "a b"}},
        ]);
        let report = import(&dir, 1, &bundle(bundle_type, entries));
        assert_eq!(
            (&report["created"], &report["deleted"], &report["rejected"], &report["warnings"]),
            (&json!(3), &json!(1), &json!(7), &json!(2)),
            "{bundle_type}: {report}"
        );
        let ids: Vec<String> = dir.bodies("s.db").into_iter().map(|(place, _)| place).collect();
        assert_eq!(ids, ["Patient/named", "Patient/post", "Patient/put", "Patient/stays"]);
        dir.check("s.db");
    }
}

#[test]
fn rejects_in_a_bundle_name_line_and_entry() {
    let dir = Dir::new();
    dir.write("b.json", "{\n\"resourceType\":\"Bundle\",\n\"type\":\"batch\",\n\"entry\":[\n{\"resource\":{\"resourceType\":\"Patient\"}},\n{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"?\"}}\n]}");
    let ran = dir.run(["import", "s.db", "b.json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("b.json:6: entry[1]: id"), "{}", ran.stderr);
}

#[test]
fn links_between_entries_become_type_and_id() {
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
    // A canonical URL is a name, not a link.
    assert!(
        dir.get("s.db", "StructureDefinition/s")
            .contains(r#""url":"https://example.org/StructureDefinition/s""#)
    );
}

#[test]
fn entries_without_ids_find_each_other_and_stay_apart() {
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

fn observation(id: &str, reference: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "performer": [{"reference": reference}]})
}

fn named(id: &str, system: &str, value: &str) -> Value {
    json!({"resourceType": "Practitioner", "id": id, "identifier": [{"system": system, "value": value}]})
}

fn performer(dir: &Dir, id: &str) -> String {
    let body: Value = serde_json::from_str(&dir.get("s.db", &format!("Observation/{id}"))).unwrap();
    body["performer"][0]["reference"].as_str().unwrap().to_owned()
}

#[test]
fn conditional_references_find_what_is_in_the_bundle_and_in_the_store() {
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
fn a_reference_that_finds_nothing_is_tried_again_when_more_comes() {
    let dir = Dir::new();
    dir.write("1.json", bundle("batch", json!([{"resource": observation("a", "Practitioner?identifier=s|1")}, {"resource": observation("b", "Practitioner?identifier=s|2")}])));
    dir.write("2.json", named("one", "s", "1").to_string());
    dir.write("3.json", named("two", "s", "2").to_string());
    // In one run, whatever the order of the files.
    assert_eq!(dir.import(0, &["s.db", "1.json", "2.json"])["unresolved"], 1);
    assert_eq!(performer(&dir, "a"), "Practitioner/one");
    // In a later one.
    assert_eq!(dir.import(0, &["s.db", "3.json"])["unresolved"], 0);
    assert_eq!(performer(&dir, "b"), "Practitioner/two");
    // And what came in is still known for what it was.
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
    // The entry that was not created stands for the one that was there.
    assert_eq!(performer(&dir, "o"), "Practitioner/first");
    assert_eq!(import(&dir, 0, &text)["unchanged"], 4);
    import(&dir, 0, &named("third", "s", "1").to_string());
    assert_eq!(import(&dir, 1, &text)["rejected"], 2, "now it finds several");
}

#[test]
fn conditional_updates_and_deletions() {
    let dir = Dir::new();
    import(&dir, 0, &named("one", "s", "1").to_string());
    let entries = json!([
        {"resource": {"resourceType": "Practitioner", "active": true, "identifier": [{"system": "s", "value": "1"}]}, "request": request("PUT", "Practitioner?identifier=s|1")},
        {"resource": named("new", "s", "2"), "request": request("PUT", "Practitioner?identifier=s|2")},
        {"resource": named("other", "s", "1"), "request": request("PUT", "Practitioner?identifier=s|1")},
    ]);
    let report = import(&dir, 1, &bundle("batch", entries));
    assert_eq!(
        (&report["updated"], &report["created"], &report["rejected"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert!(dir.get("s.db", "Practitioner/one").contains(r#""active":true"#));
    let gone = bundle(
        "transaction",
        json!([{"request": request("DELETE", "Practitioner?identifier=s|2")}, {"request": request("DELETE", "Practitioner?identifier=s|9")}]),
    );
    assert_eq!(import(&dir, 0, &gone)["deleted"], 1);
}

#[test]
fn what_an_export_calls_deleted_deletes() {
    let dir = Dir::new();
    import(
        &dir,
        0,
        &bundle(
            "collection",
            json!([{"resource": patient("1", json!({}))}, {"resource": patient("2", json!({}))}]),
        ),
    );
    let line = |id: &str| {
        bundle("transaction", json!([{"request": request("DELETE", &format!("Patient/{id}"))}]))
    };
    dir.write("deleted.ndjson", format!("{}\n{}\n", line("1"), line("2")));
    assert_eq!(dir.import(0, &["s.db", "deleted.ndjson"])["deleted"], 2);
    assert!(dir.bodies("s.db").is_empty());
    assert_eq!(dir.import(0, &["s.db", "deleted.ndjson"])["deleted"], 0);
}

#[test]
fn a_history_is_applied_from_its_oldest_version_and_once() {
    let dir = Dir::new();
    let version = |n: u32| json!({"resource": patient("p", json!({"n": n, "meta": {"versionId": n.to_string(), "lastUpdated": format!("2020-01-0{n}T00:00:00Z")}})), "request": request("PUT", "Patient/p"), "response": {"status": "200"}});
    let deleted = |id: &str| json!({"request": request("DELETE", &format!("Patient/{id}"))});
    let text = bundle("history", json!([version(4), deleted("p"), version(2), version(1)]));
    let report = import(&dir, 0, &text);
    assert_eq!(
        (&report["created"], &report["updated"], &report["deleted"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert!(dir.get("s.db", "Patient/p").contains(r#""n":4"#));
    let versions = dir.count("s.db", "SELECT count(*) FROM version");
    let again = import(&dir, 0, &text);
    assert_eq!(
        (&again["created"], &again["updated"], &again["deleted"]),
        (&json!(0), &json!(0), &json!(0)),
        "{again}"
    );
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM version"), versions);
    // A longer history adds only what is new.
    let longer =
        bundle("history", json!([version(5), version(4), deleted("p"), version(2), version(1)]));
    assert_eq!(import(&dir, 0, &longer)["updated"], 1);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM version"), versions + 1);
    // One that ends in a deletion leaves nothing, also the second time.
    for _ in 0..2 {
        import(&dir, 0, &bundle("history", json!([deleted("p"), version(5)])));
        assert!(dir.bodies("s.db").is_empty());
    }
    dir.check("s.db");
}

#[test]
fn what_a_bundle_deletes_is_not_found_by_what_it_creates() {
    for bundle_type in ["transaction", "batch"] {
        let dir = Dir::new();
        import(&dir, 0, &named("old", "s", "1").to_string());
        let entries = json!([
            {"request": request("DELETE", "Practitioner/old")},
            {"resource": named("new", "s", "1"), "request": {"method": "POST", "url": "Practitioner", "ifNoneExist": "identifier=s|1"}},
        ]);
        import(&dir, 0, &bundle(bundle_type, entries));
        let ids: Vec<String> = dir.bodies("s.db").into_iter().map(|(place, _)| place).collect();
        assert_eq!(ids, ["Practitioner/new"], "{bundle_type}");
    }
}

#[test]
fn an_entry_that_is_rejected_is_nobodys_target() {
    let dir = Dir::new();
    let deep =
        serde_json::from_str::<Value>(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).unwrap();
    let entries = json!([
        {"fullUrl": "urn:uuid:bad", "resource": patient("bad", json!({"meta": {"lastUpdated": "never"}}))},
        {"resource": observation("o", "urn:uuid:bad")},
        {"resource": patient("deep", json!({"x": deep}))},
    ]);
    let report = import(&dir, 1, &bundle("collection", entries));
    assert_eq!(
        (&report["created"], &report["rejected"], &report["warnings"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(performer(&dir, "o"), "urn:uuid:bad");
    // One entry nested too deep does not take the others with it.
    let deep = format!("{}1{}", "[".repeat(1001), "]".repeat(1001));
    let text = format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{{"resourceType":"Basic","id":"d","x":{deep}}}}},{{"resource":{{"resourceType":"Basic","id":"e"}}}}]}}"#
    );
    let report = import(&dir, 1, &text);
    assert_eq!((&report["created"], &report["rejected"]), (&json!(1), &json!(1)));
}

#[test]
fn escapes_hide_no_reference() {
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
fn a_name_is_no_link() {
    let dir = Dir::new();
    let entries = json!([{"fullUrl": "urn:oid:1.2", "resource": {"resourceType": "ValueSet", "id": "v", "url": "urn:oid:1.2", "extension": [{"url": "urn:oid:1.2", "valueUri": "urn:oid:1.2"}]}}]);
    import(&dir, 0, &bundle("collection", entries));
    let body: Value = serde_json::from_str(&dir.get("s.db", "ValueSet/v")).unwrap();
    assert_eq!(
        (&body["url"], &body["extension"][0]),
        (&json!("urn:oid:1.2"), &json!({"url": "urn:oid:1.2", "valueUri": "ValueSet/v"}))
    );
}

#[test]
fn a_request_names_its_resource_exactly() {
    let dir = Dir::new();
    import(&dir, 0, &patient("1", json!({})).to_string());
    let wrong = [
        "Patient/1/_historyfoo",
        "Patient/1/_history",
        "Patient/1/_history/",
        "Patient/1/_history/1/_history/2",
        "Patient/1/_history/1/x",
        "Patient/2/Patient/1",
        "ftp://x/fhir/Patient/1",
        "Patient",
    ];
    for bundle_type in ["transaction", "batch", "history"] {
        for method in ["PUT", "DELETE"] {
            for url in wrong {
                let resource = patient("1", json!({"active": true}));
                let entries = json!([{"resource": resource, "request": request(method, url)}]);
                let report = import(&dir, 1, &bundle(bundle_type, entries));
                assert_eq!(report["rejected"], 1, "{method} {url}");
            }
        }
    }
    assert!(!dir.get("s.db", "Patient/1").contains("active"));
    for url in [
        "Patient/1",
        "Patient/1/_history/2",
        "/Patient/1",
        "/fhir/Patient/1",
        "https://x/fhir/Patient/1/_history/2",
    ] {
        let resource = patient("1", json!({"language": url}));
        let entries = json!([{"resource": resource, "request": request("PUT", url)}]);
        assert_eq!(import(&dir, 0, &bundle("batch", entries))["updated"], 1, "{url}");
    }
}
