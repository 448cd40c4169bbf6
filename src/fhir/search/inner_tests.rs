//! Tests of chains and of their reverse.

use super::super::fixture::{STORED, finds, finds_with, instant, read, search};
use super::*;
use crate::fhir::json::Tree;

/// Answers the inner searches of a search from these bodies.
fn answers(search: &Search, bodies: &[(&str, &str)]) -> Answers {
    let answer = |inner: &InnerSearch| {
        let mut answer = Answer::default();
        for (resource_type, body) in bodies {
            if inner.search.resource_type() == *resource_type && finds(&inner.search, body) {
                let body = Tree::parse(body).unwrap();
                let id = body.get("id").and_then(Tree::as_text).unwrap();
                let last_updated = instant(STORED);
                let found = Candidate { id, last_updated, body: &body };
                inner.collect(&found, &mut answer).unwrap();
            }
        }
        answer
    };
    search.inner().iter().map(answer).collect()
}

const ANN: (&str, &str) = ("Patient", r#"{"resourceType":"Patient","id":"ann","gender":"female"}"#);
const BOB: (&str, &str) = ("Patient", r#"{"resourceType":"Patient","id":"bob","gender":"male"}"#);
const OF_ANN: (&str, &str) = (
    "Observation",
    r#"{"resourceType":"Observation","id":"1","subject":{"reference":"Patient/ann"},"code":{"coding":[{"code":"a"}]}}"#,
);
const OF_BOB: (&str, &str) = (
    "Observation",
    r#"{"resourceType":"Observation","id":"2","subject":{"reference":"http://x/Patient/bob/_history/1"},"code":{"coding":[{"code":"b"}]}}"#,
);

#[test]
fn a_chain_and_its_reverse_ask_one_search_more() {
    let store = [ANN, BOB, OF_ANN, OF_BOB];
    for (resource_type, query, found) in [
        ("Observation", "patient.gender=female", vec!["1"]),
        ("Observation", "subject:Patient.gender=male", vec!["2"]),
        ("Observation", "subject:Patient.gender=male,female", vec!["1", "2"]),
        ("Observation", "patient.gender:not=male", vec!["1"]),
        ("Observation", "patient._id=bob", vec!["2"]),
        ("Observation", "patient.gender=female&code=b", vec![]),
        ("Observation", "patient.gender=female&patient.gender=male", vec![]),
        ("Observation", "subject.identifier=x", vec![]),
        ("Patient", "_has:Observation:patient:code=a", vec!["ann"]),
        ("Patient", "_has:Observation:subject:code=a,b", vec!["ann", "bob"]),
        ("Patient", "_has:Observation:patient:code:not=a", vec!["bob"]),
        ("Patient", "_has:Observation:patient:code=a&gender=male", vec![]),
        ("Patient", "_has:Observation:patient:code=a&_has:Observation:patient:code=b", vec![]),
    ] {
        let search = search(resource_type, query);
        let answers = answers(&search, &store);
        let of_type = store.iter().filter(|(of_type, _)| *of_type == resource_type);
        let ids: Vec<&str> = of_type
            .filter(|(_, body)| finds_with(&search, body, &answers))
            .map(|(_, body)| body.split('"').nth(7).unwrap())
            .collect();
        assert_eq!(ids, found, "{query}");
    }
}

#[test]
fn a_chain_without_a_type_asks_every_type_that_has_the_parameter() {
    let types = |query| -> Vec<String> {
        let search = search("Observation", query);
        search.inner().iter().map(|inner| inner.search.resource_type().to_owned()).collect()
    };
    assert_eq!(types("subject.gender=male"), ["Patient"]);
    assert_eq!(types("subject.name=x"), ["Group", "Patient", "Location"]);
    assert_eq!(types("subject:Device.model=x"), ["Device"]);
    assert_eq!(types("code=x"), [""; 0]);
}

#[test]
fn without_an_answer_a_chain_finds_nothing() {
    assert!(!finds(&search("Observation", "patient.gender=female"), OF_ANN.1));
    assert!(!finds(&search("Patient", "_has:Observation:patient:code=a"), ANN.1));
}

#[test]
fn the_number_of_searches_within_a_search_is_limited() {
    let query = |count| vec!["patient.gender=male"; count].join("&");
    assert!(read("Observation", &query(20), false).is_ok());
    assert!(read("Observation", &query(21), false).is_err());
}

#[test]
fn a_chain_that_leads_nowhere_is_refused() {
    for (resource_type, query, wanted) in [
        ("Observation", "code.gender=male", "code is no reference"),
        ("Observation", "patient.foo=1", "Patient has _id"),
        ("Observation", "patient:missing.gender=1", "only a type"),
        ("Observation", "subject:Practitioner.name=1", "only a type"),
        ("Observation", "patient.general-practitioner.name=1", "cannot have another one"),
        ("Observation", "patient._has:Group:member:code=1", "cannot have another one"),
        ("Observation", "patient.birthdate=x", "should be a time"),
        ("Observation", "patient._count=1", "how results are given"),
        ("Patient", "_has:Observation:patient=1", "_has:Type:reference:parameter"),
        ("Patient", "_has=1", "cannot be searched for here"),
        ("Patient", "_has:Observation:code:code=1", "does not refer to Patient"),
        ("Patient", "_has:Encounter:location:status=1", "does not refer to Patient"),
        ("Patient", "_has:Observation:patient:_has:Group:member:code=1", "cannot have another one"),
        ("Patient", "_has:Observation:patient:subject.name=1", "cannot have another one"),
        ("Patient", "_has:Observation:foo:code=1", "Observation has _id"),
        ("Basic", "subject.name=x", "it should name a type"),
    ] {
        let error = read(resource_type, query, false).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(wanted), "{query}: {error}");
        assert_eq!(error.parameter(), query.split_once('=').unwrap().0);
    }
}
