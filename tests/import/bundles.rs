//! What the entries of each type of Bundle do.

use serde_json::{Value, json};

use crate::support::Dir;

pub fn bundle(bundle_type: &str, entries: Value) -> String {
    json!({"resourceType": "Bundle", "type": bundle_type, "entry": entries}).to_string()
}

fn patient(id: &str, more: Value) -> Value {
    let mut patient = json!({"resourceType": "Patient", "id": id});
    for (name, value) in more.as_object().unwrap() {
        patient[name] = value.clone();
    }
    patient
}

pub fn request(method: &str, url: &str) -> Value {
    json!({"method": method, "url": url})
}

/// Imports a Bundle, or another resource, into `s.db`; the report.
pub fn import(dir: &Dir, code: i32, text: &str) -> Value {
    dir.write("bundle.json", text);
    dir.import(code, &["s.db", "bundle.json"])
}

/// A Practitioner with an identifier.
pub fn named(id: &str, system: &str, value: &str) -> Value {
    json!({"resourceType": "Practitioner", "id": id, "identifier": [{"system": system, "value": value}]})
}

#[test]
fn bundles_without_requests_import_their_resources() {
    for bundle_type in
        ["document", "message", "searchset", "collection", "batch-response", "transaction-response"]
    {
        let dir = Dir::new();
        let entries = json!([
            {"resource": patient("1", json!({})), "response": {"status": "200"}},
            {"response": {"status": "204"}},
            {"resource": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient("2", json!({}))}]}},
            // Requests count only in batches, transactions and histories.
            {"resource": patient("3", json!({})), "request": request("DELETE", "Patient/3")},
        ]);
        assert_eq!(import(&dir, 0, &bundle(bundle_type, entries))["created"], 3, "{bundle_type}");
        assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource WHERE type = 'Patient'"), 3);
    }
}

#[test]
fn batches_and_transactions_do_what_their_requests_say() {
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
            // The following entries are invalid, and do not affect the others.
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

#[test]
fn conditional_updates_and_deletions_select_by_identifier() {
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
fn the_deleted_files_of_an_export_delete() {
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
fn a_history_is_applied_once_from_its_oldest_version() {
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
    // A longer history adds its new version only.
    let longer =
        bundle("history", json!([version(5), version(4), deleted("p"), version(2), version(1)]));
    assert_eq!(import(&dir, 0, &longer)["updated"], 1);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM version"), versions + 1);
    // A history that ends in a deletion leaves no resource, also the second time.
    for _ in 0..2 {
        import(&dir, 0, &bundle("history", json!([deleted("p"), version(5)])));
        assert!(dir.bodies("s.db").is_empty());
    }
    dir.check("s.db");
}

#[test]
fn a_conditional_create_does_not_find_what_the_bundle_deletes() {
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
