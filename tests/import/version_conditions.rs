//! `ifMatch` and `ifNoneMatch`: a change that is meant for another version is refused.

use serde_json::{Value, json};

use super::bundles::{bundle, import};
use crate::support::Dir;

const FIRST: &str = r#"{"resourceType":"Patient","id":"p","meta":{"versionId":"1","lastUpdated":"2024-01-01T00:00:00Z"},"identifier":[{"system":"s","value":"1"}],"active":true}"#;

fn entry(method: &str, url: &str, conditions: Value, resource: Option<Value>) -> Value {
    let mut entry = json!({"request": {"method": method, "url": url}});
    entry["request"].as_object_mut().unwrap().extend(conditions.as_object().unwrap().clone());
    if let Some(resource) = resource {
        entry["resource"] = resource;
    }
    entry
}

fn changed(n: u32) -> Value {
    json!({"resourceType": "Patient", "id": "p", "identifier": [{"system": "s", "value": "1"}], "n": n})
}

/// Imports one entry into a store with version 1 of a patient; what the import says, and whether the
/// patient is as before.
fn tried(entry: &Value) -> (Dir, Value, String, bool) {
    let dir = Dir::new();
    import(&dir, 0, FIRST);
    dir.write("b.json", bundle("transaction", json!([entry])));
    let ran = dir.run(["import", "s.db", "b.json", "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let is_as_before = dir.bodies("s.db") == [("Patient/p".to_owned(), FIRST.to_owned())];
    (dir, report, ran.stderr, is_as_before)
}

#[test]
fn a_change_of_another_version_is_refused_by_its_entry() {
    let tag = |tag: &str| json!({"ifMatch": tag});
    let searched = "Patient?identifier=s|1";
    for (method, url, condition, reason) in [
        ("PUT", "Patient/p", tag("W/\"9\""), "version 9, but Patient/p is at version 1"),
        ("PUT", "Patient/p", tag("\"2\", W/\"3\""), "version 2, 3, but Patient/p is at version 1"),
        ("PUT", searched, tag("W/\"9\""), "is at version 1"),
        ("DELETE", "Patient/p", tag("W/\"9\""), "is at version 1"),
        ("DELETE", searched, tag("\"9\""), "is at version 1"),
        ("PUT", "Patient/p", tag("1"), "ifMatch 1 is not an entity tag like W/\"1\""),
        ("DELETE", "Patient/p", tag(""), "is not an entity tag"),
        ("PUT", "Patient/p", json!({"ifMatch": 1}), "entry.request"),
        ("PUT", "Patient/p", json!({"ifNoneMatch": "*"}), "Patient/p exists"),
        ("PUT", searched, json!({"ifNoneMatch": "*"}), "Patient/p exists"),
        (
            "PUT",
            "Patient/p",
            json!({"ifNoneMatch": "W/\"9\""}),
            "ifNoneMatch W/\"9\" is not supported",
        ),
        (
            "DELETE",
            "Patient/p",
            json!({"ifNoneMatch": "*"}),
            "ifNoneMatch has no meaning with DELETE",
        ),
        ("PUT", "Patient/p", json!({"ifNoneMatch": "*", "ifMatch": "\"1\""}), "exclude each other"),
        ("POST", "Patient", tag("\"1\""), "ifMatch has no meaning with POST"),
        ("POST", "Patient", json!({"ifNoneMatch": "*"}), "ifNoneMatch has no meaning with POST"),
    ] {
        let resource = (method != "DELETE").then(|| changed(1));
        let (_, report, said, is_as_before) =
            tried(&entry(method, url, condition.clone(), resource));
        assert!(is_as_before, "{method} {url} {condition}");
        assert_eq!(report["rejected"], 1, "{method} {url} {condition}: {report}");
        assert!(said.contains("entry[0]: ") && said.contains(reason), "{reason}: {said}");
    }
}

#[test]
fn a_change_of_the_version_that_is_there_is_made() {
    for (method, url, condition) in [
        ("PUT", "Patient/p", json!({"ifMatch": "W/\"1\""})),
        ("PUT", "Patient/p", json!({"ifMatch": "\"1\""})),
        ("PUT", "Patient/p", json!({"ifMatch": "\"7\", W/\"1\""})),
        ("PUT", "Patient/p", json!({"ifMatch": "*"})),
        ("PUT", "Patient/p", json!({"ifMatch": null})),
        ("PUT", "Patient?identifier=s|1", json!({"ifMatch": "W/\"1\""})),
        // Without a meaning for changes: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3
        ("PUT", "Patient/p", json!({"ifModifiedSince": "2030-01-01T00:00:00Z"})),
        ("PUT", "Patient/q", json!({"ifNoneMatch": "*"})),
        ("DELETE", "Patient/p", json!({"ifMatch": "W/\"1\""})),
    ] {
        let resource = (method != "DELETE").then(|| {
            let mut resource = changed(1);
            if url == "Patient/q" {
                resource["id"] = json!("q");
            }
            resource
        });
        let entry = entry(method, url, condition.clone(), resource);
        let (dir, report, said, is_as_before) = tried(&entry);
        assert!(!is_as_before && report["rejected"] == 0, "{method} {condition}: {said}");
        // The same again changes nothing.
        let text = bundle("transaction", json!([entry]));
        let after = dir.bodies("s.db");
        let again = import(&dir, 0, &text);
        assert_eq!(again["rejected"], 0, "{method} {condition}: {again}");
        assert_eq!(dir.bodies("s.db"), after);
        dir.check("s.db");
    }
}

#[test]
fn a_resource_that_is_not_there_has_no_version() {
    let dir = Dir::new();
    import(&dir, 0, FIRST);
    let asks = |method: &str, id: &str, tag: &str| {
        let mut resource = changed(1);
        resource["id"] = json!(id);
        let resource = (method == "PUT").then_some(resource);
        bundle(
            "batch",
            json!([entry(method, &format!("Patient/{id}"), json!({"ifMatch": tag}), resource)]),
        )
    };
    for tag in ["W/\"1\"", "*"] {
        assert_eq!(import(&dir, 1, &asks("PUT", "never", tag))["rejected"], 1);
        // What is to be gone is not there.
        assert_eq!(import(&dir, 0, &asks("DELETE", "never", tag))["deleted"], 0);
    }
    assert_eq!(import(&dir, 0, &asks("DELETE", "p", "W/\"1\""))["deleted"], 1);
    assert_eq!(import(&dir, 1, &asks("PUT", "p", "W/\"1\""))["rejected"], 1, "deleted");
    assert!(dir.bodies("s.db").is_empty());
}

#[test]
fn the_other_entries_are_carried_out_and_a_strict_import_is_undone() {
    for bundle_type in ["transaction", "batch"] {
        let dir = Dir::new();
        import(&dir, 0, FIRST);
        let entries = json!([
            entry("PUT", "Patient/p", json!({"ifMatch": "W/\"9\""}), Some(changed(1))),
            entry(
                "PUT",
                "Patient/other",
                json!({}),
                Some(json!({"resourceType": "Patient", "id": "other"}))
            ),
        ]);
        dir.write("b.json", bundle(bundle_type, entries));
        let strict = dir.run(["import", "s.db", "b.json", "--strict", "--json"]);
        assert_eq!(strict.code, 1);
        assert_eq!(dir.bodies("s.db").len(), 1, "{bundle_type}");
        let report = dir.import(1, &["s.db", "b.json"]);
        assert_eq!(
            (&report["created"], &report["rejected"]),
            (&json!(1), &json!(1)),
            "{bundle_type}"
        );
        assert_eq!(dir.get("s.db", "Patient/p"), FIRST);
    }
}

#[test]
fn changes_in_a_row_can_be_imported_again_and_a_history_is_what_it_was() {
    let dir = Dir::new();
    let put = |n: u32, condition: Value| entry("PUT", "Patient/p", condition, Some(changed(n)));
    let text = bundle(
        "batch",
        json!([
            put(1, json!({"ifNoneMatch": "*"})),
            put(2, json!({"ifMatch": "W/\"1\""})),
            put(3, json!({"ifMatch": "W/\"2\""}))
        ]),
    );
    let report = import(&dir, 0, &text);
    assert_eq!((&report["created"], &report["updated"]), (&json!(1), &json!(2)));
    let before = dir.bodies("s.db");
    // The first two are for versions that have passed, and say so; the store stays as it is.
    let again = import(&dir, 1, &text);
    assert_eq!((&again["rejected"], &again["unchanged"]), (&json!(2), &json!(1)), "{again}");
    assert_eq!(dir.bodies("s.db"), before);
    let dir = Dir::new();
    let text = bundle(
        "history",
        json!([put(2, json!({"ifMatch": "W/\"7\""})), put(1, json!({"ifNoneMatch": "*"}))]),
    );
    assert_eq!(import(&dir, 0, &text)["updated"], 1);
    assert_eq!(import(&dir, 0, &text)["unchanged"], 2);
}
