//! Searches by `_id`, `identifier`, `_lastUpdated` and the name of a Group.

use serde_json::{Value, json};

use super::{bundle, filled, found, ids, line, list};
use crate::support::client::send;

#[test]
fn a_search_is_a_bundle_with_links_and_full_urls() {
    let (_dir, served) = filled();
    let target = "/fhir/Patient?_id=c,a&_format=json";
    let bundle = bundle(&served, target);
    assert_eq!(bundle["total"], 2);
    assert_eq!(
        bundle["link"],
        json!([{"relation": "self", "url": format!("{}{target}", served.url)}])
    );
    for (entry, id) in list(&bundle["entry"]).iter().zip(["a", "c"]) {
        assert_eq!(entry["fullUrl"], format!("{}/fhir/Patient/{id}", served.url));
        assert_eq!(entry["search"], json!({"mode": "match"}));
        assert_eq!(entry["resource"], serde_json::from_str::<Value>(&line("Patient", id)).unwrap());
    }
    assert_eq!(list(&bundle["entry"]).len(), 2);
    // The resource is there byte for byte.
    assert!(served.get(target).text().contains(&line("Patient", "a")));
    let none = super::bundle(&served, "/fhir/Patient?_id=nobody");
    assert_eq!((&none["total"], list(&none["entry"]).len()), (&json!(0), 0));
    assert_eq!(super::bundle(&served, "/fhir/Device")["total"], 0);
}

#[test]
fn id_and_identifier_select_resources() {
    let (_dir, served) = filled();
    for (query, expected) in [
        ("_id=a", "a"),
        ("_id=b,a,a,nobody", "a b"),
        ("_id=a&_id=b", ""),
        ("_id=a,b&_id=b,c", "b"),
        ("_id=A", ""),
        ("identifier=1", "a b c"),
        ("identifier=urn:x%7C1", "a"),
        ("identifier=urn:x|1", "a"),
        ("identifier=%7C1", "c"),
        ("identifier=urn:x%7C1,urn:y%7C1", "a b"),
        ("identifier=urn:x%7C1&identifier=1", "a"),
        ("identifier=urn:x%7C1&_id=b", ""),
        ("identifier=1&_id=b,c", "b c"),
        ("identifier=a%5C,b%5C%7Cc", "b"),
        ("identifier=2", ""),
        ("identifier=urn:z%7C1", ""),
    ] {
        assert_eq!(found(&served, &format!("/fhir/Patient?{query}")), expected, "{query}");
    }
    assert_eq!(found(&served, "/fhir/Group?identifier=urn:x%7Cg"), "g");
    assert_eq!(found(&served, "/fhir/Patient?identifier=urn:x%7Cg"), "");
    for query in ["identifier=", "identifier=%7C"] {
        served.get(&format!("/fhir/Patient?{query}")).assert_outcome(400, "identifier");
    }
}

#[test]
fn each_prefix_compares_last_updated() {
    let (_dir, served) = filled();
    // a: 2020-06-15 at 10:00:00; b: the same day at 12:00:00.500; c: 2021-01-01 at 00:00.
    for (value, expected) in [
        ("2020-06-15", "a b"),
        ("eq2020-06-15", "a b"),
        ("ne2020-06-15", "c"),
        ("gt2020-06-15", "c"),
        ("sa2020-06-15", "c"),
        ("ge2020-06-15", "a b c"),
        ("lt2020-06-15", ""),
        ("eb2020-06-15", ""),
        ("le2020-06-15", "a b"),
        ("lt2021", "a b"),
        ("2020", "a b"),
        ("2020-06", "a b"),
        ("ge2021", "c"),
        ("gt2021", ""),
        ("2020-06-15T10:00:00Z", "a"),
        ("2020-06-15T12:00:00Z", "b"),
        ("2020-06-15T14:00:00.500%2B02:00", "b"),
        ("2020-06-15T14:00:00.500+02:00", "b"),
        ("2020-06-15T12:00:00.501Z", ""),
        ("gt2020-06-15T12:00:00Z", "c"),
        ("gt2020-06-15T12:00:00.499Z", "b c"),
        ("ge2020-06-15T12:00:00.500Z", "b c"),
        ("gt2020-06-15T12:00:00.500Z", "c"),
        ("lt2020-06-15T12:00:00Z", "a"),
        ("le2020-06-15T12:00:00Z", "a b"),
        ("eb2020-06-15T12:00:00.500Z", "a"),
        ("sa2020-06-15T11:59:59Z", "b c"),
        ("2020-06-15T10:00:00Z,2021-01-01", "a c"),
        ("gt2020-06-15T11:00:00Z&_lastUpdated=lt2021", "b"),
    ] {
        let target = format!("/fhir/Patient?_lastUpdated={value}");
        assert_eq!(found(&served, &target), expected, "{value}");
        assert_eq!(found(&served, &format!("{target}&_id=a,b,c")), expected, "{value} with ids");
    }
    for wrong in ["", "yesterday", "xx2020", "2020-13", "2020-06-15T25:00:00Z", "gt", "2020,x"] {
        let target = format!("/fhir/Patient?_lastUpdated={wrong}");
        served.get(&target).assert_outcome(400, "_lastUpdated");
    }
}

/// <https://hl7.org/fhir/R4/search.html#date>: a time must have hours and minutes, but may lack
/// seconds.
#[test]
fn last_updated_accepts_times_without_seconds() {
    let (_dir, served) = filled();
    assert_eq!(found(&served, "/fhir/Patient?_lastUpdated=2020-06-15T10:00Z"), "a");
    assert_eq!(found(&served, "/fhir/Patient?_lastUpdated=2020-06-15T12:00%2B02:00"), "a");
    assert_eq!(found(&served, "/fhir/Patient?_lastUpdated=lt2020-06-15T10:00Z"), "");
}

#[test]
fn name_selects_groups() {
    let (_dir, served) = filled();
    for (query, expected) in [
        ("name=Heart", "g h"),
        ("name=heart%20fail", "g"),
        ("name=heart+fail", "g"),
        ("name=Failure", ""),
        ("name=heart%20failures", ""),
        ("name:exact=Heart", "h"),
        ("name:exact=heart", ""),
        ("name:contains=FAIL", "g"),
        ("name:contains=art", "g h"),
        ("name=x,Heart%20F", "g"),
        ("name=heart&name:contains=fail", "g"),
        ("name=heart&_id=h", "h"),
    ] {
        assert_eq!(found(&served, &format!("/fhir/Group?{query}")), expected, "{query}");
    }
    served.get("/fhir/Patient?name=x").assert_outcome(400, "name");
    served.get("/fhir/Group?name:missing=true").assert_outcome(400, "name:missing");
}

/// <https://hl7.org/fhir/R4/search.html#count>: "If _count has the value 0, this SHALL be treated the
/// same as _summary=count".
#[test]
fn a_count_of_zero_returns_the_total_alone() {
    let (_dir, served) = filled();
    let bundle = bundle(&served, "/fhir/Patient?_count=0");
    assert_eq!((&bundle["total"], list(&bundle["entry"]).len()), (&json!(3), 0));
}

/// <https://hl7.org/fhir/R4/http.html#search>: a server that supports search by GET must support it by POST.
#[test]
fn a_search_can_be_posted_as_a_form() {
    let (_dir, served) = filled();
    let body = "_id=a";
    let headers = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n";
    let posted =
        send(served.authority(), "POST", "/fhir/Patient/_search", headers, body.as_bytes());
    assert_eq!(posted.status, 200, "{}", posted.text());
    assert_eq!(ids(&posted.json()), ["a"]);
}

#[test]
fn an_unsupported_parameter_is_400_or_ignored_if_handling_is_lenient() {
    let (_dir, served) = filled();
    let lenient = "Prefer: handling=lenient\r\n";
    for query in ["birthdate=2020", "_sort=_id", "_include=*", "_id:not=a", "_summary=count", "x"] {
        let target = format!("/fhir/Patient?{query}&_id=a");
        let name = query.split('=').next().unwrap();
        served.get(&target).assert_outcome(400, name);
        served.get_with(&target, "Prefer: handling=strict\r\n").assert_outcome(400, name);
        let answer = served.get_with(&target, lenient);
        assert_eq!((answer.status, ids(&answer.json())), (200, vec!["a".to_owned()]), "{query}");
    }
    assert_eq!(found(&served, "/fhir/Patient?_id=a&_format=json&_pretty=true"), "a");
}
