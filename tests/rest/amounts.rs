//! How much of the results a search gives: `_summary`, `_elements`, `_total`, `_count`.

use serde_json::{Value, json};

use super::{bundle, filled, ids, link, list, text};
use crate::support::served;

const DATA: &str = r#"{"resourceType":"Observation","id":"a","meta":{"tag":[{"code":"own"}]},"text":{"status":"generated","div":"<div/>"},"status":"final","code":{"text":"c"},"subject":{"reference":"Patient/p"},"valueQuantity":{"value":1.00},"note":[{"text":"n"}]}
{"resourceType":"Patient","id":"p","text":{"status":"generated","div":"<div/>"},"gender":"male","birthDate":"1980","contact":[{"gender":"male"}]}
{"resourceType":"Martian","id":"m","ears":3}
"#;

/// The names of the elements of each resource on a page, without those that are always there.
fn elements(page: &Value) -> Vec<String> {
    let names = |entry: &Value| {
        let resource = entry["resource"].as_object().expect("a resource");
        let always = ["resourceType", "id", "meta"];
        let names = resource.keys().map(String::as_str).filter(|name| !always.contains(name));
        let is_tagged = list(&resource["meta"]["tag"]).iter().any(|tag| {
            tag["code"] == "SUBSETTED" && text(&tag["system"]).ends_with("ObservationValue")
        });
        let mut names: Vec<&str> = names.collect();
        names.extend(is_tagged.then_some("+"));
        names.sort_unstable();
        names.join(" ")
    };
    list(&page["entry"]).iter().map(names).collect()
}

#[test]
fn resources_are_cut_as_they_are_asked_for() {
    let (_dir, served) = served(DATA);
    let whole = "code note status subject text valueQuantity";
    for (query, expected) in [
        ("Observation", whole),
        ("Observation?_summary=false", whole),
        ("Observation?_summary=true", "+ code status subject valueQuantity"),
        ("Observation?_summary=text", "+ code status text"),
        ("Observation?_summary=data", "+ code note status subject valueQuantity"),
        ("Observation?_elements=note", "+ code note status"),
        ("Observation?_elements=Observation.value, note", "+ code note status valueQuantity"),
        ("Observation?_elements=note&_elements=subject", "+ code note status subject"),
        ("Observation?_elements=Patient.gender", whole),
        ("Observation?_elements=code,note,status,subject,text,value", whole),
        ("Patient?_summary=true", "+ birthDate gender"),
        ("Martian?_summary=true", "ears"),
    ] {
        let page = bundle(&served, &format!("/fhir/{}", query.replace(' ', "%20")));
        assert_eq!(elements(&page), [expected], "{query}");
    }
    // Bytes stay as they are, and tags too.
    let cut = served.get("/fhir/Observation?_elements=value").text();
    assert!(
        cut.contains(r#""valueQuantity":{"value":1.00}"#) && cut.contains(r#"{"code":"own"},"#),
        "{cut}"
    );
    // Names without a type are elements of what is searched for.
    for (query, expected) in [
        ("_elements=note", ["+ code note status", "birthDate contact gender text"]),
        ("_elements=note,Patient.gender", ["+ code note status", "+ gender"]),
        (
            "_summary=data",
            ["+ code note status subject valueQuantity", "+ birthDate contact gender"],
        ),
    ] {
        let page = bundle(&served, &format!("/fhir/Observation?_include=*&{query}"));
        assert_eq!(elements(&page), expected, "{query}");
    }
    for (query, named) in [
        ("_summary=some", "true, text, data, count, false"),
        ("_elements=name.family", "_elements"),
        ("_elements=", "_elements"),
        ("_summary=true&_elements=code", "_summary"),
        ("_summary=text&_include=*", "_summary=text"),
        ("_total=all", "none, estimate or accurate"),
    ] {
        served.get(&format!("/fhir/Observation?{query}")).assert_outcome(400, named);
    }
}

#[test]
fn the_total_is_told_where_it_is_known_or_asked_for() {
    let (_dir, served) = filled();
    for (query, total, has_entries) in [
        ("", json!(3), true),
        ("_count=2", json!(3), true),
        ("identifier=1&_count=2", Value::Null, true),
        ("identifier=1", json!(3), true),
        ("identifier=1&_count=2&_total=accurate", json!(3), true),
        ("identifier=1&_count=2&_total=estimate", json!(3), true),
        ("identifier=1&_count=2&_sort=-_id", json!(3), true),
        ("identifier=1&_total=none", Value::Null, true),
        ("_total=none", Value::Null, true),
        ("_summary=count", json!(3), false),
        ("_count=0", json!(3), false),
        ("_count=0&_total=none", json!(3), false),
        ("identifier=urn:x|1&_summary=count", json!(1), false),
        ("_summary=count&_include=*&_sort=_id", json!(3), false),
    ] {
        let page = bundle(&served, &format!("/fhir/Patient?{query}"));
        assert_eq!(page["total"], total, "{query}");
        assert_eq!(!list(&page["entry"]).is_empty(), has_entries, "{query}");
        assert_eq!(
            link(&page, "next").is_some(),
            has_entries && query.contains("_count=2"),
            "{query}"
        );
    }
    // The first page has told it.
    let first = bundle(&served, "/fhir/Patient?identifier=1&_count=2&_total=accurate");
    let next = link(&first, "next").unwrap();
    assert!(!next.contains("total"), "{next}");
    assert_eq!(ids(&bundle(&served, next)), ["c"]);
    let none = bundle(&served, "/fhir/Patient?_count=2&_total=none");
    assert_eq!(bundle(&served, link(&none, "next").unwrap())["total"], Value::Null);
}
