//! Properties of derived ids, tried on random Bundles: links in circles, equal entries, entries with
//! and without ids, in any order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};

use super::bundles::bundle;
use super::derived_ids::post;
use crate::support::Dir;

/// The cases are few, because each runs the program several times.
fn config() -> Config {
    Config { cases: 24, failure_persistence: None, ..Config::default() }
}

/// What an entry says, whether it has an id, and the entries that it links to.
type Made = (u8, bool, bool, Vec<usize>);

fn entries() -> impl Strategy<Value = Vec<Made>> {
    let entry = (
        0u8..2,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.8),
        prop::collection::vec(0usize..8, 0..3),
    );
    prop::collection::vec(entry, 1..8)
}

/// The entries of a file. `file` is said by one entry alone, the first.
fn written(made: &[Made], file: &str) -> Vec<Value> {
    let entry = |(place, (says, has_id, has_url, links)): (usize, &Made)| {
        let links: Vec<Value> = links
            .iter()
            .map(|to| json!({"reference": format!("urn:uuid:{}", to % made.len())}))
            .collect();
        let says = if place == 0 { format!("{says} {file}") } else { says.to_string() };
        let mut resource = json!({"resourceType": "Basic", "says": says, "links": links});
        if *has_id {
            resource["id"] = json!(format!("{file}-{place}"));
        }
        let is_linked =
            made.iter().any(|(.., links)| links.iter().any(|to| to % made.len() == place));
        post(
            &if *has_url || is_linked { format!("urn:uuid:{place}") } else { String::new() },
            resource,
        )
    };
    made.iter().enumerate().map(entry).collect()
}

/// The resources of a store by `Type/id`.
fn stored(dir: &Dir, store: &str) -> BTreeMap<String, Value> {
    let bodies = dir.bodies(store).into_iter();
    bodies.map(|(place, body)| (place, serde_json::from_str(&body).unwrap())).collect()
}

/// What one can reach from a resource by its links, to a depth: its text with the texts of others in it.
fn unfolded(store: &BTreeMap<String, Value>, place: &str, depth: usize) -> Value {
    let body = &store[place];
    let links = body["links"].as_array().unwrap().iter().map(|link| {
        let to = link["reference"].as_str().unwrap();
        assert!(store.contains_key(to), "{to} is not there");
        if depth == 0 { json!("…") } else { unfolded(store, to, depth - 1) }
    });
    json!([body["says"], links.collect::<Vec<_>>()])
}

fn counted<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    items.for_each(|item| *counts.entry(item).or_default() += 1);
    counts
}

/// What the entries of a file mean, unfolded in the same way from the file alone.
fn meant(made: &[Made], file: &str, place: usize, depth: usize) -> Value {
    let (says, .., links) = &made[place];
    let says = if place == 0 { format!("{says} {file}") } else { says.to_string() };
    let links = links.iter().map(|to| {
        if depth == 0 { json!("…") } else { meant(made, file, to % made.len(), depth - 1) }
    });
    json!([says, links.collect::<Vec<_>>()])
}

const DEPTH: usize = 4;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_entry_is_a_resource_with_its_own_links_in_any_order(
        made in entries(), turn in 0usize..8, other in any::<bool>(),
    ) {
        let dir = Dir::new();
        // Two files with the same numbers, which differ in one entry, or two equal files.
        let names = if other { ["a", "b"] } else { ["a", "a"] };
        for (file, name) in ["1.json", "2.json"].into_iter().zip(names) {
            let mut entries = written(&made, name);
            dir.write(file, bundle("transaction", json!(entries)));
            entries.rotate_left(turn % made.len());
            entries.reverse();
            dir.write(&format!("turned/{file}"), bundle("batch", json!(entries)));
        }
        dir.import(0, &["a.db", "1.json", "2.json"]);
        let first = stored(&dir, "a.db");
        for order in [["turned/2.json", "1.json"], ["2.json", "turned/1.json"]] {
            let again = dir.import(0, &["a.db", order[0], order[1]]);
            prop_assert_eq!((&again["created"], &again["updated"]), (&json!(0), &json!(0)));
        }
        prop_assert_eq!(dir.count("a.db", "SELECT count(*) FROM history"), 0);
        dir.import(0, &["b.db", "turned/2.json", "turned/1.json"]);
        let places = |store: &BTreeMap<String, Value>| store.keys().cloned().collect::<BTreeSet<_>>();
        prop_assert_eq!(places(&stored(&dir, "b.db")), places(&first));
        // The store holds what the files mean, neither less nor anything else. What no entry of its own
        // links to, and what it links to, is the same in both files, is one resource.
        let meant = |file: &'static str| (0..made.len()).map(|place| meant(&made, file, place, DEPTH).to_string()).collect::<Vec<_>>();
        let seen = counted(first.keys().map(|place| unfolded(&first, place, DEPTH).to_string()));
        let (a, b) = (counted(meant("a").into_iter()), counted(meant("b").into_iter()));
        for (text, count) in &seen {
            let in_a = a.get(text).copied().unwrap_or(0);
            let in_b = if other { b.get(text).copied().unwrap_or(0) } else { 0 };
            prop_assert!(*count >= in_a.max(in_b) && *count <= in_a + in_b, "{} {}: {:?}", count, text, first);
        }
        let wanted: BTreeSet<_> = a.keys().chain(b.keys().filter(|_| other)).collect();
        prop_assert_eq!(seen.keys().collect::<BTreeSet<_>>(), wanted);
        dir.check("a.db");
    }
}
