//! `_sort`: ties, resources without a value, and an order by time, which goes by an index. Random orders over the
//! sample data are in `tests/independent/results.py`.

use super::paging::pages;
use super::{bundle, found, ids};
use crate::support::{Dir, served};

#[test]
fn what_has_no_value_comes_last_and_ties_go_by_age() {
    let (_dir, served) = served(
        r#"{"resourceType":"Patient","id":"none"}
{"resourceType":"Patient","id":"b","birthDate":"1980-05","gender":"male","name":[{"family":"zoe"}]}
{"resourceType":"Patient","id":"a","birthDate":"1980-05-01","gender":"male","name":[{"family":"Øre"},{"family":"Abel"}]}
{"resourceType":"Patient","id":"c","birthDate":"1970","gender":"female","name":[{"given":["x"]}]}
{"resourceType":"Patient","id":"d","birthDate":"1970","gender":"female","name":[{"family":"éden"}]}
"#,
    );
    for (sort, expected) in [
        ("_id", "a b c d none"),
        ("-_id", "none d c b a"),
        ("birthdate", "c d b a none"),
        ("-birthdate", "b a d c none"),
        ("gender,-birthdate", "d c b a none"),
        ("-gender,birthdate", "b a c d none"),
        ("family", "a d b none c"),
        ("-family", "b a d c none"),
        ("_lastUpdated", "none b a c d"),
        ("-_lastUpdated", "d c a b none"),
        ("-_lastUpdated,_id", "a b c d none"),
        ("gender,_id", "c d a b none"),
    ] {
        assert_eq!(found(&served, &format!("/fhir/Patient?_sort={sort}")), expected, "{sort}");
        for count in [1, 2, 4] {
            let target = format!("/fhir/Patient?_sort={sort}&_count={count}");
            let all: Vec<String> = pages(&served, &target).iter().flat_map(ids).collect();
            assert_eq!(all.join(" "), expected, "{sort} by {count}");
        }
    }
    assert_eq!(found(&served, "/fhir/Patient?_sort=-_lastUpdated&gender=male"), "a b");
    assert_eq!(found(&served, "/fhir/Patient?_sort=-_lastUpdated&_id=a,c,none"), "c a none");
    assert_eq!(found(&served, "/fhir/Patient?_sort=-_lastUpdated&_lastUpdated=gt2100"), "");
    for (sort, named) in [
        ("", "birthdate,-_lastUpdated"),
        ("nothing", "it can by _id, _lastUpdated"),
        ("_id&_sort=gender", "second"),
    ] {
        served.get(&format!("/fhir/Patient?_sort={sort}")).assert_outcome(400, named);
    }
}

/// Of resources that came at one time, each stands on one page.
#[test]
fn an_order_by_time_has_every_resource_once() {
    let dir = Dir::new();
    let some = |from: usize, to: usize, time: &str| -> String {
        let one = |n| format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n:04}\"{time}}}\n");
        (from..to).map(one).collect()
    };
    let early = r#","meta":{"lastUpdated":"2020-01-01T00:00:00Z"}"#;
    dir.write("in.ndjson", some(0, 700, "") + &some(700, 900, early));
    let served = dir.serve(&["s.db", "in.ndjson"]);
    let ids_of = |range: std::ops::Range<usize>| range.map(|n| format!("p{n:04}"));
    let upwards: Vec<String> = ids_of(700..900).chain(ids_of(0..700)).collect();
    let downwards: Vec<String> = upwards.iter().rev().cloned().collect();
    for (sort, expected) in [("_lastUpdated", &upwards), ("-_lastUpdated", &downwards)] {
        let target = format!("/fhir/Patient?_sort={sort}&_count=150");
        let all = pages(&served, &target);
        assert_eq!(all.iter().flat_map(ids).collect::<Vec<_>>(), *expected, "{sort}");
        assert_eq!(all.len(), 6);
        // A parameter of bodies leaves the index, not the order.
        let slow = pages(&served, &format!("{target}&gender:missing=true"));
        assert_eq!(slow.iter().flat_map(ids).collect::<Vec<_>>(), *expected, "{sort}");
    }
    let newest = bundle(&served, "/fhir/Patient?_sort=-_lastUpdated&_count=1&_lastUpdated=lt2021");
    assert_eq!(ids(&newest), ["p0899"]);
}
