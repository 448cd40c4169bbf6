//! Tests of numbers: the table of the specification, and what other servers got wrong.

use std::ops::Bound::{Excluded, Included};

use proptest::prelude::*;

use super::*;

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap_or_else(|| panic!("{text} is no number"))
}

fn number_holds(bound: &str, element: &str) -> bool {
    let bound = NumberBound::parse(bound).unwrap_or_else(|| panic!("{bound} is no number"));
    bound.holds_in(&Tree::parse(element).unwrap())
}

/// The table of <https://hl7.org/fhir/R4/search.html#number> and what follows from it.
#[test]
fn written_digits_leave_a_range_open() {
    for (text, low, high) in [
        ("100", "99.5", "100.5"),
        ("100.00", "99.995", "100.005"),
        ("1e2", "95", "105"),
        ("5.4", "5.35", "5.45"),
        ("2.0", "1.95", "2.05"),
        ("5.40e-3", "0.005395", "0.005405"),
        ("1.5e2", "145", "155"),
        ("5.40e 10", "53950000000", "54050000000"),
        ("0", "-0.5", "0.5"),
        ("-1", "-1.5", "-0.5"),
        ("-0.1", "-0.15", "-0.05"),
    ] {
        let number = SearchedNumber::parse(text).unwrap();
        assert_eq!(number.precise.low, Included(decimal(low)), "{text}");
        assert_eq!(number.precise.high, Excluded(decimal(high)), "{text}");
        assert_eq!(number.exact, decimal(&text.replace(' ', "+")), "{text}");
    }
}

#[test]
fn what_is_near_is_a_tenth_away_or_within_the_precision() {
    for (text, low, high) in [
        ("100", "90", "110"),
        ("-100", "-110", "-90"),
        ("2", "1.5", "2.5"),
        ("0", "-0.5", "0.5"),
        ("5.40", "4.86", "5.94"),
    ] {
        let number = SearchedNumber::parse(text).unwrap();
        assert_eq!(number.near.low, Included(decimal(low)), "{text}");
        assert_eq!(number.near.high, Excluded(decimal(high)), "{text}");
    }
    assert_eq!(SearchedNumber::parse(&"1".repeat(41)), None);
}

/// The table of <https://hl7.org/fhir/R4/search.html#number>, and hapifhir/hapi-fhir#6147.
#[test]
fn precision_counts_for_equality_alone() {
    for (bound, found, expected) in [
        ("100", "99.5", true),
        ("100", "99.49", false),
        ("100", "100.4999999999999999999", true),
        ("100", "100.5", false),
        ("100.00", "100.005", false),
        ("100.00", "99.995", true),
        ("1e2", "95", true),
        ("1e2", "105", false),
        ("ne100", "100.4", false),
        ("ne100", "100.5", true),
        ("lt100", "99.9999999999999999999", true),
        ("lt100", "100", false),
        ("le100", "100", true),
        ("le100", "100.1", false),
        ("gt100", "100", false),
        ("gt100", "100.0000000000000000001", true),
        ("ge100", "100", true),
        ("ge100", "99.9", false),
        ("sa100", "100.1", true),
        ("sa100", "100", false),
        ("eb100", "99.9", true),
        ("eb100", "100", false),
        ("ap100", "109.9", true),
        ("ap100", "110", false),
        ("ap100", "90", true),
        ("ap-100", "-105", true),
        ("0.8", "0.80", true),
        ("0.1", "1e-1", true),
        ("100", r#""100""#, false),
    ] {
        assert_eq!(number_holds(bound, found), expected, "{bound} {found}");
    }
    for bad in ["", "gt", "abc", "1,0", "xx1", "GT1", "1|", "--1"] {
        assert_eq!(NumberBound::parse(bad), None, "{bad}");
    }
}

/// HeliosSoftware/hfs#1011: `gt60` and `gt60.0` are the same.
#[test]
fn zeros_behind_the_point_do_not_move_a_comparison() {
    let weights = ["55.4", "58.5", "60", "60.2", "64.5"];
    for (bound, expected) in
        [("gt60", 2), ("gt60.0", 2), ("ge60.00", 3), ("lt60", 2), ("eq60.2", 1)]
    {
        let count = weights.iter().filter(|weight| number_holds(bound, weight)).count();
        assert_eq!(count, expected, "{bound}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[-+0-9.eE ]{0,40}") {
        if let Some(number) = SearchedNumber::parse(&text) {
            prop_assert!(!number.precise.is_empty() && !number.near.is_empty(), "{}", text);
        }
    }

    #[test]
    fn equal_and_not_equal_part_all_numbers(wanted in -999..999i32, found in -9999..9999i32) {
        let found = format!("{}", f64::from(found) / 10.0);
        let equal = number_holds(&format!("{wanted}"), &found);
        prop_assert_ne!(equal, number_holds(&format!("ne{wanted}"), &found));
        let is_near = number_holds(&format!("ap{wanted}"), &found);
        prop_assert!(!equal || is_near);
    }
}
