//! Tests of what comes along.

use super::super::fixture::{STORED, instant};
use super::super::{Answers, Candidate};
use super::*;

fn include(name: &str, value: &str) -> Include {
    Include::parse(name, value).unwrap().unwrap()
}

fn targets(value: &str, body: &str) -> Vec<String> {
    let body = Tree::parse(body).unwrap();
    let mut targets = include("_include", value).targets("Observation", &body).unwrap();
    targets.sort();
    targets.dedup();
    targets
}

#[test]
fn references_are_found_by_their_parameter() {
    let body = r##"{"resourceType":"Observation","subject":{"reference":"Patient/a"},
        "performer":[{"reference":"http://x/Practitioner/p/_history/2"},{"reference":"#c"},{"reference":"Patient/a"}],
        "encounter":{"reference":"Encounter/e"}}"##;
    for (value, expected) in [
        ("Observation:subject", &["Patient/a"][..]),
        ("Observation:patient", &["Patient/a"]),
        ("Observation:performer", &["Patient/a", "Practitioner/p"]),
        ("Observation:performer:Practitioner", &["Practitioner/p"]),
        ("Observation:focus", &[]),
        ("Observation:*", &["Encounter/e", "Patient/a", "Practitioner/p"]),
        ("*", &["Encounter/e", "Patient/a", "Practitioner/p"]),
    ] {
        assert_eq!(targets(value, body), expected, "{value}");
    }
    let brings = |name, value| include(name, value).brings().map(str::to_owned);
    assert_eq!(brings("_include", "Observation:patient").as_deref(), Some("Patient"));
    assert_eq!(brings("_include", "Observation:subject"), None);
    assert_eq!(brings("_include", "Observation:subject:Group").as_deref(), Some("Group"));
    assert_eq!(brings("_include", "*"), None);
    assert_eq!(brings("_revinclude", "Provenance:target").as_deref(), Some("Provenance"));
    assert!(
        include("_include:recurse", "*").iterates() && include("_include:iterate", "*").iterates()
    );
    assert!(!include("_include", "*").iterates() && include("_include", "*").follows("Martian"));
    assert!(!include("_include", "Observation:subject").follows("Condition"));
}

#[test]
fn what_refers_to_names_is_a_search() {
    let found = |value: &str, names: &[&str], body: &str| {
        let names = names.iter().map(|name| (*name).to_owned());
        let search = include("_revinclude", value).referring(names)?;
        let body = Tree::parse(body).unwrap();
        let candidate = Candidate { id: "1", last_updated: instant(STORED), body: &body };
        Some(search.matches(&candidate, &Answers::default()).unwrap())
    };
    let body = r#"{"resourceType":"Observation","subject":{"reference":"Patient/a"}}"#;
    assert_eq!(found("Observation:subject", &["Patient/b", "Patient/a"], body), Some(true));
    assert_eq!(found("Observation:subject", &["Patient/b", "Group/a"], body), Some(false));
    assert_eq!(found("Observation:subject:Group", &["Patient/a"], body), None);
    assert_eq!(found("Observation:encounter", &["Patient/a"], body), None);
    assert_eq!(found("Observation:*", &["Patient/a"], body), Some(true));
}

#[test]
fn what_refers_to_patients_or_is_about_something_is_indexed() {
    let referring = |value: &str, names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned());
        include("_revinclude", value).referring(names).unwrap()
    };
    let is_link = |element: &str| ["subject", "performer"].contains(&element);
    let search = referring("Observation:subject", &["Patient/a", "Patient/b"]);
    assert_eq!(search.patients(is_link).map(Vec::from_iter), Some(vec!["a", "b"]));
    assert_eq!(search.provenance_targets(), None);
    let mixed = referring("Observation:subject", &["Patient/a", "Group/b"]);
    assert_eq!(mixed.patients(is_link), None);
    assert_eq!(referring("Observation:*", &["Patient/a"]).patients(is_link), None);
    let about = referring("Provenance:target", &["Patient/a", "Observation/b"]);
    let names = about.provenance_targets().map(Vec::from_iter);
    assert_eq!(names, Some(vec!["Observation/b".to_owned(), "Patient/a".to_owned()]));
    assert_eq!(referring("Provenance:agent", &["Patient/a"]).provenance_targets(), None);
    let asked = |query| super::super::fixture::search("Provenance", query).provenance_targets();
    assert_eq!(asked("target=Patient/a,Patient/b").map(|names| names.len()), Some(2));
    assert_eq!(asked("target=Patient/a,b"), None);
    assert_eq!(asked("agent=Patient/a"), None);
}

#[test]
fn what_is_wrong_is_named() {
    for (name, value, named) in [
        ("_include", "", "Observation:subject:Patient"),
        ("_include", "Observation", "Observation:subject:Patient"),
        ("_include", "Observation:subject:Patient:x", "Observation:subject:Patient"),
        ("_include", "Martian:subject", "\"Martian\""),
        ("_include", "Observation:code", "Observation; it has based-on"),
        ("_include", "Observation:subject:Encounter", "does not refer"),
        ("_include:all", "*", ":iterate"),
        ("_include:", "*", ":iterate"),
        ("_revinclude", "*", "should name a type"),
    ] {
        let error = Include::parse(name, value).unwrap_err().to_string();
        assert!(error.contains(named), "{name}={value}: {error}");
    }
    assert!(Include::parse("subject", "x").unwrap().is_none());
}

#[test]
fn a_capability_statement_lists_what_can_come_along() {
    assert!(includes("Observation").contains(&"Observation:subject".to_owned()));
    let types = ["Observation".to_owned(), "Provenance".to_owned()];
    let of_patients = revincludes("Patient", &types);
    assert!(of_patients.contains(&"Observation:subject".to_owned()));
    assert!(of_patients.contains(&"Provenance:target".to_owned()));
    assert!(!of_patients.contains(&"Observation:encounter".to_owned()));
}
