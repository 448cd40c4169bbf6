//! A client that repeats an export with `_since` misses no change and gets none twice.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::client::ended;
use crate::support::bulk::location;
use crate::support::{Dir, Served};

/// A change of the store.
#[derive(Clone, Debug)]
enum Event {
    Put { resource_type: usize, id: u8, value: u8, patient: u8 },
    Delete { resource_type: usize, id: u8 },
}

const TYPES: [&str; 4] = ["Patient", "Observation", "Practitioner", "Basic"];

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..4usize, 0..6u8, any::<u8>(), 0..6u8).prop_map(|(resource_type, id, value, patient)| {
            Event::Put { resource_type, id, value, patient }
        }),
        1 => (0..4usize, 0..6u8).prop_map(|(resource_type, id)| Event::Delete { resource_type, id }),
    ]
}

impl Event {
    fn line(&self) -> String {
        let entry = match self {
            Event::Put { resource_type, id, value, patient } => {
                let name = TYPES[*resource_type];
                let resource = json!({
                    "resourceType": name, "id": id.to_string(), "n": value,
                    "subject": {"reference": format!("Patient/{patient}")},
                });
                return format!("{resource}\n");
            }
            Event::Delete { resource_type, id } => {
                json!({"request": {"method": "DELETE", "url": format!("{}/{id}", TYPES[*resource_type])}})
            }
        };
        format!("{}\n", json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}))
    }
}

/// What a client has: the text of each resource by `Type/id`.
type Copy = BTreeMap<String, String>;

/// An export: its transaction time, its resources, and the `Type/id` of what was deleted.
struct Export {
    time: String,
    resources: Copy,
    deleted: BTreeSet<String>,
}

/// Runs a whole export.
fn export(served: &Served, path: &str) -> Export {
    let accepted = served.get_with(path, "Prefer: respond-async\r\n");
    let manifest = ended(served, &location(&accepted)).json();
    let files = |list: &str| -> Vec<Value> {
        let entries = manifest[list].as_array().cloned().unwrap_or_default();
        let text: String =
            entries.iter().map(|file| served.get(file["url"].as_str().unwrap()).text()).collect();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let named = |resource: &Value| {
        let part = |name: &str| resource[name].as_str().unwrap().to_owned();
        format!("{}/{}", part("resourceType"), part("id"))
    };
    let lines = files("output");
    let resources: Copy = lines.iter().map(|line| (named(line), line.to_string())).collect();
    assert_eq!(resources.len(), lines.len(), "a resource comes twice");
    let deleted: BTreeSet<String> = files("deleted")
        .iter()
        .map(|line| line["entry"][0]["request"]["url"].as_str().unwrap().to_owned())
        .collect();
    assert!(deleted.iter().all(|name| !resources.contains_key(name)), "both deleted and exported");
    let time = manifest["transactionTime"].as_str().unwrap().to_owned();
    Export { time, resources, deleted }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_client_that_follows_has_every_resource_of_the_store(
        rounds in prop::collection::vec(prop::collection::vec(event(), 1..12), 2..6)
    ) {
        let dir = Dir::new();
        let served = dir.serve(&["s.db"]);
        // An export of patients also holds resources that they refer to. Those may come into scope
        // without a change, so they are left out.
        for (all, types) in [("/fhir/$export", ""), ("/fhir/Patient/$export", "_type=Patient,Observation&")] {
            let first = export(&served, &format!("{all}?{types}"));
            let (mut copy, mut time) = (first.resources, first.time);
            for events in &rounds {
                let lines: String = events.iter().map(Event::line).collect();
                dir.write("in.ndjson", lines);
                dir.import(0, &["s.db", "in.ndjson"]);
                let since = export(&served, &format!("{all}?{types}_since={time}"));
                for (name, text) in since.resources {
                    prop_assert!(copy.insert(name, text.clone()) != Some(text), "a version comes twice");
                }
                for name in since.deleted {
                    copy.remove(&name);
                }
                time = since.time;
                let now = export(&served, &format!("{all}?{types}"));
                prop_assert_eq!(&copy, &now.resources);
                prop_assert!(now.time >= time);
                time = now.time;
            }
        }
    }
}
