//! The pages of a search.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{bundle, ids, link};
use crate::support::{Dir, Served};

/// Follows the pages of a search to the last one.
fn pages(served: &Served, target: &str) -> Vec<Value> {
    let mut pages = vec![bundle(served, target)];
    while let Some(next) = link(pages.last().unwrap(), "next").map(str::to_owned) {
        assert!(pages.len() < 1000, "the pages have no end");
        assert!(next.starts_with(&format!("{}/fhir/", served.url)), "{next}");
        pages.push(bundle(served, &next));
    }
    pages
}

#[test]
fn the_pages_together_hold_every_match_once() {
    let dir = Dir::new();
    let all: Vec<String> = (0..1203).map(|n| format!("p{n:04}")).collect();
    let data: String = all
        .iter()
        .map(|id| {
            let value = id.len() + usize::from(id.ends_with('7'));
            format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\",\"identifier\":[{{\"system\":\"urn:é&+\",\"value\":\"{value}\"}}]}}\n")
        })
        .collect();
    dir.write("in.ndjson", data);
    let served = dir.serve(&["s.db", "in.ndjson"]);
    let sevens: Vec<String> = all.iter().filter(|id| id.ends_with('7')).cloned().collect();
    let of_sevens = "identifier=urn:%C3%A9%26%2B%7C6";
    for (query, expected, sizes) in [
        ("", &all, vec![100; 12].into_iter().chain([3]).collect::<Vec<_>>()),
        ("?_count=401", &all, vec![401, 401, 401]),
        ("?_count=1203", &all, vec![1000, 203]),
        ("?_count=99999999", &all, vec![1000, 203]),
        (&format!("?{of_sevens}"), &sevens, vec![100, 20]),
        (&format!("?{of_sevens}&_count=60"), &sevens, vec![60, 60]),
        (&format!("?_count=119&_lastUpdated=ge2020-01-01&{of_sevens}"), &sevens, vec![119, 1]),
    ] {
        let pages = pages(&served, &format!("/fhir/Patient{query}"));
        let found: Vec<Vec<String>> = pages.iter().map(ids).collect();
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{query}");
        assert_eq!(found.concat(), *expected, "{query}");
        let own = pages.iter().map(|page| link(page, "self").unwrap().to_owned());
        assert_eq!(own.collect::<BTreeSet<_>>().len(), pages.len(), "each page has its own URL");
    }
    for wrong in ["_count=x", "_count=-1", "_count=", "_after=x"] {
        served.get(&format!("/fhir/Patient?{wrong}")).assert_outcome(400, &wrong[..6]);
    }
    // A resource that is imported after the first page appears on the second, which repeats nothing.
    let first = bundle(&served, "/fhir/Patient?_count=1000");
    dir.write("more.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"new\"}\n");
    dir.import(0, &["s.db", "more.ndjson"]);
    let rest = bundle(&served, link(&first, "next").unwrap());
    assert_eq!(ids(&rest).len(), 204);
    assert_eq!(ids(&rest).last().unwrap(), "new");
    assert!(ids(&rest).iter().all(|id| !ids(&first).contains(id)));
}
