//! Tests of whole searches: how parameters combine, what errors say, what lenient handling ignores.

use proptest::prelude::*;

use super::super::fixture::{finds, is_found, read, search};
use super::*;

const ANN: &str = r#"{"resourceType":"Patient","id":"1","gender":"female","active":true,"birthDate":"1985-03-12",
    "name":[{"family":"van Eck","given":["Ann","Zoé"]}],"identifier":[{"system":"http://h","value":"a,b"}],
    "generalPractitioner":[{"reference":"Practitioner/9"}],
    "meta":{"tag":[{"system":"http://t","code":"x"}],"profile":["http://p/pat|1.0"],"source":"http://s","security":[{"code":"R"}]}}"#;
const NOBODY: &str = r#"{"resourceType":"Patient","id":"2"}"#;

#[test]
fn values_are_alternatives_and_parameters_are_all_met() {
    for (query, ann, nobody) in [
        ("", true, true),
        ("gender=female", true, false),
        ("gender=male", false, false),
        ("gender=http://hl7.org/fhir/administrative-gender|female", true, false),
        ("gender=http://hl7.org/fhir/administrative-gender|", true, false),
        ("gender=http://other|female", false, false),
        ("gender=male,female", true, false),
        ("gender=female&active=true", true, false),
        ("gender=female&active=false", false, false),
        ("gender=female&gender=male", false, false),
        ("name=ann&name=zoe", true, false),
        ("name=ann,bert&birthdate=1985", true, false),
        ("family=Van&given:exact=Zoé", true, false),
        ("given:exact=Zoe", false, false),
        ("family:contains=eck", true, false),
        ("birthdate=ge1985-01-01&birthdate=lt1986-01-01", true, false),
        ("general-practitioner=Practitioner/9", true, false),
        ("general-practitioner:Practitioner=9", true, false),
        ("general-practitioner:Organization=9", false, false),
        (r"identifier=a\,b", true, false),
        ("identifier=a,b", false, false),
        ("_id=1", true, false),
        ("_id=1,2", true, true),
        ("_id=1,2&_id=2", false, true),
        ("_id:not=1", false, true),
        ("_lastUpdated=2024-05-01", true, true),
        ("_lastUpdated=gt2024-05-01", false, false),
        ("_lastUpdated=gt2024-05-01,lt2024-05-01,2024", true, true),
        ("_tag=http://t|x", true, false),
        ("_security=R", true, false),
        ("_profile=http://p/pat", true, false),
        ("_profile:below=http://p", true, false),
        ("_source=http://s", true, false),
    ] {
        let search = search("Patient", query);
        assert_eq!((finds(&search, ANN), finds(&search, NOBODY)), (ann, nobody), "{query}");
    }
}

/// medplum#7170: `:not` finds the resources without the element too.
#[test]
fn not_finds_what_has_no_value_at_all() {
    for (query, ann, nobody) in [
        ("gender:not=male", true, true),
        ("gender:not=female", false, true),
        ("gender:not=male,female", false, true),
        ("gender:not=male&gender:not=female", false, true),
        ("_tag:not=http://t|x", false, true),
        ("gender:missing=true", false, true),
        ("gender:missing=false", true, false),
        ("name:missing=true", false, true),
        ("_id:missing=true", false, false),
        ("_lastUpdated:missing=false", true, true),
    ] {
        let search = search("Patient", query);
        assert_eq!((finds(&search, ANN), finds(&search, NOBODY)), (ann, nobody), "{query}");
    }
    let several = r#"{"resourceType":"Observation","category":[{"coding":[{"code":"a"}]},{"coding":[{"code":"b"}]}]}"#;
    assert!(!is_found("Observation", "category:not=a", several));
    assert!(is_found("Observation", "category:not=c", several));
}

#[test]
fn the_components_of_a_composite_are_met_by_the_same_element() {
    let pressure = r#"{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},
        "component":[
          {"code":{"coding":[{"code":"8480-6"}]},"valueQuantity":{"value":150,"code":"mm[Hg]"}},
          {"code":{"coding":[{"code":"8462-4"}]},"valueQuantity":{"value":80,"code":"mm[Hg]"}}]}"#;
    let weight = r#"{"resourceType":"Observation","code":{"coding":[{"code":"29463-7"}]},"valueQuantity":{"value":60.2,"unit":"kg"}}"#;
    let due = r#"{"resourceType":"Observation","code":{"coding":[{"code":"x"}]},"valueDateTime":"2020-05-12"}"#;
    for (query, body, expected) in [
        ("component-code-value-quantity=8480-6$gt140", pressure, true),
        ("component-code-value-quantity=8462-4$gt140", pressure, false),
        ("component-code-value-quantity=8462-4$gt140,8480-6$150||mm[Hg]", pressure, true),
        ("combo-code-value-quantity=8480-6$150", pressure, true),
        ("combo-code-value-quantity=29463-7$60.2||kg", weight, true),
        ("code-value-quantity=29463-7$lt60", weight, false),
        ("code-value-quantity=29463-7$60.2", weight, true),
        // The table of HL7 has `as(DateTime)`, which is no type.
        ("code-value-date=x$2020-05", due, true),
        ("code-value-date=x$ge2021", due, false),
    ] {
        assert_eq!(is_found("Observation", query, body), expected, "{query}");
    }
    let variant = r#"{"resourceType":"MolecularSequence","referenceSeq":{"chromosome":{"coding":[{"code":"1"}]}},
        "variant":[{"start":10,"end":20},{"start":30,"end":40}]}"#;
    for (query, expected) in [
        ("chromosome-variant-coordinate=1$ge10$le20", true),
        ("chromosome-variant-coordinate=1$10$40", false),
        ("chromosome-variant-coordinate=2$10$20", false),
    ] {
        assert_eq!(is_found("MolecularSequence", query, variant), expected, "{query}");
    }
    let replaces = r#"{"resourceType":"DocumentReference","relatesTo":[
        {"code":"transforms","target":{"reference":"DocumentReference/a"}},
        {"code":"replaces","target":{"reference":"DocumentReference/b"}}]}"#;
    for (query, expected) in [
        ("relationship=DocumentReference/b$replaces", true),
        ("relationship=DocumentReference/a$replaces", false),
        ("relationship=DocumentReference/a$replaces,DocumentReference/a$transforms", true),
    ] {
        assert_eq!(is_found("DocumentReference", query, replaces), expected, "{query}");
    }
}

#[test]
fn an_error_names_the_parameter_and_says_what_there_is() {
    for (resource_type, query, wanted) in [
        (
            "Observation",
            "issued=2020",
            r#"parameter "issued" cannot be searched for here; Observation has _id, _lastUpdated"#,
        ),
        ("Patient", "nmae=x", "birthdate"),
        ("Patient", "Name=x", "cannot be searched for here"),
        ("Patient", "=x", "cannot be searched for here"),
        ("Patient", "gender:foo=x", ":missing, :not, :of-type, :text"),
        ("Patient", "gender:in=x", "value sets are not expanded"),
        (
            "Patient",
            "gender:exact=x",
            r#"parameter "gender:exact" is wrong: a token parameter has"#,
        ),
        ("Patient", "gender=", r#"gender "" has an empty value"#),
        ("Patient", "gender=male,", "has an empty value"),
        ("Patient", "_id=", "has an empty value"),
        ("Patient", "_id:text=1", "_id has :missing, :not"),
        ("Patient", "gender=|", "should be code, system|code"),
        ("Patient", "birthdate=soon", r#"birthdate "soon" should be a time"#),
        ("Patient", "active:missing=yes", "should be true or false"),
        (
            "Patient",
            "general-practitioner:Patient=1",
            "it refers to Practitioner, Organization, PractitionerRole",
        ),
        (
            "Observation",
            "code-value-quantity:missing=true",
            "a composite parameter has no modifiers",
        ),
        ("Patient", "_count=1", "says how results are given"),
        ("Patient", "_include:iterate=x", "says how results are given"),
        ("Patient", "_text=x", "no full-text index"),
        ("Location", "near=1|2", "positions are not compared"),
        ("Observation", "code-value-quantity=1", "should have 2 parts: token$quantity"),
        ("Observation", "code-value-quantity=1$x", r#"has "x", which should be number"#),
        ("Observation", "value-quantity=1|mg", "number|system|code"),
        ("RiskAssessment", "probability=high", "should be a number"),
        ("ValueSet", "url:below=urn:oid:1", "is a URN"),
        ("Martian", "name=x", "Martian has _id, _lastUpdated, _profile"),
    ] {
        let error = read(resource_type, query, false).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(wanted), "{query}: {error}");
        let (name, _) = query.split_once('=').unwrap();
        assert_eq!(error.parameter(), name);
    }
    let many = format!("gender={}", vec!["x"; 101].join(","));
    assert!(read("Patient", &many, false).is_err_and(|error| error.to_string().contains("100")));
    let many = format!("_id={}", vec!["x"; 101].join(","));
    assert!(read("Patient", &many, false).is_ok());
}

/// HeliosSoftware/hfs#1009: an unknown parameter is an error; lenient handling tells what it ignores,
/// so that the caller can refuse to find more than was asked for.
#[test]
fn an_unknown_parameter_never_widens_a_search_in_silence() {
    assert!(read("Patient", "gender=female&nmae=x", false).is_err());
    let lenient = read("Patient", "gender=female&nmae=x&near=1&_text=a&_count=1", true).unwrap();
    let ignored: Vec<&str> = lenient.ignored.iter().map(SearchError::parameter).collect();
    assert_eq!(ignored, ["nmae", "near", "_text", "_count"]);
    assert_eq!(lenient.search.to_string(), "gender=female");
    for query in ["gender:foo=x", "gender=", "birthdate=x", "gender.x=1"] {
        assert!(read("Patient", query, true).is_err(), "{query}");
    }
}

#[test]
fn a_search_is_written_as_it_is_read() {
    let search = search("Patient", r"identifier=a\,b,http://s|1&gender:not=male&name=Zoé X");
    let query = search.to_string();
    assert_eq!(
        query,
        "identifier=a%5C%2Cb%2Chttp%3A%2F%2Fs%7C1&gender%3Anot=male&name=Zo%C3%A9%20X"
    );
    let decoded = percent_encoding::percent_decode_str(&query).decode_utf8().unwrap();
    assert_eq!(super::super::fixture::search("Patient", &decoded).to_string(), query);
}

#[test]
fn a_search_by_row_needs_no_body() {
    for (query, needs_body) in [
        ("", false),
        ("_id=1&_lastUpdated=ge2020", false),
        ("_id:missing=true", false),
        ("_has:Observation:patient:code=1", false),
        ("gender=male", true),
        ("gender:missing=true", true),
        ("general-practitioner.name=x", true),
    ] {
        assert_eq!(search("Patient", query).needs_body(), needs_body, "{query}");
    }
}

fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "gender",
        "name",
        "birthdate",
        "_id",
        "_has",
        "Observation",
        "patient",
        "general-practitioner",
        "code-value-quantity",
        ":",
        ".",
        "not",
        "missing",
        "exact",
        "=",
        ",",
        "|",
        "$",
        "\\",
        "true",
        "ge2020",
        "5.4",
        "male",
        "http://x",
        "é",
    ]);
    prop::collection::vec(word, 0..9).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_query_makes_it_panic(text in "\\PC{0,40}", query in words(), is_lenient in any::<bool>()) {
        for resource_type in ["Patient", "Observation", "", "Ünknown"] {
            for query in [&text, &query] {
                match read(resource_type, query, is_lenient) {
                    Ok(read) => { finds(&read.search, ANN); }
                    Err(error) => prop_assert!(!error.to_string().is_empty()),
                }
            }
        }
    }

    #[test]
    fn not_is_the_complement(
        values in prop::collection::vec("(a|b|c|\\||http://s\\|a|http://s\\|)", 1..3),
        codes in prop::collection::vec(("(http://s|)", "[abc]"), 0..3),
    ) {
        let codings: Vec<String> = codes.iter().map(|(system, code)| match system.as_str() {
            "" => format!(r#"{{"coding":[{{"code":"{code}"}}]}}"#),
            system => format!(r#"{{"coding":[{{"system":"{system}","code":"{code}"}}]}}"#),
        }).collect();
        let body = format!(r#"{{"resourceType":"Observation","category":[{}]}}"#, codings.join(","));
        let values = values.join(",");
        if let Ok(plain) = read("Observation", &format!("category={values}"), false) {
            let not = search("Observation", &format!("category:not={values}"));
            prop_assert_ne!(finds(&plain.search, &body), finds(&not, &body), "{} {}", values, body);
        }
    }
}
