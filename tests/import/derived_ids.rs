//! The ids of entries without one: resources stay apart, and are found again.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::bundles::{bundle, import, request};
use crate::support::Dir;

/// An entry that posts a resource; without a `fullUrl` where `full_url` is empty.
pub fn post(full_url: &str, resource: Value) -> Value {
    let mut entry = json!({"resource": resource, "request": request("POST", resource["resourceType"].as_str().unwrap())});
    if !full_url.is_empty() {
        entry["fullUrl"] = json!(full_url);
    }
    entry
}

/// A Patient with an identifier, or without any data.
fn patient(identifier: &str) -> Value {
    match identifier {
        "" => json!({"resourceType": "Patient"}),
        value => {
            json!({"resourceType": "Patient", "identifier": [{"system": "urn:m", "value": value}]})
        }
    }
}

fn observation(code: &str, subject: &str) -> Value {
    json!({"resourceType": "Observation", "status": "final", "code": {"text": code}, "subject": {"reference": subject}})
}

/// Which patient each Observation is about: the code, and the identifier or id of the patient.
fn subjects(dir: &Dir, store: &str) -> Vec<(String, String)> {
    let bodies: Vec<Value> =
        dir.bodies(store).iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect();
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let mut subjects = Vec::new();
    for body in bodies.iter().filter(|body| body["resourceType"] == "Observation") {
        let subject = text(&body["subject"]["reference"]);
        let patient =
            bodies.iter().find(|other| subject == format!("Patient/{}", text(&other["id"])));
        let patient = patient.unwrap_or_else(|| panic!("{subject} is not there"));
        let name = patient["identifier"][0]["value"].as_str().unwrap_or(&subject).to_owned();
        subjects.push((text(&body["code"]["text"]), name));
    }
    subjects.sort();
    subjects
}

fn changes(report: &Value) -> [u64; 3] {
    ["created", "updated", "unchanged"].map(|name| report[name].as_u64().unwrap())
}

/// Imports two files in both orders, each twice; the subjects, which must be the same.
fn both_orders(first: &str, second: &str, created: u64) -> Vec<(String, String)> {
    let dir = Dir::new();
    dir.write("1.json", first);
    dir.write("2.json", second);
    let mut seen = Vec::new();
    for (store, order) in [("a.db", ["1.json", "2.json"]), ("b.db", ["2.json", "1.json"])] {
        let report = dir.import(0, &[store, order[0], order[1]]);
        assert_eq!(changes(&report), [created, 0, 0], "{report}");
        let before = dir.bodies(store);
        for again in [&order[..], &order[..1], &order[1..]] {
            let report = dir.import(0, &[&[store], again].concat());
            assert_eq!(changes(&report)[..2], [0, 0], "{report}");
        }
        assert_eq!(dir.bodies(store), before);
        dir.check(store);
        seen.push((
            before.into_iter().map(|(place, _)| place).collect::<Vec<_>>(),
            subjects(&dir, store),
        ));
    }
    assert_eq!(seen[0], seen[1]);
    seen.remove(0).1
}

#[test]
fn the_same_text_about_another_patient_is_another_resource() {
    let file = |identifier: &str| {
        bundle(
            "transaction",
            json!([
                post("urn:uuid:1", patient(identifier)),
                post("urn:uuid:2", observation("x", "urn:uuid:1"))
            ]),
        )
    };
    let expected = [("x".to_owned(), "A".to_owned()), ("x".to_owned(), "B".to_owned())];
    assert_eq!(both_orders(&file("A"), &file("B"), 4), expected);
    // By each kind of fullUrl, and over several links.
    for (to, from) in [
        ("http://x/fhir/Patient/1", "http://x/fhir/Observation/1"),
        ("Patient/1", "Observation/1"),
        ("urn:oid:1.2", ""),
    ] {
        let file = |identifier: &str| {
            bundle(
                "batch",
                json!([post(from, observation("x", to)), post(to, patient(identifier))]),
            )
        };
        assert_eq!(both_orders(&file("A"), &file("B"), 4), expected, "{to}");
    }
    let chain = |identifier: &str| {
        let encounter =
            json!({"resourceType": "Encounter", "subject": {"reference": "urn:uuid:1"}});
        let report = json!({"resourceType": "Basic", "subject": {"reference": "urn:uuid:2"}, "text": {"div": "<a href='urn:uuid:3'/>"}});
        bundle(
            "transaction",
            json!([
                post("urn:uuid:4", report),
                post("urn:uuid:3", observation("x", "urn:uuid:1")),
                post("urn:uuid:2", encounter),
                post("urn:uuid:1", patient(identifier)),
            ]),
        )
    };
    assert_eq!(both_orders(&chain("A"), &chain("B"), 8), expected);
}

#[test]
fn patients_without_any_data_are_told_apart_by_what_is_about_them() {
    let file = |codes: &[&str], subject: &Value| {
        let mut entries = vec![post("urn:uuid:1", subject.clone())];
        for (n, code) in codes.iter().enumerate() {
            entries.push(post(&format!("urn:uuid:{}", n + 2), observation(code, "urn:uuid:1")));
        }
        bundle("transaction", json!(entries))
    };
    let nameless = patient("");
    let seen = both_orders(&file(&["x", "y"], &nameless), &file(&["x", "z"], &nameless), 6);
    let of = |code: &str| {
        seen.iter().filter(|(c, _)| c == code).map(|(_, of)| of).collect::<BTreeSet<_>>()
    };
    assert_eq!((of("x").len(), of("y").len(), of("z").len()), (2, 1, 1));
    assert_ne!(of("y"), of("z"));
    // Entries with an id of their own tell them apart too.
    let file = |id: &str| {
        let mut entry = post("", observation("x", "urn:uuid:1"));
        entry["resource"]["id"] = json!(id);
        bundle("collection", json!([post("urn:uuid:1", patient("")), entry]))
    };
    let seen = both_orders(&file("a"), &file("b"), 4);
    assert_ne!(seen[0].1, seen[1].1);
}

#[test]
fn a_patient_who_is_known_stays_the_same_when_more_is_about_them() {
    for (full_url, identifier) in
        [("urn:uuid:1", "A"), ("urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a", "")]
    {
        let dir = Dir::new();
        let day = |codes: &[&str]| {
            let mut entries = vec![post(full_url, patient(identifier))];
            entries.extend(codes.iter().map(|code| post("", observation(code, full_url))));
            bundle("transaction", json!(entries))
        };
        assert_eq!(changes(&import(&dir, 0, &day(&["x"]))), [2, 0, 0]);
        assert_eq!(changes(&import(&dir, 0, &day(&["x", "y"]))), [1, 0, 2], "{full_url}");
        assert_eq!(dir.count("s.db", "SELECT count(DISTINCT subject) FROM observation"), 1);
    }
}

#[test]
fn what_an_entry_is_known_by_outside_of_its_bundle_tells_it_apart() {
    let file = |organization: Value, request: Value| {
        let entry = json!({"fullUrl": "urn:uuid:1", "resource": organization, "request": request});
        let patient =
            json!({"resourceType": "Patient", "managingOrganization": {"reference": "urn:uuid:1"}});
        bundle("transaction", json!([entry, post("urn:uuid:2", patient)]))
    };
    let organization = |id: Option<&str>, value: &str| {
        let mut organization = json!({"resourceType": "Organization", "identifier": [{"system": "s", "value": value}]});
        if let Some(id) = id {
            organization["id"] = json!(id);
        }
        organization
    };
    let if_none_exist = |value: &str| json!({"method": "POST", "url": "Organization", "ifNoneExist": format!("identifier=s|{value}")});
    both_orders(
        &file(organization(Some("a"), "1"), request("POST", "Organization")),
        &file(organization(Some("b"), "2"), request("POST", "Organization")),
        4,
    );
    both_orders(
        &file(organization(None, "1"), if_none_exist("1")),
        &file(organization(None, "2"), if_none_exist("2")),
        4,
    );
    both_orders(
        &file(organization(None, "1"), request("PUT", "Organization?identifier=s|1")),
        &file(organization(None, "2"), request("PUT", "Organization?identifier=s|2")),
        4,
    );
    // The id does not hang on what the store holds, nor on what else the searched resource says.
    let dir = Dir::new();
    import(&dir, 0, &file(organization(None, "1"), if_none_exist("1")));
    let mut changed = organization(None, "1");
    changed["name"] = json!("changed");
    assert_eq!(changes(&import(&dir, 0, &file(changed, if_none_exist("1")))), [0, 0, 2]);
    // A patient who cannot be taken is not the same one in another file.
    let rejected = |n: u32| {
        let patient =
            json!({"resourceType": "Patient", "meta": {"lastUpdated": format!("never {n}")}});
        bundle(
            "batch",
            json!([post("urn:uuid:1", patient), post("", observation("x", "urn:uuid:1"))]),
        )
    };
    let dir = Dir::new();
    assert_eq!(changes(&import(&dir, 1, &rejected(1))), [1, 0, 0]);
    assert_eq!(changes(&import(&dir, 1, &rejected(2))), [1, 0, 0]);
    assert_eq!(changes(&import(&dir, 1, &rejected(2))), [0, 0, 1]);
}

#[test]
fn equal_entries_are_resources_of_their_own() {
    let dir = Dir::new();
    for bundle_type in ["transaction", "batch", "collection"] {
        let store = format!("{bundle_type}.db");
        let twice =
            [post("", observation("x", "urn:uuid:1")), post("", observation("x", "urn:uuid:1"))];
        let mut entries = vec![post("urn:uuid:1", patient("A"))];
        entries.extend(twice);
        for turn in 0..3 {
            entries.rotate_left(1);
            dir.write("b.json", bundle(bundle_type, json!(entries)));
            let report = dir.import(0, &[&store, "b.json"]);
            assert_eq!(changes(&report), if turn == 0 { [3, 0, 0] } else { [0, 0, 3] });
        }
    }
    // A fullUrl that comes twice is said, and the entries stay apart.
    let entries = json!([
        post("urn:uuid:1", patient("A")),
        post("urn:uuid:1", patient("A")),
        post("urn:uuid:1", patient("B")),
        post("", observation("x", "urn:uuid:1")),
    ]);
    dir.write("b.json", bundle("batch", entries));
    let ran = dir.run(["import", "s.db", "b.json"]);
    assert!(ran.stdout.contains("4 created"), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("entry[2] has the fullUrl urn:uuid:1 of entry[1]"),
        "{}",
        ran.stderr
    );
    assert_eq!(subjects(&dir, "s.db"), [("x".to_owned(), "B".to_owned())]);
    assert_eq!(changes(&dir.import(0, &["s.db", "b.json"])), [0, 0, 4]);
}

#[test]
fn equal_lines_without_id_are_one_resource_and_that_is_said() {
    let dir = Dir::new();
    let line = observation("x", "Patient/1").to_string();
    dir.write("1.ndjson", format!("{line}\n{line}\n"));
    for created in [1, 0] {
        let ran = dir.run(["import", "s.db", "1.ndjson", "--json"]);
        assert!(
            ran.stderr.contains("1.ndjson:2: without id, and equal to an earlier one"),
            "{}",
            ran.stderr
        );
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(changes(&report), [created, 0, 2 - created]);
    }
    // The same line in another file is the same resource once more.
    dir.write("2.ndjson", &line);
    assert_eq!(dir.import(0, &["s.db", "2.ndjson"])["warnings"], 0);
}

#[test]
fn circles_and_long_chains_are_imported_again() {
    let dir = Dir::new();
    for (name, count) in [("pair", 2), ("ring", 4_000)] {
        let entries: Vec<Value> = (0..count)
            .map(|n| {
                let next = (n + 1) % count;
                post(&format!("urn:uuid:{n}"), json!({"resourceType": "Basic", "subject": {"reference": format!("urn:uuid:{next}")}}))
            })
            .collect();
        let store = format!("{name}.db");
        dir.write("a.json", bundle("transaction", json!(entries)));
        assert_eq!(changes(&dir.import(0, &[&store, "a.json"])), [count, 0, 0]);
        let turned: Vec<&Value> = entries.iter().rev().collect();
        dir.write("b.json", bundle("transaction", json!(turned)));
        assert_eq!(changes(&dir.import(0, &[&store, "b.json"])), [0, 0, count]);
        // Broken up at one place it is a chain, and each resource another one.
        dir.write(
            "c.json",
            bundle("transaction", json!(&entries[1..])).replace("urn:uuid:0\"", "urn:uuid:gone\""),
        );
        assert_eq!(changes(&dir.import(0, &[&store, "c.json"])), [count - 1, 0, 0]);
        assert_eq!(
            dir.count(&store, "SELECT count(*) FROM resource WHERE body LIKE '%urn:uuid%'"),
            1
        );
    }
}
