//! Tests of quantities: the table of the specification, and what other servers got wrong.

use proptest::prelude::*;

use super::*;

fn quantity_holds(bound: &str, element: &str) -> bool {
    let bound = QuantityBound::parse(bound).unwrap_or_else(|| panic!("{bound} is no quantity"));
    bound.holds_in(&Tree::parse(element).unwrap())
}

/// The examples of <https://hl7.org/fhir/R4/search.html#quantity>, and further ones.
#[test]
fn a_unit_is_compared_by_system_and_code_or_by_its_text() {
    let mg = r#"{"value":5.4,"unit":"milligram","system":"http://unitsofmeasure.org","code":"mg"}"#;
    let bare = r#"{"value":5.4,"unit":"mg"}"#;
    for (bound, element, expected) in [
        ("5.4|http://unitsofmeasure.org|mg", mg, true),
        ("5.40e0|http://unitsofmeasure.org|mg", mg, true),
        ("5.4|http://unitsofmeasure.org|g", mg, false),
        ("5.4|http://other|mg", mg, false),
        ("5.4|http://unitsofmeasure.org|", mg, true),
        ("5.4|http://unitsofmeasure.org|milligram", mg, false),
        ("5.4||mg", mg, true),
        ("5.4||milligram", mg, true),
        ("5.4||mg", bare, true),
        ("5.4|http://unitsofmeasure.org|mg", bare, false),
        ("5.4||", bare, true),
        ("5.4", mg, true),
        ("5.45", mg, false),
        ("le5.4|http://unitsofmeasure.org|mg", mg, true),
        ("ap5.4|http://unitsofmeasure.org|mg", mg, true),
        ("lt6||mg", r#"{"unit":"mg"}"#, false),
        ("100||USD", r#"{"value":100,"currency":"USD"}"#, true),
        ("100|urn:iso:std:iso:4217|EUR", r#"{"value":100,"currency":"USD"}"#, false),
        (r"5||a\|b", r#"{"value":5,"unit":"a|b"}"#, true),
    ] {
        assert_eq!(quantity_holds(bound, element), expected, "{bound} {element}");
    }
    for bad in ["5.4|mg", "5.4|a|b|c", "|a|b", "a||mg", ""] {
        assert_eq!(QuantityBound::parse(bad), None, "{bad}");
    }
}

#[test]
fn comparators_and_ranges_are_ranges() {
    let below_5 = r#"{"value":5,"comparator":"<"}"#;
    let from_10 = r#"{"low":{"value":10,"unit":"a"},"high":{"value":20,"unit":"a"}}"#;
    for (bound, element, expected) in [
        ("lt5", below_5, true),
        ("gt4", below_5, true),
        ("gt5", below_5, false),
        ("eq5", below_5, false),
        ("eb5", below_5, true),
        ("ge5", r#"{"value":5,"comparator":">="}"#, true),
        ("sa5", r#"{"value":5,"comparator":">"}"#, true),
        ("sa5", r#"{"value":5,"comparator":">="}"#, false),
        ("lt100", r#"{"value":5,"comparator":"~"}"#, false),
        ("gt15", from_10, true),
        ("lt15||a", from_10, true),
        ("lt15||b", from_10, false),
        ("gt20", from_10, false),
        ("15", from_10, false),
        ("2e1", from_10, false),
        ("ap20", from_10, true),
        ("gt1000", r#"{"low":{"value":10}}"#, true),
        ("gt1000", r#"{"low":{"value":20},"high":{"value":10}}"#, false),
        ("gt0", r#"{"low":{},"high":{}}"#, false),
    ] {
        assert_eq!(quantity_holds(bound, element), expected, "{bound} {element}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,30}", number in "[a-z]{0,2}[-0-9.e+|]{0,40}") {
        let _ = QuantityBound::parse(&text);
        let _ = QuantityBound::parse(&number);
    }
}
