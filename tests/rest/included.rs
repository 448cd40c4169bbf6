//! `_include` and `_revinclude`. Random ones over the sample data are in `tests/independent/results.py`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::paging::pages;
use super::{bundle, list, text};
use crate::support::{Served, served};

const DATA: &str = r#"{"resourceType":"Organization","id":"top"}
{"resourceType":"Organization","id":"part","partOf":{"reference":"Organization/top"}}
{"resourceType":"Organization","id":"loop","partOf":{"reference":"Organization/loop"}}
{"resourceType":"Practitioner","id":"dr"}
{"resourceType":"PractitionerRole","id":"role","practitioner":{"reference":"Practitioner/dr"},"organization":{"reference":"Organization/part"}}
{"resourceType":"Patient","id":"a","managingOrganization":{"reference":"Organization/part"},"generalPractitioner":[{"reference":"Practitioner/dr"},{"reference":"Organization/loop"}]}
{"resourceType":"Patient","id":"b","managingOrganization":{"reference":"http://elsewhere.example.org/fhir/Organization/part/_history/3"},"link":[{"other":{"reference":"Patient/a"},"type":"seealso"}]}
{"resourceType":"Patient","id":"c","managingOrganization":{"reference":"Organization/missing"}}
{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"},"performer":[{"reference":"Practitioner/dr"}]}
{"resourceType":"Observation","id":"o2","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/b"},"hasMember":[{"reference":"Observation/o1"}]}
{"resourceType":"Condition","id":"k","subject":{"reference":"Patient/a"}}
{"resourceType":"Provenance","id":"v","recorded":"2020-01-01T00:00:00Z","target":[{"reference":"Observation/o1"},{"reference":"Patient/b"}],"agent":[{"who":{"reference":"Practitioner/dr"}}]}
"#;

/// The names of the entries of a mode, in order.
fn names(page: &Value, mode: &str) -> Vec<String> {
    let of_mode = list(&page["entry"]).iter().filter(|entry| entry["search"]["mode"] == mode);
    of_mode.map(|entry| name(&entry["resource"])).collect()
}

fn name(resource: &Value) -> String {
    // An OperationOutcome has no id.
    let id = resource["id"].as_str().unwrap_or_default();
    format!("{}/{id}", text(&resource["resourceType"]))
}

fn included(served: &Served, query: &str) -> String {
    let page = bundle(served, &format!("/fhir/{query}"));
    let (matches, included) = (names(&page, "match"), names(&page, "include"));
    if !query.contains("_count") {
        assert_eq!(page["total"], matches.len(), "{query}: only matches count");
    }
    let distinct: BTreeSet<&String> = matches.iter().chain(&included).collect();
    assert_eq!(distinct.len(), matches.len() + included.len(), "{query} repeats a resource");
    let mut sorted = included;
    sorted.sort();
    sorted.join(" ")
}

#[test]
fn what_is_asked_for_comes_along_once() {
    let (_dir, served) = served(DATA);
    for (query, expected) in [
        ("Observation?_id=o1&_include=Observation:subject", "Patient/a"),
        ("Observation?_include=Observation:subject:Patient", "Patient/a Patient/b"),
        ("Observation?_include=Observation:patient", "Patient/a Patient/b"),
        ("Observation?_include=Observation:subject:Group", ""),
        ("Observation?_id=o1&_include=*", "Patient/a Practitioner/dr"),
        ("Observation?_id=o1&_include=Observation:*", "Patient/a Practitioner/dr"),
        // It is on the page already.
        ("Observation?_include=Observation:has-member", ""),
        ("Observation?_id=o2&_include=Observation:has-member", "Observation/o1"),
        // A version, a server elsewhere and a resource that is not here.
        ("Patient?_include=Patient:organization", "Organization/part"),
        ("Patient?_include=Patient:general-practitioner", "Organization/loop Practitioner/dr"),
        ("Patient?_include=Patient:general-practitioner:Organization", "Organization/loop"),
        (
            "Patient?_id=a&_include=Patient:organization&_include=Patient:general-practitioner",
            "Organization/loop Organization/part Practitioner/dr",
        ),
        ("Patient?_include=Observation:subject", ""),
        ("Patient?_id=a&_revinclude=Observation:subject", "Observation/o1"),
        (
            "Patient?_id=a&_revinclude=Observation:subject&_revinclude=Condition:patient",
            "Condition/k Observation/o1",
        ),
        ("Patient?_revinclude=Observation:patient", "Observation/o1 Observation/o2"),
        ("Patient?_id=a,b&_revinclude=Provenance:target", "Provenance/v"),
        ("Patient?_id=a&_revinclude=Provenance:target", ""),
        ("Observation?_revinclude=Provenance:target", "Provenance/v"),
        ("Observation?_revinclude=Provenance:target:Patient", ""),
        ("Practitioner?_revinclude=PractitionerRole:practitioner", "PractitionerRole/role"),
        ("Practitioner?_revinclude=Observation:*", "Observation/o1"),
        (
            "Practitioner?_revinclude=Provenance:agent&_revinclude=Observation:performer",
            "Observation/o1 Provenance/v",
        ),
        ("Patient?_id=a&_revinclude=Patient:link", "Patient/b"),
        ("Device?_include=*", ""),
    ] {
        assert_eq!(included(&served, query), expected, "{query}");
    }
}

#[test]
fn iterate_follows_what_came_along() {
    let (_dir, served) = served(DATA);
    for (query, expected) in [
        (
            "Patient?_id=b&_include=Patient:organization&_include=Organization:partof",
            "Organization/part",
        ),
        (
            "Patient?_id=b&_include=Patient:organization&_include:iterate=Organization:partof",
            "Organization/part Organization/top",
        ),
        (
            "Patient?_id=b&_include=Patient:organization&_include:recurse=Organization:partof",
            "Organization/part Organization/top",
        ),
        (
            "Patient?_id=b&_include:iterate=*",
            "Organization/loop Organization/part Organization/top Patient/a Practitioner/dr",
        ),
        ("Organization?_id=loop&_include:iterate=Organization:partof", ""),
        (
            "Organization?_id=top&_revinclude:iterate=Organization:partof&_revinclude:iterate=PractitionerRole:organization&_include:iterate=PractitionerRole:practitioner",
            "Organization/part Practitioner/dr PractitionerRole/role",
        ),
        (
            "Observation?_id=o1&_include=Observation:subject&_revinclude:iterate=Condition:subject",
            "Condition/k Patient/a",
        ),
    ] {
        assert_eq!(included(&served, query), expected, "{query}");
    }
}

#[test]
fn each_page_has_what_belongs_to_it() {
    let (_dir, served) = served(DATA);
    let pages = pages(
        &served,
        "/fhir/Patient?_count=1&_include=Patient:organization&_revinclude=Observation:subject",
    );
    let of_pages: Vec<String> = pages.iter().map(|page| names(page, "include").join(" ")).collect();
    assert_eq!(
        of_pages,
        ["Organization/part Observation/o1", "Organization/part Observation/o2", ""]
    );
    for page in &pages {
        for entry in list(&page["entry"]) {
            let url = format!("{}/fhir/{}", served.url, name(&entry["resource"]));
            assert_eq!(entry["fullUrl"], url);
        }
    }
}

#[test]
fn what_cannot_come_along_is_refused_by_name() {
    let (_dir, served) = served(DATA);
    for (query, named) in [
        ("_include=", "Observation:subject:Patient"),
        ("_include=Patient", "Observation:subject:Patient"),
        ("_include=Patient:gender", "it has general-practitioner, link, organization"),
        ("_include=Martian:x", "\\\"Martian\\\""),
        ("_include=Patient:organization:Patient", "does not refer"),
        ("_include:all=*", ":iterate"),
        ("_revinclude=*", "should name a type"),
    ] {
        for headers in ["", "Prefer: handling=lenient\r\n"] {
            let answer = served.get_with(&format!("/fhir/Patient?{query}"), headers);
            assert_eq!(answer.status, 400, "{query}");
            assert!(answer.text().contains(named), "{query}: {}", answer.text());
        }
    }
}

/// A page of one match may be asked for with everything.
#[test]
fn too_many_are_cut_off_and_told() {
    let many: String = (0..5003)
        .map(|n| format!("{{\"resourceType\":\"Observation\",\"id\":\"o{n}\",\"subject\":{{\"reference\":\"Patient/a\"}}}}\n"))
        .collect();
    let (_dir, served) = served(&format!("{{\"resourceType\":\"Patient\",\"id\":\"a\"}}\n{many}"));
    let page = bundle(&served, "/fhir/Patient?_revinclude=Observation:subject");
    assert_eq!(names(&page, "include").len(), 5000);
    let told = list(&page["entry"]).last().unwrap();
    assert_eq!(told["search"]["mode"], "outcome");
    let issue = &told["resource"]["issue"][0];
    assert_eq!((text(&issue["severity"]), text(&issue["code"])), ("warning", "incomplete"));
    assert!(text(&issue["diagnostics"]).contains("_count"), "{issue}");
    assert_eq!(page["total"], 1);
}

#[test]
fn a_chain_of_includes_has_an_end() {
    let one = |n: usize| {
        let above = n + 1;
        format!(
            "{{\"resourceType\":\"Organization\",\"id\":\"o{n}\",\"partOf\":{{\"reference\":\"Organization/o{above}\"}}}}\n"
        )
    };
    let (_dir, served) = served(&(0..40).map(one).collect::<String>());
    for (id, count, is_told) in [("o0", 20, true), ("o19", 20, true), ("o20", 19, false)] {
        let target = format!("/fhir/Organization?_id={id}&_include:iterate=Organization:partof");
        let page = bundle(&served, &target);
        assert_eq!(names(&page, "include").len(), count, "{id}");
        assert_eq!(!names(&page, "outcome").is_empty(), is_told, "{id}");
    }
}
