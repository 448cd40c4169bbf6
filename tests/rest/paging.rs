//! The pages of a search.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{bundle, ids, link};
use crate::support::{Dir, Served, seal};

/// Follows the pages of a search to the last one.
pub fn pages(served: &Served, target: &str) -> Vec<Value> {
    let mut pages = vec![bundle(served, target)];
    while let Some(next) = link(pages.last().unwrap(), "next").map(str::to_owned) {
        assert!(pages.len() < 1000, "the pages have no end");
        assert!(next.starts_with(&format!("{}/fhir", served.url)), "{next}");
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
}

/// Resources of the second import: p03 and p07 are changed, p11 is new. p05 is deleted.
fn change(dir: &Dir) {
    let changed = "{\"resourceType\":\"Patient\",\"id\":\"p03\",\"birthDate\":\"1900\"}
{\"resourceType\":\"Patient\",\"id\":\"p07\",\"birthDate\":\"2000\",\"managingOrganization\":{\"reference\":\"Organization/new\"}}
{\"resourceType\":\"Patient\",\"id\":\"p11\",\"birthDate\":\"1950\"}
{\"resourceType\":\"Organization\",\"id\":\"new\"}
{\"resourceType\":\"Organization\",\"id\":\"org\",\"name\":\"renamed\"}
";
    dir.write("later.ndjson", changed);
    dir.import(0, &["s.db", "later.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Patient/p05"]).code, 0);
}

/// A server of eleven patients, who are older the later they come.
fn eleven() -> (Dir, Served) {
    let dir = Dir::new();
    let one = |n| {
        let year = 1990 - n;
        format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"p{n:02}\",\"birthDate\":\"{year}\",\"managingOrganization\":{{\"reference\":\"Organization/org\"}}}}\n"
        )
    };
    let patients: String = (0..11).map(one).collect();
    dir.write(
        "in.ndjson",
        format!("{patients}{{\"resourceType\":\"Organization\",\"id\":\"org\"}}\n"),
    );
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

#[test]
fn an_import_between_the_pages_neither_repeats_nor_loses_anything() {
    for sort in [
        "",
        "&_sort=birthdate",
        "&_sort=-_lastUpdated",
        "&_sort=-birthdate,_id",
        "&gender:missing=true",
    ] {
        let (dir, served) = eleven();
        let target = format!("/fhir/Patient?_count=4{sort}&_include=Patient:organization");
        let before: Vec<Value> = pages(&served, &target);
        let first = bundle(&served, &target);
        change(&dir);
        let next = link(&first, "next").unwrap();
        let rest = pages(&served, next.strip_prefix(&served.url).unwrap());
        for (now, then) in rest.iter().zip(&before[1..]) {
            assert_eq!((&now["entry"], &now["total"]), (&then["entry"], &then["total"]), "{sort}");
        }
        assert_eq!(rest.len(), 2, "{sort}");
        // A first page sees what is there now.
        let mut now: Vec<String> = pages(&served, &target)
            .iter()
            .flat_map(|page| super::list(&page["entry"]).to_vec())
            .filter(|entry| entry["search"]["mode"] == "match")
            .map(|entry| super::text(&entry["resource"]["id"]).to_owned())
            .collect();
        now.sort();
        let expected: Vec<String> =
            (0..12).filter(|n| *n != 5).map(|n| format!("p{n:02}")).collect();
        assert_eq!(now, expected, "{sort}");
    }
}

/// The types of a search without `_type` are those of its snapshot.
#[test]
fn a_type_that_is_deleted_between_the_pages_is_on_them() {
    let (dir, served) = eleven();
    let first = bundle(&served, "/fhir?_lastUpdated=ge2000&_count=1");
    assert_eq!(ids(&first), ["org"]);
    let patients: Vec<String> = (0..11).map(|n| format!("Patient/p{n:02}")).collect();
    let delete = ["delete", "s.db"].into_iter().chain(patients.iter().map(String::as_str));
    assert_eq!(dir.run(delete).code, 0);
    let next = link(&first, "next").unwrap().replace("_count=1", "_count=6");
    let rest = pages(&served, next.strip_prefix(&served.url).unwrap());
    assert_eq!(rest.iter().flat_map(ids).count(), 11);
    assert_eq!(bundle(&served, "/fhir?_lastUpdated=ge2000")["total"], 1);
}

#[test]
fn pages_whose_snapshot_is_gone_are_410() {
    let (dir, served) = eleven();
    let first = bundle(&served, "/fhir/Patient?_count=4");
    let next = link(&first, "next").unwrap().replace(&served.url, "");
    change(&dir);
    // While nothing is pruned, the page is there.
    assert_eq!(served.get(&next).status, 200);
    let db = dir.open("s.db");
    db.execute_batch("UPDATE history SET ended_at = ended_at - 86400000000").unwrap();
    seal(&db);
    assert_eq!(dir.run(["prune", "s.db", "--older-than", "1h"]).code, 0);
    served.get(&next).assert_outcome(410, "begin again");
    // Pages of a later snapshot go on.
    let later = bundle(&served, "/fhir/Patient?_count=4");
    assert_eq!(served.get(&link(&later, "next").unwrap().replace(&served.url, "")).status, 200);
}

#[test]
fn a_link_that_was_edited_gives_nothing_else() {
    let (dir, served) = eleven();
    let first = bundle(&served, "/fhir/Patient?_count=4");
    let next = link(&first, "next").unwrap().replace(&served.url, "");
    let at = next.split("_snapshot=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let (seq, mark) = at.split_once('-').unwrap();
    let last = dir.count("s.db", "SELECT value FROM setting WHERE name = 'last_seq'");
    assert_eq!(seq, last.to_string());
    for (edited, status) in [
        (format!("{}-{mark}", last + 1), 410),
        (format!("{}-{mark}", last - 1), 410),
        (format!("0-{mark}"), 410),
        (format!("-1-{mark}"), 400),
        (format!("{seq}-0000000000000000"), 410),
        (format!("{seq}-"), 400),
        (format!("{seq}-{mark}0"), 400),
        (seq.to_owned(), 400),
        (String::new(), 400),
    ] {
        served.get(&next.replace(&at, &edited)).assert_outcome(status, "");
    }
    for edited in ["999", "x", ""] {
        let cut = next.rsplit_once('=').unwrap().0;
        let target = format!("{cut}={edited}&_sort=birthdate");
        assert_eq!(served.get(&target).status, 400, "{target}");
    }
}
