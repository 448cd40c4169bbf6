//! Searches by `_id`, `identifier`, `_lastUpdated` and the name of a Group, and what is refused. The other
//! parameters are in `search_parameters.rs`.

use serde_json::{Value, json};

use super::{bundle, filled, found, ids, line, link, list, text};
use crate::support::client::send;

const LENIENT: &str = "Prefer: handling=lenient\r\n";

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
    assert_eq!(found(&served, "/fhir/Group?name:missing=true"), "n");
    served.get("/fhir/Observation?name=x").assert_outcome(400, "name");
    served.get("/fhir/Group?name:missing=x").assert_outcome(400, "name:missing");
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
    let own = format!("{}/fhir/Patient", served.url);
    for query in ["near=1", "_contained=true", "_type=Patient", "x", "%78=1"] {
        let target = format!("/fhir/Patient?{query}&_id=a,b&_count=1");
        let name = query.split('=').next().unwrap().replace("%78", "x");
        served.get(&target).assert_outcome(400, &name);
        served.get_with(&target, "Prefer: handling=strict\r\n").assert_outcome(400, &name);
        let body = format!("{query}&_id=a,b&_count=1");
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        let headers = format!("{LENIENT}{kind}Content-Length: {}\r\n", body.len());
        let target_of_post = "/fhir/Patient/_search";
        let posted = send(served.authority(), "POST", target_of_post, &headers, body.as_bytes());
        let got = served.get_with(&target, LENIENT);
        assert_eq!((got.status, posted.status), (200, 200), "{query}");
        let (got, posted) = (got.json(), posted.json());
        // Each link is the search as it was understood, so it gives the same without the preference.
        assert_eq!(link(&got, "self"), Some(format!("{own}?_id=a,b&_count=1").as_str()));
        assert_eq!(link(&posted, "self"), Some(format!("{own}?%5Fid=a%2Cb&%5Fcount=1").as_str()));
        for page in [got, posted] {
            assert_eq!(page["total"], Value::Null);
            let [matched, told] = list(&page["entry"]) else { panic!("{page}") };
            assert_eq!(matched["resource"]["id"], "a");
            assert_eq!(told["search"], json!({"mode": "outcome"}), "{page}");
            assert_eq!(told["resource"]["resourceType"], "OperationOutcome");
            let [issue] = list(&told["resource"]["issue"]) else { panic!("{told}") };
            assert_eq!(
                (&issue["severity"], &issue["code"]),
                (&"warning".into(), &"not-supported".into())
            );
            assert!(text(&issue["diagnostics"]).contains(&name), "{issue}");
            let next = bundle(&served, link(&page, "next").expect("a next page"));
            assert_eq!((ids(&next), link(&next, "next")), (vec!["b".to_owned()], None), "{query}");
        }
    }
    assert_eq!(found(&served, "/fhir/Patient?_id=a&_format=json&_pretty=true"), "a");
}

/// <https://hl7.org/fhir/R4/search.html#modifiers>: a server shall reject a modifier that it does not
/// support for the parameter.
#[test]
fn an_unsupported_modifier_is_400_whatever_the_handling() {
    let (_dir, served) = filled();
    for target in ["Patient?_id:above=a", "Group?name:text=true", "Patient?gender:in=a"] {
        for headers in ["", LENIENT] {
            let name = target.split(['?', '=']).nth(1).unwrap();
            served.get_with(&format!("/fhir/{target}"), headers).assert_outcome(400, name);
        }
    }
}

#[test]
fn what_is_ignored_counts_as_no_match_and_is_told_in_few_words() {
    let (_dir, served) = filled();
    let bundle = |query: &str| served.get_with(&format!("/fhir/Patient?{query}"), LENIENT).json();
    let all = bundle("x=1");
    assert_eq!((&all["total"], list(&all["entry"]).len()), (&json!(3), 4));
    let none = bundle("x=1&_id=nobody");
    assert_eq!((&none["total"], list(&none["entry"]).len()), (&json!(0), 1));
    let counted = bundle("x=1&_count=0");
    assert_eq!((&counted["total"], list(&counted["entry"]).len()), (&json!(3), 1));
    let twice = bundle("x=1&x=2&_id=a&y=1");
    assert_eq!(list(&twice["entry"][1]["resource"]["issue"]).len(), 2);
    let many: Vec<String> = (0..500).map(|n| format!("x{n}={n}")).collect();
    let many = bundle(&format!("_id=a&{}", many.join("&")));
    let issues = list(&many["entry"][1]["resource"]["issue"]);
    assert_eq!(issues.len(), 21);
    assert!(text(&issues[20]["diagnostics"]).contains("480 more"), "{}", issues[20]);
    assert_eq!(link(&many, "self"), Some(format!("{}/fhir/Patient?_id=a", served.url).as_str()));
    // A secret is repeated nowhere.
    let secret = served.get_with("/fhir/Patient?access_token=sesame&_id=a", LENIENT);
    assert!(secret.status == 200 && !secret.text().contains("sesame"), "{}", secret.text());
    // A wrong value is no unknown parameter: ignoring it would widen the search.
    served.get_with("/fhir/Patient?_lastUpdated=soon", LENIENT).assert_outcome(400, "_lastUpdated");
}
