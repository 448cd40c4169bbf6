//! Tests of tokens: the table of the specification, and what other servers got wrong.

use proptest::prelude::*;

use super::*;
use crate::fhir::search::fixture::{is_found, search};

fn holds(bound: &str, element: &str) -> bool {
    let bound = TokenBound::parse(bound).unwrap_or_else(|| panic!("{bound} is no token"));
    bound.holds_in(&Tree::parse(element).unwrap(), PlainCodes::default())
}

/// <https://hl7.org/fhir/R4/search.html#token>, and medplum#9045: `|code` finds no code that has a
/// system.
#[test]
fn system_and_code_are_compared_as_a_pair() {
    let with = r#"{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}"#;
    let without = r#"{"code":"8867-4"}"#;
    let empty = r#"{"system":"","code":"8867-4"}"#;
    let both = r#"{"coding":[{"system":"http://a","code":"1"},{"system":"http://b","code":"2"}]}"#;
    let words = r#"{"text":"8867-4"}"#;
    let identifier = r#"{"use":"usual","system":"urn:oid:1.2","value":"12345"}"#;
    let phone = r#"{"system":"phone","value":"555","use":"home"}"#;
    for (bound, element, expected) in [
        ("8867-4", with, true),
        ("8867-4", without, true),
        ("http://loinc.org|8867-4", with, true),
        ("http://loinc.org|8867-4", without, false),
        ("http://other|8867-4", with, false),
        ("|8867-4", with, false),
        ("|8867-4", without, true),
        ("|8867-4", empty, true),
        ("http://loinc.org|", with, true),
        ("http://loinc.org|", without, false),
        ("http://loinc.org|", r#"{"system":"http://loinc.org"}"#, true),
        ("http://loinc.org|", r#"{"value":5,"system":"http://loinc.org"}"#, false),
        ("8867", with, false),
        ("HTTP://loinc.org|8867-4", with, false),
        ("http://a|1", both, true),
        ("http://a|2", both, false),
        ("http://b|", both, true),
        ("2", both, true),
        ("8867-4", words, false),
        ("12345", identifier, true),
        ("urn:oid:1.2|12345", identifier, true),
        ("urn:oid:1.2|", identifier, true),
        ("|12345", identifier, false),
        ("usual", identifier, false),
        ("555", phone, true),
        ("phone|555", phone, true),
        ("male", r#""male""#, true),
        ("http://hl7.org/fhir/administrative-gender|male", r#""male""#, true),
        ("MALE", r#""male""#, false),
        ("true", "true", true),
        ("false", "true", false),
        ("true", r#""true""#, true),
        ("3", "3", true),
        ("mg", r#"{"value":5,"code":"mg"}"#, false),
        (r"a\|b", r#""a|b""#, true),
        (r"s\,t|a\\b", r#"{"system":"s,t","code":"a\\b"}"#, true),
        ("s|a|b", r#"{"system":"s","code":"a|b"}"#, true),
        ("x", "null", false),
        ("x", "{}", false),
    ] {
        assert_eq!(holds(bound, element), expected, "{bound} {element}");
    }
    for bad in ["", "|"] {
        assert_eq!(TokenBound::parse(bad), None, "{bad}");
    }
}

/// <https://hl7.org/fhir/R4/search.html#token>: "If the underlying data type is string then the search is not case
/// sensitive."
#[test]
fn the_case_of_plain_strings_does_not_count() {
    for (query, body, expected) in [
        ("version=1.0-RC", r#"{"resourceType":"ValueSet","version":"1.0-rc"}"#, true),
        ("version=1.0-rc", r#"{"resourceType":"ValueSet","version":"1.0-rc"}"#, true),
        ("version=1.0", r#"{"resourceType":"ValueSet","version":"1.0-rc"}"#, false),
        ("version=STRASSE", r#"{"resourceType":"ValueSet","version":"straße"}"#, true),
        ("version=strasse", r#"{"resourceType":"ValueSet","version":"stráße"}"#, false),
        ("version:not=1.0-RC", r#"{"resourceType":"ValueSet","version":"1.0-rc"}"#, false),
        ("lot-number=ab1", r#"{"resourceType":"Medication","batch":{"lotNumber":"AB1"}}"#, true),
        (
            "path=PATIENT.Name",
            r#"{"resourceType":"StructureDefinition","snapshot":{"element":[{"path":"Patient.name"}]}}"#,
            true,
        ),
        // Codes, identifiers and ids keep their case.
        ("status=ACTIVE", r#"{"resourceType":"ValueSet","status":"active"}"#, false),
        ("identifier=ab1", r#"{"resourceType":"ValueSet","identifier":[{"value":"AB1"}]}"#, false),
        ("_id=A", r#"{"resourceType":"ValueSet","id":"a"}"#, false),
    ] {
        let resource_type = body.split('"').nth(3).unwrap();
        assert_eq!(is_found(resource_type, query, body), expected, "{query} {body}");
        // What may be found is not sorted out before its text is read.
        let may_be_found = search(resource_type, query).needles().may_occur_in(body);
        assert!(may_be_found || !expected, "{query} {body}");
    }
}

#[test]
fn a_plain_code_has_the_system_that_its_element_is_bound_to() {
    let genders = ["http://hl7.org/fhir/administrative-gender"];
    for (bound, systems, expected) in [
        ("male", &genders[..], true),
        ("|male", &genders, true),
        ("http://hl7.org/fhir/administrative-gender|male", &genders, true),
        ("http://hl7.org/fhir/administrative-gender|", &genders, true),
        ("http://other|male", &genders, false),
        ("http://other|", &genders, false),
        ("http://other|male", &[], true),
        ("http://other|", &[], false),
    ] {
        let found = Tree::Text("male".into());
        let plain = PlainCodes { systems, are_strings: false };
        assert_eq!(TokenBound::parse(bound).unwrap().holds_in(&found, plain), expected, "{bound}");
    }
}

#[test]
fn text_searches_what_stands_beside_a_code() {
    for (text, element, expected) in [
        ("headache", r#"{"coding":[{"code":"1"}],"text":"Headache, severe"}"#, true),
        ("severe", r#"{"coding":[{"code":"1"}],"text":"Headache, severe"}"#, false),
        ("cephal", r#"{"coding":[{"code":"1","display":"Céphalée"}]}"#, true),
        ("heart", r#"{"code":"1","display":"Heart rate"}"#, true),
        ("medical", r#"{"value":"1","type":{"text":"Medical record"}}"#, true),
        ("1", r#"{"coding":[{"code":"1"}]}"#, false),
        ("male", r#""male""#, false),
    ] {
        let bound = TokenBound::text(text);
        assert_eq!(
            bound.holds_in(&Tree::parse(element).unwrap(), PlainCodes::default()),
            expected,
            "{text} {element}"
        );
    }
}

#[test]
fn an_identifier_is_found_by_its_type() {
    let identifier = r#"{"type":{"coding":[{"system":"http://t","code":"MR"}]},"value":"446053"}"#;
    for (text, expected) in [
        ("http://t|MR|446053", true),
        ("http://t|MR|446054", false),
        ("http://t|SS|446053", false),
        ("http://u|MR|446053", false),
    ] {
        let bound = TokenBound::of_type(text).unwrap();
        assert_eq!(
            bound.holds_in(&Tree::parse(identifier).unwrap(), PlainCodes::default()),
            expected,
            "{text}"
        );
    }
    for bad in ["", "MR|446053", "|MR|446053", "a|b|", "a|b|c|d"] {
        assert_eq!(TokenBound::of_type(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn every_system_and_code_can_be_asked_for(system in "\\PC{1,12}", code in "\\PC{1,12}") {
        let text = |text: &str| Tree::Text(text.to_owned().into());
        let coding = Tree::Object(vec![("system".into(), text(&system)), ("code".into(), text(&code))]);
        let escaped = |text: &str| super::super::escape::escaped(text);
        for bound in [
            format!("{}|{}", escaped(&system), escaped(&code)),
            format!("{}|", escaped(&system)),
            escaped(&code),
        ] {
            prop_assert!(TokenBound::parse(&bound).unwrap().holds_in(&coding, PlainCodes::default()), "{}", bound);
        }
    }
}
