//! What the store notes about the references of each version, compared with a reading of the bodies by
//! `serde_json`.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::Dir;

/// Types that are in no compartment, by the R4 definition.
const OUTSIDE: [&str; 5] = ["Practitioner", "Organization", "Location", "Medication", "Endpoint"];
/// Types that are in one, and that a reference may bring along.
const INSIDE: [&str; 3] = ["Encounter", "Observation", "Schedule"];
/// Types that no reference brings along.
const NEVER: [&str; 4] = ["Patient", "Provenance", "Binary", "Device"];

/// Calls `each` with the text of each `reference` in a value.
fn references(value: &Value, each: &mut dyn FnMut(&str)) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == "reference" => each(text),
                    value => references(value, each),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, each)),
        _ => {}
    }
}

/// `Type/id` of a reference that the generator makes; `None` where it names no resource here.
fn named(reference: &str) -> Option<String> {
    let bare = reference.split("/_history/").next()?;
    let parts: Vec<&str> =
        bare.trim_start_matches("https://else.example/fhir/").split('/').collect();
    let is_name = parts.len() == 2 && !parts[0].contains(':') && !bare.starts_with('#');
    is_name.then(|| parts.join("/"))
}

/// The rows of a query, as text.
fn rows(db: &Connection, sql: &str) -> BTreeSet<String> {
    let mut statement = db.prepare(sql).expect("a statement");
    let rows = statement.query_map((), |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

/// Fails unless the notes of `s.db` are those that its bodies give.
fn assert_noted(dir: &Dir) {
    let db = dir.open("s.db");
    let (mut noted, mut types, mut abouts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let sql = "SELECT seq || ' ' || type || ' ' || body FROM version WHERE body <> ''";
    for row in rows(&db, sql) {
        let mut parts = row.splitn(3, ' ');
        let (seq, holder) = (parts.next().unwrap(), parts.next().unwrap());
        let body: Value = serde_json::from_str(parts.next().unwrap()).expect("JSON");
        references(&body, &mut |reference| {
            let Some(name) = named(reference) else { return };
            let resource_type = name.split('/').next().unwrap_or_default();
            if OUTSIDE.contains(&resource_type) {
                noted.insert(format!("{seq} {name}"));
            } else if INSIDE.contains(&resource_type) {
                types.insert(format!("{holder} {resource_type}"));
            }
        });
        if holder == "Provenance" {
            let targets = body["target"].as_array().into_iter().flatten();
            let about: BTreeSet<String> =
                targets.filter_map(|target| named(target["reference"].as_str()?)).collect();
            abouts.insert(format!("{seq} {}", about.len()));
        }
    }
    let sql = "SELECT seq || ' ' || type || '/' || id FROM reference JOIN reference_target ON key = target";
    assert_eq!(rows(&db, sql), noted);
    let kept = rows(&db, "SELECT type || ' ' || target FROM reference_type");
    assert!(types.is_subset(&kept), "{types:?} in {kept:?}");
    abouts.retain(|about| !about.ends_with(" 0"));
    let sql = "SELECT seq || ' ' || count(*) FROM provenance_target GROUP BY seq";
    assert_eq!(rows(&db, sql), abouts);
}

/// A reference in one of its forms.
fn reference() -> impl Strategy<Value = String> {
    let types = [&OUTSIDE[..], &INSIDE[..], &NEVER[..]].concat();
    (prop::sample::select(types), 0..4u8, 0..5u8).prop_map(|(name, id, form)| match form {
        0 => format!("https://else.example/fhir/{name}/{id}"),
        1 => format!("{name}/{id}/_history/7"),
        2 => format!("#{name}/{id}"),
        _ => format!("{name}/{id}"),
    })
}

/// A resource of a few types with a few ids, so that some replace others.
fn resource() -> impl Strategy<Value = Value> {
    let types = prop::sample::select(vec!["Observation", "Provenance", "Practitioner", "Basic"]);
    let links = || prop::collection::vec(reference(), 0..5);
    (types, 0..3u8, links(), links()).prop_map(|(name, id, some, others)| {
        let list = |links: Vec<String>| -> Vec<Value> {
            links.into_iter().map(|link| json!({ "reference": link })).collect()
        };
        json!({ "resourceType": name, "id": id.to_string(), "target": list(some),
                "extension": [{ "url": "x", "valueReference": list(others) }] })
    })
}

#[test]
fn what_is_noted_is_what_the_bodies_reference_after_updates_and_deletions() {
    let inputs = prop::collection::vec(prop::collection::vec(resource(), 1..8), 1..4);
    let config = Config { cases: 6, failure_persistence: None, ..Config::default() };
    let tried = TestRunner::new(config).run(&inputs, |inputs| {
        let dir = Dir::new();
        for (number, input) in inputs.iter().enumerate() {
            let lines: String = input.iter().map(|resource| format!("{resource}\n")).collect();
            let name = format!("{number}.ndjson");
            // Some tools escape slashes.
            dir.write(&name, if number == 1 { lines.replace('/', "\\/") } else { lines });
            dir.import(0, &["s.db", &name]);
            assert_noted(&dir);
        }
        dir.run(["delete", "s.db", "Observation/0", "Practitioner/1", "Provenance/1"]);
        assert_noted(&dir);
        dir.check("s.db");
        dir.run(["prune", "s.db", "--older-than", "0s"]);
        assert_noted(&dir);
        dir.check("s.db");
        Ok(())
    });
    assert!(
        tried.is_ok(),
        "{}",
        tried.unwrap_err().to_string().chars().take(400).collect::<String>()
    );
}

#[test]
fn an_input_that_is_undone_leaves_no_notes() {
    let dir = Dir::new();
    let good = r#"{"resourceType":"Basic","id":"1","author":{"reference":"Practitioner/a"}}"#;
    let bad = r#"{"resourceType":"Basic","id":"2","author":{"reference":"Practitioner/b"}}"#;
    dir.write("in/1.ndjson", good);
    dir.write("in/2.ndjson", format!("{bad}\n{{\"resourceType\":"));
    dir.write("in/3.ndjson", bad.replace("\"2\"", "\"3\""));
    let ran = dir.run(["import", "s.db", "in", "--strict"]);
    assert_ne!(ran.code, 0);
    dir.run(["import", "s.db", "in"]);
    assert_noted(&dir);
    dir.check("s.db");
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM reference_target WHERE id = 'b'"), 1);
}
