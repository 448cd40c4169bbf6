//! Tests of what a search tells an index, and of what a body must contain.

use proptest::prelude::*;

use super::super::fixture::{finds, instant, search};
use super::*;

#[test]
fn ids_are_those_that_every_parameter_names() {
    let ids = |query| search("Patient", query).ids().map(|ids| ids.into_iter().collect::<Vec<_>>());
    assert_eq!(ids("gender=male"), None);
    assert_eq!(ids("_id=b,a"), Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(ids("_id=b,a&_id=a,c"), Some(vec!["a".to_owned()]));
    assert_eq!(ids("_id=a&_id=b"), Some(vec![]));
    assert_eq!(ids("_id:not=a"), None);
}

#[test]
fn identifiers_become_conditions() {
    let count = |of_type, query| search(of_type, query).conditions().len();
    assert_eq!(count("Patient", "identifier=http://s|1,2&identifier=3&gender=male"), 2);
    assert_eq!(count("Patient", "identifier=http://s|"), 0);
    assert_eq!(count("Patient", "identifier=http://s|,1"), 0);
    assert_eq!(count("Patient", "identifier:not=1"), 0);
    assert_eq!(count("Patient", "identifier:missing=true"), 0);
    assert_eq!(count("Martian", "identifier=1"), 1);
    // Its parameter looks at masterIdentifier too.
    assert_eq!(count("DocumentReference", "identifier=1"), 0);
    let conditions = search("Patient", "identifier=http://s|1,2").conditions();
    assert_eq!(conditions, [Condition::by_identifier("Patient", "http://s|1,2").unwrap()]);
}

#[test]
fn patients_are_those_of_a_reference_that_puts_into_compartments() {
    let patients = |of_type: &str, query: &str| {
        let search = search(of_type, query);
        let is_link =
            |element: &str| ["subject", "participant.actor", "patient"].contains(&element);
        search.patients(is_link).map(|ids| ids.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let ids = |ids: &[&str]| Some(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
    for (of_type, query, expected) in [
        ("Observation", "patient=1,Patient/2&code=x", ids(&["1", "2"])),
        ("Observation", "patient=https://here/fhir/Patient/3", ids(&["3"])),
        ("Observation", "subject=Patient/1", ids(&["1"])),
        ("Observation", "subject:Patient=1", ids(&["1"])),
        ("Observation", "patient=1,2,3&subject=Patient/1", ids(&["1"])),
        ("AllergyIntolerance", "patient=1", ids(&["1"])),
        ("Appointment", "patient=1", ids(&["1"])),
        // A group, or what may be one, is in no compartment.
        ("Observation", "subject=1", None),
        ("Observation", "subject=Group/1", None),
        ("Observation", "subject=Patient/1,Group/1", None),
        ("Observation", "patient=http://there/fhir/Patient/1", None),
        ("Observation", "patient:missing=true", None),
        ("Observation", "patient:identifier=1", None),
        ("Observation", "performer=Patient/1", None),
        ("Observation", "code=1", None),
    ] {
        assert_eq!(patients(of_type, query), expected, "{of_type}?{query}");
    }
}

#[test]
fn a_needle_is_a_text_that_every_found_body_has() {
    let body = r#"{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http:\/\/loinc.org","code":"8867-4"}]},
        "subject":{"reference":"Patient\/ann"},"valueInteger":3,"meta":{"profile":["http:\/\/p\/vital|1"]}}"#;
    for (query, is_empty, occurs) in [
        ("code=8867-4", false, true),
        ("code=http://loinc.org|8867-4", false, true),
        ("code=http://loinc.org|", false, true),
        ("code=8867-5", false, false),
        ("status=http://hl7.org/fhir/observation-status|", true, true),
        ("status=http://hl7.org/fhir/observation-status|final", false, true),
        ("code=8867-5,8867-4", false, true),
        ("code=8867-4&subject=bob", false, false),
        ("subject=Patient/ann", false, true),
        ("_profile=http://p/vital", false, true),
        ("_profile=http://p/lab", false, false),
        ("code-value-string=8867-4$x", false, true),
        ("code:not=8867-5", true, true),
        ("code:text=heart", true, true),
        ("code:missing=true", true, true),
        ("date=2020", true, true),
        ("code=8867-5,true", true, true),
        ("patient.gender=male", true, true),
    ] {
        let needles = search("Observation", query).needles();
        assert_eq!(
            (needles.0.is_empty(), needles.may_occur_in(body)),
            (is_empty, occurs),
            "{query}"
        );
    }
    let escaped = r#"{"resourceType":"Observation","code":{"coding":[{"code":"\u0038867-4"}]}}"#;
    let search = search("Observation", "code=8867-4");
    assert!(finds(&search, escaped) && search.needles().may_occur_in(escaped));
}

proptest! {
    #[test]
    fn a_needle_rejects_no_match(
        text in "\\PC{1,8}|[ \"/\\\\\\n\\ta|,]{1,6}|-?[0-9]{1,3}",
        escapes_slashes in any::<bool>(),
        escapes_all in any::<bool>(),
    ) {
        let json = if escapes_all {
            let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            format!("\"{units}\"")
        } else {
            let json = serde_json::to_string(&text).unwrap();
            if escapes_slashes { json.replace('/', "\\/") } else { json }
        };
        let value = super::super::escape::escaped(&text);
        for (query, element) in [
            (format!("code={value}"), format!(r#""code":{{"coding":[{{"code":{json}}}]}}"#)),
            (format!("code={value}|"), format!(r#""code":{{"coding":[{{"system":{json}}}]}}"#)),
            (format!("status={value}"), format!(r#""status":{json}"#)),
            (format!("identifier:of-type=a|b|{value}"), format!(r#""identifier":[{{"value":{json},"type":{{"coding":[{{"system":"a","code":"b"}}]}}}}]"#)),
            (format!("_source={value}"), format!(r#""meta":{{"source":{json}}}"#)),
            (format!("_source:below={value}"), format!(r#""meta":{{"source":{json}}}"#)),
            (format!("subject={value}"), format!(r#""subject":{{"reference":{json}}}"#)),
            (format!("subject:identifier={value}"), format!(r#""subject":{{"identifier":{{"value":{json}}}}}"#)),
            (format!("code-value-string={value}$"), format!(r#""code":{{"coding":[{{"code":{json}}}]}}"#)),
        ] {
            let pairs = [query.split_once('=').unwrap()];
            let context = super::super::SearchContext { base: "", now: instant("2024-01-01"), is_lenient: false };
            if let Ok(read) = Search::parse("Observation", pairs, &context) {
                let body = format!(r#"{{"resourceType":"Observation",{element}}}"#);
                let needles = read.search.needles();
                prop_assert!(needles.may_occur_in(&body) || !finds(&read.search, &body), "{} {}", query, body);
            }
        }
    }
}
