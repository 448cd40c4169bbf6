//! What other servers got wrong, each as a table of searches with what they must find. The name of each table is that of
//! the issue.
//!
//! <https://hl7.org/fhir/R4/search.html>. The tests beside `src/fhir/search/` have more cases for single values.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{bundle, found, ids, link, list, text};
use crate::support::{Dir, Served, served};

/// Fails unless each search finds the resources with these ids.
fn assert_found(served: &Served, cases: &[(&str, &str)]) {
    for (query, expected) in cases {
        assert_eq!(found(served, &format!("/fhir/{query}")), *expected, "{query}");
    }
}

#[test]
fn medplum_7170_not_finds_the_resources_without_the_element_too() {
    let (_dir, served) = served(
        r#"{"resourceType":"Patient","id":"f","gender":"female"}
{"resourceType":"Patient","id":"m","gender":"male"}
{"resourceType":"Patient","id":"n"}
{"resourceType":"Patient","id":"x","_gender":{"extension":[{"url":"http://x","valueCode":"unknown"}]}}
{"resourceType":"Observation","id":"a","category":[{"coding":[{"code":"laboratory"}]},{"coding":[{"code":"exam"}]}]}
{"resourceType":"Observation","id":"b","category":[{"coding":[{"code":"exam"}]}]}
{"resourceType":"Observation","id":"c","category":[{"text":"laboratory"}]}
{"resourceType":"Observation","id":"d"}
"#,
    );
    assert_found(
        &served,
        &[
            ("Patient?gender:not=male", "f n x"),
            ("Patient?gender:not=male,female", "n x"),
            ("Patient?gender:not=male&gender:not=female", "n x"),
            ("Patient?gender:not=other", "f m n x"),
            ("Patient?gender:missing=true", "n x"),
            ("Patient?gender:missing=false", "f m"),
            // "The negation applies to the set, not each individual entry."
            ("Observation?category:not=laboratory", "b c d"),
            ("Observation?category:not=exam", "c d"),
            ("Observation?category:not=exam&category=laboratory", ""),
        ],
    );
}

#[test]
fn medplum_9045_a_code_behind_a_bar_has_no_system() {
    let (_dir, served) = served(
        r#"{"resourceType":"Patient","id":"a","identifier":[{"system":"urn:x","value":"1"}]}
{"resourceType":"Patient","id":"b","identifier":[{"value":"1"}]}
{"resourceType":"Patient","id":"c","identifier":[{"system":"urn:x","value":"2"},{"value":"3"}]}
{"resourceType":"Observation","id":"o","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]}}
{"resourceType":"Observation","id":"p","code":{"coding":[{"code":"8867-4"}]}}
{"resourceType":"Observation","id":"q","code":{"coding":[{"system":"http://loinc.org","code":"1"},{"code":"8867-4"}]}}
"#,
    );
    assert_found(
        &served,
        &[
            ("Patient?identifier=1", "a b"),
            ("Patient?identifier=%7C1", "b"),
            ("Patient?identifier=urn:x%7C1", "a"),
            ("Patient?identifier=urn:x%7C", "a c"),
            ("Patient?identifier=%7C2", ""),
            ("Patient?identifier=urn:x%7C3", ""),
            ("Observation?code=8867-4", "o p q"),
            ("Observation?code=%7C8867-4", "p q"),
            ("Observation?code=http://loinc.org%7C8867-4", "o"),
            ("Observation?code:not=%7C8867-4", "o"),
        ],
    );
}

#[test]
fn hfs_1391_dates_have_their_precision_their_zone_and_open_ends() {
    let (_dir, served) = served(
        r#"{"resourceType":"Encounter","id":"day","period":{"start":"2020-05-12","end":"2020-05-12"}}
{"resourceType":"Encounter","id":"from","period":{"start":"2020-05-12T10:00:00Z"}}
{"resourceType":"Encounter","id":"to","period":{"end":"2020-05-12T10:00:00Z"}}
{"resourceType":"Encounter","id":"none","status":"planned"}
{"resourceType":"Observation","id":"year","effectiveDateTime":"2020"}
{"resourceType":"Observation","id":"month","effectiveDateTime":"2020-05"}
{"resourceType":"Observation","id":"zone","effectiveDateTime":"2020-05-13T00:30:00+02:00"}
{"resourceType":"Observation","id":"events","effectiveTiming":{"event":["2020-05-01","2020-05-31"]}}
"#,
    );
    assert_found(
        &served,
        &[
            ("Encounter?date=2020-05-12", "day"),
            ("Encounter?date=2020-05", "day"),
            ("Encounter?date=ne2020-05-12", "from to"),
            ("Encounter?date=ge2021", "from"),
            ("Encounter?date=le2019", "to"),
            ("Encounter?date=gt2020-05-12", "from"),
            ("Encounter?date=lt2020-05-12", "to"),
            ("Encounter?date=ge2020-05-12&date=le2020-05-12", "day"),
            ("Encounter?date=sa2020-05-11", "day from"),
            ("Encounter?date=eb2020-05-13", "day to"),
            ("Encounter?date:missing=true", "none"),
            ("Observation?date=2020", "year month zone events"),
            ("Observation?date=2020-05", "month zone events"),
            ("Observation?date=2020-05-12", "zone"),
            ("Observation?date=2020-05-12T22:30Z", "zone"),
            ("Observation?date=2020-05-13T00:30:00%2B02:00", "zone"),
            ("Observation?date=2020-05-13T00:30:00+02:00", "zone"),
            ("Observation?date=2020-05-13", ""),
            ("Observation?date=gt2020-05", "year"),
            ("Observation?date=lt2020-05", "year"),
            ("Observation?date=ge2020-05-31", "year"),
            ("Observation?date=ge2020-05-30T23:59Z", "year month events"),
            ("Observation?date=sa2020-05-12T22:00Z", "zone"),
            ("Observation?date=ap2020-05-15", "year month zone events"),
        ],
    );
}

#[test]
fn hapi_6147_quantities_are_equal_within_their_precision() {
    let (_dir, served) = served(
        r#"{"resourceType":"Observation","id":"a","valueQuantity":{"value":5.4,"system":"http://unitsofmeasure.org","code":"mg","unit":"mg"}}
{"resourceType":"Observation","id":"b","valueQuantity":{"value":5.35,"system":"http://unitsofmeasure.org","code":"mg","unit":"mg"}}
{"resourceType":"Observation","id":"c","valueQuantity":{"value":5.45,"unit":"mg"}}
{"resourceType":"Observation","id":"d","valueQuantity":{"value":5.40,"unit":"g"}}
{"resourceType":"Observation","id":"e","valueQuantity":{"value":100}}
{"resourceType":"Observation","id":"f","valueQuantity":{"value":99.5}}
{"resourceType":"Observation","id":"g","valueQuantity":{"value":0.1000000000000000055511151231257827}}
"#,
    );
    assert_found(
        &served,
        &[
            ("Observation?value-quantity=5.4", "a b d"),
            ("Observation?value-quantity=5.40", "a d"),
            ("Observation?value-quantity=5.4%7Chttp://unitsofmeasure.org%7Cmg", "a b"),
            ("Observation?value-quantity=5.4%7C%7Cmg", "a b"),
            ("Observation?value-quantity=5.4%7C%7Cg", "d"),
            ("Observation?value-quantity=gt5.4", "c e f"),
            ("Observation?value-quantity=ge5.4", "a c d e f"),
            ("Observation?value-quantity=lt5.4", "b g"),
            ("Observation?value-quantity=le5.4", "a b d g"),
            ("Observation?value-quantity=100", "e f"),
            ("Observation?value-quantity=100.0", "e"),
            ("Observation?value-quantity=1e2", "e f"),
            ("Observation?value-quantity=ne100", "a b c d g"),
            ("Observation?value-quantity=ap105", "e f"),
            ("Observation?value-quantity=gt0.1&value-quantity=lt1", "g"),
            ("Observation?value-quantity=5.4e0", "a b d"),
        ],
    );
}

#[test]
fn blaze_666_gt_overlaps_what_is_above_and_sa_lies_wholly_above() {
    let (_dir, served) = served(
        r#"{"resourceType":"Encounter","id":"long","period":{"start":"1990-01-01","end":"2019-01-01"}}
{"resourceType":"Encounter","id":"old","period":{"start":"1990-01-01","end":"1991-01-01"}}
{"resourceType":"Encounter","id":"open","period":{"start":"1990-01-01"}}
{"resourceType":"Encounter","id":"new","period":{"start":"2019-01-01","end":"2019-01-31"}}
"#,
    );
    assert_found(
        &served,
        &[
            ("Encounter?date=gt2018-01-01", "long open new"),
            ("Encounter?date=ge2018-01-01", "long open new"),
            ("Encounter?date=sa2018-01-01", "new"),
            ("Encounter?date=lt1995", "long old open"),
            ("Encounter?date=eb1995", "old"),
            ("Encounter?date=gt2018-01-01&date=lt2021-12-31", "long open new"),
            ("Encounter?date=sa2018-01-01&date=eb2022-01-01", "new"),
        ],
    );
}

#[test]
fn microsoft_1389_an_escaped_comma_is_part_of_the_value() {
    let (_dir, served) = served(
        r#"{"resourceType":"Practitioner","id":"a","name":[{"text":"KEBER MD, BARBARA A"}]}
{"resourceType":"Practitioner","id":"b","name":[{"text":"KEBER MD"}]}
{"resourceType":"Practitioner","id":"c","name":[{"text":"BARBARA A"}]}
{"resourceType":"Practitioner","id":"d","identifier":[{"system":"urn:a|b","value":"1,2"}]}
{"resourceType":"Practitioner","id":"e","identifier":[{"system":"urn:a","value":"b|1,2"},{"value":"back\\slash"}]}
"#,
    );
    assert_found(
        &served,
        &[
            (r"Practitioner?name=KEBER%20MD\,%20BARBARA", "a"),
            ("Practitioner?name=KEBER%20MD%5C%2C%20BARBARA", "a"),
            ("Practitioner?name:exact=KEBER%20MD%5C%2C%20BARBARA%20A", "a"),
            ("Practitioner?name=KEBER%20MD,BARBARA", "a b c"),
            ("Practitioner?name=KEBER%20MD%2CBARBARA", "a b c"),
            (r"Practitioner?identifier=1\,2", "d"),
            (r"Practitioner?identifier=urn:a\|b|1\,2", "d"),
            (r"Practitioner?identifier=urn:a|b\|1\,2", "e"),
            ("Practitioner?identifier=1,2", ""),
            (r"Practitioner?identifier=back\\slash", "e"),
        ],
    );
}

#[test]
fn hfs_1009_an_unknown_parameter_never_widens_a_search() {
    let (_dir, served) = served(
        r#"{"resourceType":"Patient","id":"a","gender":"female"}
{"resourceType":"Patient","id":"b","gender":"male"}
{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/a"}}
"#,
    );
    for (query, named) in [
        ("Patient?sex=female", "sex"),
        ("Patient?gender=female&sex=female", "sex"),
        ("Patient?Gender=female", "Gender"),
        ("Patient?gender:is=female", "gender:is"),
        ("Patient?gender:not:not=female", "gender:not:not"),
        ("Patient?:missing=true", ":missing"),
        ("Observation?subject.sex=female", "subject.sex"),
        ("Observation?subject:Person.gender=female", "subject:Person.gender"),
        ("Patient?_has:Observation:subject:nothing=1", "nothing"),
        ("Patient?_has:Observation:nothing:code=1", "nothing"),
        ("Patient?gender=", "gender"),
        ("Patient?gender", "gender"),
    ] {
        served.get(&format!("/fhir/{query}")).assert_outcome(400, named);
    }
    // Lenient handling ignores what is unknown, says so in the link, and applies the rest.
    let lenient = |query: &str| {
        let answer = served.get_with(&format!("/fhir/{query}"), "Prefer: handling=lenient\r\n");
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        answer.json()
    };
    let page = lenient("Patient?gender=female&sex=male");
    let of_mode = |mode: &str| -> Vec<&Value> {
        list(&page["entry"]).iter().filter(|entry| entry["search"]["mode"] == mode).collect()
    };
    let matches: Vec<&str> =
        of_mode("match").iter().map(|entry| text(&entry["resource"]["id"])).collect();
    assert_eq!(matches, ["a"]);
    assert!(of_mode("outcome")[0].to_string().contains("sex"), "{page}");
    assert!(!link(&page, "self").unwrap().contains("sex"), "{page}");
}

/// Each page is the matches behind the last one: nothing is counted off, so a change between two pages moves nothing.
#[test]
fn medplum_4608_pages_neither_repeat_nor_leave_out_while_the_store_changes() {
    let dir = Dir::new();
    let patient = |n: usize, gender: &str| {
        format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n:03}\",\"gender\":\"{gender}\"}}\n")
    };
    let data: String =
        (0..300).map(|n| patient(n, if n % 3 == 0 { "male" } else { "female" })).collect();
    dir.write("in.ndjson", data);
    let served = dir.serve(&["s.db", "in.ndjson"]);
    let all: BTreeSet<String> =
        (0..300).filter(|n| n % 3 != 0).map(|n| format!("p{n:03}")).collect();
    let mut page = bundle(&served, "/fhir/Patient?gender=female&_count=30");
    let (mut seen, mut gone, mut round) = (ids(&page), BTreeSet::new(), 0);
    while let Some(next) = link(&page, "next").map(str::to_owned) {
        // A resource that was seen goes, one that comes later goes, and one that was seen changes.
        for id in [&seen[round * 30], &format!("p{:03}", 298 - 3 * round)] {
            assert_eq!(dir.run(["delete", "s.db", &format!("Patient/{id}")]).code, 0);
            gone.insert(id.clone());
        }
        let changed: Value = serde_json::json!({"resourceType": "Patient", "id": seen[round * 30 + 1], "gender": "female", "active": true});
        dir.write("more.ndjson", format!("{changed}\n"));
        dir.import(0, &["s.db", "more.ndjson"]);
        page = bundle(&served, &next);
        seen.extend(ids(&page));
        round += 1;
    }
    assert!(round > 4, "{round} pages");
    let stayed: BTreeSet<String> = all.difference(&gone).cloned().collect();
    let distinct: BTreeSet<String> = seen.iter().cloned().collect();
    assert!(distinct.is_superset(&stayed), "{:?}", stayed.difference(&distinct));
    assert!(distinct.is_subset(&all));
    let twice: Vec<&String> =
        seen.iter().filter(|id| seen.iter().filter(|other| other == id).count() > 1).collect();
    // A resource that was changed after it was seen may come again, as a new version; no other may.
    let changed: BTreeSet<&String> = (0..round).map(|at| &seen[at * 30 + 1]).collect();
    assert!(twice.iter().all(|id| changed.contains(id)), "{twice:?}");
}
