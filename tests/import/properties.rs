//! Properties of imports and exports, tried on random resources.

use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};

use crate::support::Dir;

/// The cases are few, because each runs the program several times.
fn config() -> Config {
    Config { cases: 24, failure_persistence: None, ..Config::default() }
}

/// Any JSON, with strings of every kind.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[\\PC\\n\\r\\t\"\\\\]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z\\\\\"é]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[derive(Clone, Debug)]
struct Made {
    resource: Value,
    pretty: bool,
}

fn resource() -> impl Strategy<Value = Made> {
    let name = prop_oneof![Just("Patient"), Just("Observation"), Just("Zzz")];
    let meta = prop_oneof![
        Just(None),
        Just(Some(json!({}))),
        Just(Some(json!({"tag": []}))),
        (1950u32..2100, "[0-9a-z]{1,5}").prop_map(|(year, version)| Some(
            json!({"versionId": version, "lastUpdated": format!("{year}-02-03T04:05:06.789+01:00")})
        )),
    ];
    (name, prop::option::of("[A-Za-z0-9.-]{1,12}"), meta, value(), any::<bool>()).prop_map(
        |(name, id, meta, more, pretty)| {
            let mut resource = json!({"resourceType": name, "more": more});
            if let Some(id) = id {
                resource["id"] = json!(id);
            }
            if let Some(meta) = meta {
                resource["meta"] = meta;
            }
            Made { resource, pretty }
        },
    )
}

fn text(made: &Made) -> String {
    if made.pretty {
        serde_json::to_string_pretty(&made.resource).unwrap()
    } else {
        made.resource.to_string()
    }
}

/// Writes resources in one of three forms of input.
fn write(dir: &Dir, folder: &str, resources: &[Made], form: usize) {
    match form {
        0 => drop(dir.write(&format!("{folder}/a.ndjson"), resources.iter().map(|made| made.resource.to_string() + "\n").collect::<String>())),
        1 => drop(dir.write(&format!("{folder}/a.json"), json!({"resourceType": "Bundle", "type": "collection", "entry": resources.iter().enumerate().map(|(n, made)| json!({"fullUrl": format!("urn:uuid:{n}"), "resource": made.resource})).collect::<Vec<_>>()}).to_string())),
        _ => resources.iter().enumerate().for_each(|(n, made)| drop(dir.write(&format!("{folder}/{n:03}.json"), text(made)))),
    }
}

fn exported(dir: &Dir, store: &str, out: &str) -> Vec<(String, Vec<u8>)> {
    assert_eq!(dir.run(["export", store, out]).code, 0);
    let manifest: Value =
        serde_json::from_slice(&dir.read(&format!("{out}/manifest.json"))).unwrap();
    manifest["output"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            let name = file["url"].as_str().unwrap();
            let bytes = dir.read(&format!("{out}/{name}"));
            assert_eq!(
                bytes.iter().filter(|b| **b == b'\n').count() as u64,
                file["count"].as_u64().unwrap()
            );
            (name.to_owned(), bytes)
        })
        .collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn import_export_import_is_a_fixed_point(resources in prop::collection::vec(resource(), 1..12), form in 0usize..3) {
        let dir = Dir::new();
        write(&dir, "in", &resources, form);
        std::fs::create_dir_all(dir.path("in")).unwrap();
        let report = dir.import(0, &["a.db", "in"]);
        let sum: u64 = report["types"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        prop_assert_eq!(sum, resources.len() as u64);
        let first = exported(&dir, "a.db", "out1");
        std::fs::create_dir(dir.path("files")).unwrap();
        for (name, bytes) in &first {
            dir.write(&format!("files/{name}"), bytes);
        }
        dir.import(0, &["b.db", "files"]);
        let second = exported(&dir, "b.db", "out2");
        prop_assert_eq!(&first, &second);
        // Importing its own export changes nothing in a store.
        let again = dir.import(0, &["a.db", "files"]);
        prop_assert_eq!((again["created"].as_u64(), again["updated"].as_u64()), (Some(0), Some(0)));
        dir.check("a.db");
        dir.check("b.db");
    }

    #[test]
    fn importing_again_changes_nothing(resources in prop::collection::vec(resource(), 1..12), form in 0usize..3, stamp in any::<bool>()) {
        let dir = Dir::new();
        std::fs::create_dir_all(dir.path("in")).unwrap();
        // One version of each resource. Another test has several in one input.
        let mut resources = resources;
        resources.sort_by_key(|made| (made.resource["resourceType"].to_string(), made.resource["id"].to_string()));
        resources.dedup_by_key(|made| (made.resource["resourceType"].to_string(), made.resource["id"].to_string()));
        write(&dir, "in", &resources, form);
        let stamp = if stamp { vec!["--stamp"] } else { vec![] };
        let args: Vec<&str> = ["s.db", "in"].into_iter().chain(stamp).collect();
        dir.import(0, &args);
        let before = dir.bodies("s.db");
        let again = dir.import(0, &args);
        prop_assert_eq!((again["created"].as_u64(), again["updated"].as_u64()), (Some(0), Some(0)));
        prop_assert_eq!(again["unchanged"].as_u64(), Some(resources.len() as u64));
        prop_assert_eq!(dir.bodies("s.db"), before);
        prop_assert_eq!(dir.count("s.db", "SELECT count(*) FROM history"), 0);
    }

    #[test]
    fn the_order_of_disjoint_files_does_not_matter(resources in prop::collection::vec(resource(), 1..10), turn in 0usize..10) {
        let dir = Dir::new();
        let mut files = Vec::new();
        for (n, made) in resources.iter().enumerate() {
            let mut made = made.clone();
            made.resource["id"] = json!(format!("r{n}"));
            made.resource["meta"] = json!({"versionId": "1", "lastUpdated": "2020-01-01T00:00:00Z"});
            // Each refers to its neighbour by a conditional reference.
            made.resource["identifier"] = json!([{"system": "s", "value": n.to_string()}]);
            let next = (n + 1) % resources.len();
            let kind = resources[next].resource["resourceType"].as_str().unwrap().to_owned();
            made.resource["link"] = json!({"reference": format!("{kind}?identifier=s|{next}")});
            files.push(dir.write(&format!("{n}.json"), text(&made)).to_str().unwrap().to_owned());
        }
        dir.import(0, &["a.db"].into_iter().chain(files.iter().map(String::as_str)).collect::<Vec<_>>());
        let count = files.len();
        files.rotate_left(turn % count);
        files.reverse();
        dir.import(0, &["b.db"].into_iter().chain(files.iter().map(String::as_str)).collect::<Vec<_>>());
        let links = |store: &str| dir.bodies(store).into_iter().map(|(place, body)| {
            let body: Value = serde_json::from_str(&body).unwrap();
            (place, body["link"].clone(), body["more"].clone())
        }).collect::<Vec<_>>();
        prop_assert_eq!(links("a.db"), links("b.db"));
        prop_assert!(links("a.db").iter().all(|(_, link, _)| !link.to_string().contains('?')));
    }

    #[test]
    fn since_and_until_exclude_their_own_instant(times in prop::collection::vec(0i64..50, 1..20), cut in 0i64..50) {
        let dir = Dir::new();
        let instant = |t: i64| format!("2020-01-01T00:00:00.{:03}Z", t * 7);
        let lines: String = times.iter().enumerate().map(|(n, t)| format!("{{\"resourceType\":\"Basic\",\"id\":\"{n}\",\"meta\":{{\"versionId\":\"1\",\"lastUpdated\":\"{}\"}}}}\n", instant(*t))).collect();
        dir.write("in.ndjson", &lines);
        dir.import(0, &["s.db", "in.ndjson"]);
        for (flag, kept) in [("--since", times.iter().filter(|t| **t > cut).count()), ("--until", times.iter().filter(|t| **t < cut).count())] {
            let ran = dir.run(["export", "s.db", &flag[2..], flag, &instant(cut)]);
            prop_assert_eq!(ran.code, 0, "{}", ran.stderr);
            prop_assert!(ran.stdout.starts_with(&format!("{kept} resources")), "{}", ran.stdout);
        }
    }
}
