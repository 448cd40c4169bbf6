//! Tests of sort keys.

use super::super::fixture::{STORED, instant};
use super::*;

fn key(resource_type: &str, code: &str, body: &str, is_descending: bool) -> Option<SortKey> {
    let body = Tree::parse(body).unwrap();
    let candidate = Candidate { id: "Z1", last_updated: instant(STORED), body: &body };
    let parameter = SearchParameter::of(resource_type, code).unwrap();
    assert!(parameter.can_sort(), "{code}");
    parameter.sort_key(&candidate, is_descending).unwrap()
}

fn order(value: &str) -> SortOrder {
    SortOrder::parse(value, &["Patient".to_owned()]).unwrap()
}

fn place(order: &SortOrder, body: &str, seq: i64) -> SortPlace {
    let body = Tree::parse(body).unwrap();
    let candidate = Candidate { id: "a", last_updated: instant(STORED), body: &body };
    order.place("Patient", &candidate, seq).unwrap()
}

#[test]
fn a_key_is_the_first_value_in_the_order() {
    let time = |text| Some(SortKey::Time(instant(text)));
    let text = |text: &str| Some(SortKey::Text(text.to_owned()));
    let patient = r#"{"resourceType":"Patient","birthDate":"1985-03","gender":"female",
        "name":[{"family":"Öz","given":["Ann"]},{"family":"Bo"}],
        "generalPractitioner":[{"reference":"Practitioner/b"},{"reference":"Organization/z"}]}"#;
    for (code, upwards, downwards) in [
        ("birthdate", time("1985-03-01"), time("1985-04-01")),
        ("name", text("ann"), text("oz")),
        ("family", text("bo"), text("oz")),
        ("gender", text("female"), text("female")),
        ("active", None, None),
        ("general-practitioner", text("Organization/z"), text("Practitioner/b")),
        ("_id", text("Z1"), text("Z1")),
        ("_lastUpdated", time(STORED), time(STORED)),
    ] {
        assert_eq!(key("Patient", code, patient, false), upwards, "{code}");
        assert_eq!(key("Patient", code, patient, true), downwards, "{code}");
    }
    let encounter = r#"{"resourceType":"Encounter","period":{"start":"2020-01-01"}}"#;
    assert_eq!(key("Encounter", "date", encounter, false), time("2020-01-01"));
    assert_eq!(key("Encounter", "date", encounter, true), Some(SortKey::Highest));
    let number = |text: &str| Some(SortKey::Number(Decimal::parse(text).unwrap()));
    let weight = r#"{"resourceType":"Observation","valueQuantity":{"value":70.50,"unit":"kg"}}"#;
    assert_eq!(key("Observation", "value-quantity", weight, false), number("70.5"));
    let long = format!(r#"{{"resourceType":"ValueSet","url":"{}"}}"#, "é".repeat(MOST_BYTES));
    let Some(SortKey::Text(cut)) = key("ValueSet", "url", &long, false) else { panic!() };
    assert_eq!(cut.len(), MOST_BYTES);
}

#[test]
fn what_has_no_value_comes_last_and_ties_go_by_number() {
    let (early, late) = (r#"{"birthDate":"1980"}"#, r#"{"birthDate":"1990"}"#);
    let bodies: [String; 3] = [late, early, "{}"]
        .map(|body| body.replacen('{', r#"{"resourceType":"Patient","#, 1).replace(",}", "}"));
    for (value, expected) in [
        ("birthdate", [(1, 2), (1, 5), (0, 1), (2, 3)]),
        ("-birthdate", [(0, 1), (1, 5), (1, 2), (2, 3)]),
        ("-birthdate,_id", [(0, 1), (1, 2), (1, 5), (2, 3)]),
    ] {
        let order = order(value);
        let mut places = [(0, 1), (1, 2), (2, 3), (1, 5)]
            .map(|(body, seq): (usize, i64)| (place(&order, &bodies[body], seq), (body, seq)));
        places.sort();
        assert_eq!(places.map(|(_, named)| named), expected, "{value}");
    }
    assert_eq!(order("-_lastUpdated").by_time_alone(), Some(true));
    assert_eq!(order("_lastUpdated,_id").by_time_alone(), None);
    assert!(!order("_lastUpdated,_id").needs_body() && order("_id,gender").needs_body());
}

#[test]
fn a_key_that_cannot_be_one_is_named() {
    for (value, named) in [
        ("", "should name parameters"),
        ("birthdate,", "should name parameters"),
        ("--birthdate", "\"-birthdate\""),
        ("issued", "can by _id, _lastUpdated"),
        ("_text", "\"_text\""),
        ("_id,_id,_id,_id,_id,_id,_id,_id,_id", "too many"),
    ] {
        let error = SortOrder::parse(value, &["Patient".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("_sort") && error.contains(named), "{error}");
    }
    let both = ["Patient".to_owned(), "Observation".to_owned()];
    assert!(SortOrder::parse("_lastUpdated", &both).is_ok());
    assert!(
        SortOrder::parse("birthdate", &both)
            .is_err_and(|error| { error.to_string().contains("Observation cannot be sorted") })
    );
    let composite = SortOrder::parse("code-value-quantity", &["Observation".to_owned()]);
    assert!(composite.is_err());
}
