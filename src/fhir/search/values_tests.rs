//! Tests of the expressions of the table: all can be read, and the less plain ones find what they
//! should.

use super::super::fixture::is_found;
use super::*;

/// The types of R4 that have parameters.
fn types() -> Vec<&'static str> {
    let table = include_str!("../definitions/search-parameters.tsv");
    let mut types: Vec<&str> =
        table.lines().skip(1).filter_map(|row| row.split('\t').next()).collect();
    types.dedup();
    types
}

#[test]
fn the_expression_of_every_parameter_can_be_read_and_evaluated() {
    let mut count = 0;
    for resource_type in types() {
        let body = format!(r#"{{"resourceType":"{resource_type}","id":"1"}}"#);
        let body = Tree::parse(&body).unwrap();
        for parameter in SearchParameter::all(resource_type) {
            let found = values(parameter, &body).unwrap_or_else(|fault| panic!("{fault}"));
            let is_of_root = parameter.code == "_id"
                || parameter.expression.starts_with("Observation")
                    && parameter.components.len() == 2
                || parameter.code == "deceased";
            assert!(found.is_empty() || is_of_root, "{resource_type}?{}", parameter.code);
            for component in &parameter.components {
                component.path().unwrap_or_else(|fault| panic!("{fault}"));
            }
            count += 1;
        }
    }
    assert!(count > 2500, "{count}");
}

#[test]
fn expressions_of_every_form_find_their_values() {
    let observation = |value: &str| format!(r#"{{"resourceType":"Observation",{value}}}"#);
    let condition = |value: &str| format!(r#"{{"resourceType":"Condition",{value}}}"#);
    let patient = |value: &str| format!(r#"{{"resourceType":"Patient",{value}}}"#);
    for (resource_type, query, body, expected) in [
        // Choices of types.
        ("Observation", "value-quantity=5.4||mg", observation(r#""valueQuantity":{"value":5.4,"code":"mg"}"#), true),
        ("Observation", "value-concept=x", observation(r#""valueCodeableConcept":{"coding":[{"code":"x"}]}"#), true),
        ("Observation", "value-concept=x", observation(r#""valueString":"x""#), false),
        ("Observation", "value-string=x", observation(r#""valueString":"Xyz""#), true),
        ("Observation", "value-string=x", observation(r#""valueCodeableConcept":{"text":"Xyz"}"#), true),
        ("Observation", "value-date=2020", observation(r#""valueDateTime":"2020-05-01""#), true),
        ("Observation", "date=2020", observation(r#""effectivePeriod":{"start":"2020-02","end":"2020-03"}"#), true),
        ("Observation", "date=2020", observation(r#""effectiveInstant":"2020-02-01T00:00:00Z""#), true),
        ("Observation", "combo-code=x", observation(r#""component":[{"code":{"coding":[{"code":"x"}]}}]"#), true),
        ("Condition", "onset-date=2020", condition(r#""onsetDateTime":"2020-05""#), true),
        ("Condition", "onset-date=2020", condition(r#""onsetString":"2020-05""#), false),
        ("Condition", "onset-age=gt50", condition(r#""onsetAge":{"value":52,"code":"a"}"#), true),
        ("Condition", "onset-age=gt50", condition(r#""onsetRange":{"low":{"value":40},"high":{"value":60}}"#), true),
        ("Condition", "onset-info=young", condition(r#""onsetString":"Young age""#), true),
        // References by the type of their target.
        ("DeviceUseStatement", "patient=1", r#"{"resourceType":"DeviceUseStatement","subject":{"reference":"Patient/1"}}"#.to_owned(), true),
        ("DeviceUseStatement", "patient=1", r#"{"resourceType":"DeviceUseStatement","subject":{"reference":"Group/1"}}"#.to_owned(), false),
        ("DeviceUseStatement", "subject=1", r#"{"resourceType":"DeviceUseStatement","subject":{"reference":"Group/1"}}"#.to_owned(), true),
        ("Observation", "patient=1", observation(r#""subject":{"reference":"Patient/1"}"#), true),
        ("Observation", "patient=1", observation(r#""subject":{"reference":"Group/1"}"#), false),
        ("Observation", "subject=1", observation(r#""subject":{"reference":"Group/1"}"#), true),
        ("Observation", "subject:identifier=s|1", observation(r#""subject":{"identifier":{"system":"s","value":"1"}}"#), true),
        // Conditions and computed values.
        ("Patient", "phone=555", patient(r#""telecom":[{"system":"phone","value":"555"}]"#), true),
        ("Patient", "phone=555", patient(r#""telecom":[{"system":"fax","value":"555"}]"#), false),
        ("Patient", "telecom=555", patient(r#""telecom":[{"system":"fax","value":"555"}]"#), true),
        ("Patient", "deceased=true", patient(r#""deceasedBoolean":true"#), true),
        ("Patient", "deceased=true", patient(r#""deceasedBoolean":false"#), false),
        ("Patient", "deceased=true", patient(r#""deceasedDateTime":"2020""#), true),
        ("Patient", "deceased=false", patient(r#""deceasedBoolean":false"#), true),
        ("Patient", "deceased=false", patient(r#""id":"1""#), true),
        ("Patient", "death-date=2020", patient(r#""deceasedDateTime":"2020-05-01""#), true),
        ("Patient", "address-city=goodenough", patient(r#""address":[{"city":"GoodenoughVille"}]"#), true),
        ("Patient", "link=Patient/2", patient(r#""link":[{"other":{"reference":"Patient/2"}}]"#), true),
        // An element that has extensions alone is missing.
        ("Patient", "birthdate:missing=true", patient(r#""_birthDate":{"extension":[{"url":"x"}]}"#), true),
        ("Patient", "given:missing=true", patient(r#""name":[{"given":[null],"_given":[{"id":"x"}]}]"#), true),
        // Values of a wrong form are none.
        ("Patient", "birthdate=ne2020", patient(r#""birthDate":{"x":1}"#), false),
        ("Patient", "name=x", patient(r#""name":"Xavier""#), true),
        ("Library", "depends-on=http://l/a", r#"{"resourceType":"Library","relatedArtifact":[{"type":"depends-on","resource":"http://l/a|1"}]}"#.to_owned(), true),
        ("Library", "depends-on=http://l/a", r#"{"resourceType":"Library","relatedArtifact":[{"type":"citation","resource":"http://l/a|1"}]}"#.to_owned(), false),
        ("Bundle", "composition=Composition/1", r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Composition","id":"1"}}]}"#.to_owned(), true),
        ("Group", "name:contains=b", r#"{"resourceType":"Group","name":"ABC"}"#.to_owned(), true),
        ("MedicationOrder", "identifier=s|1", r#"{"resourceType":"MedicationOrder","identifier":[{"system":"s","value":"1"}]}"#.to_owned(), true),
    ] {
        assert_eq!(is_found(resource_type, query, &body), expected, "{query} {body}");
    }
}
