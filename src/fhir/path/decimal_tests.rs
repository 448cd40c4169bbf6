//! Tests of decimals: tables of cases, and integers of 128 bits as the judge.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use proptest::prelude::*;

use super::Decimal;

fn decimal(lexeme: &str) -> Decimal {
    Decimal::parse(lexeme).unwrap()
}

fn shown(result: Option<Decimal>) -> String {
    result.map_or_else(|| "none".to_owned(), |decimal| decimal.to_string())
}

#[test]
fn precision_is_kept_and_written() {
    for (lexeme, written) in [
        ("1.00", "1.00"),
        ("-0.050", "-0.050"),
        ("0", "0"),
        ("0.00", "0.00"),
        ("-0", "0"),
        ("12e2", "1200"),
        ("1.5E-3", "0.0015"),
        ("1e40", "1e40"),
        ("1e-40", "1e-40"),
        ("0e99", "0e99"),
    ] {
        assert_eq!(decimal(lexeme).to_string(), written);
    }
    for text in ["", "-", ".5", "1.", "1e", "1e99999999999", "+1", "0x1", "1,5", "١"] {
        assert_eq!(Decimal::parse(text), None, "{text}");
    }
}

#[test]
fn values_compare_whatever_their_form() {
    let ordered = ["-1e300", "-2", "-1.5", "-0.1", "0", "1e-300", "0.09", "0.1", "1", "9.9e9"];
    for (i, a) in ordered.iter().enumerate() {
        for (j, b) in ordered.iter().enumerate() {
            assert_eq!(decimal(a).cmp(&decimal(b)), i.cmp(&j), "{a} {b}");
        }
    }
    let hash = |lexeme: &str| {
        let mut hasher = DefaultHasher::new();
        decimal(lexeme).hash(&mut hasher);
        hasher.finish()
    };
    let long = "0.1000000000000000055511151231257827021181583404541015625";
    for (a, b) in [("1", "1.00"), ("100", "1e2"), ("0", "-0.0"), (long, &format!("{long}00"))] {
        assert_eq!(decimal(a), decimal(b));
        assert_eq!(hash(a), hash(b), "{a} {b}");
    }
    assert!(decimal(long) > decimal("0.1"));
}

#[test]
fn arithmetic_is_exact() {
    for (a, operator, b, wanted) in [
        ("0.1", '+', "0.2", "0.3"),
        ("1.00", '+', "1", "2.00"),
        ("0.3", '-', "0.1", "0.2"),
        ("1", '-', "1.00", "0.00"),
        ("-5", '-', "-7", "2"),
        ("1.10", '*', "3", "3.30"),
        ("-0.5", '*', "0.5", "-0.25"),
        ("3.0", '/', "2.0", "1.5"),
        ("1", '/', "3", "0.3333333333333333333333333333"),
        ("2", '/', "3", "0.6666666666666666666666666667"),
        ("100", '/', "5", "20"),
        ("1", '/', "8e10", "0.0000000000125"),
        ("1", '/', "0.00", "none"),
        ("0", '/', "7", "0"),
        ("1e300", '+', "1e-300", "none"),
        ("7", 'd', "2", "3"),
        ("-7.5", 'd', "2", "-3"),
        ("7.5", 'm', "2", "1.5"),
        ("-7", 'm', "2", "-1"),
        ("7", 'm', "0", "none"),
    ] {
        let (x, y) = (decimal(a), decimal(b));
        let result = match operator {
            '+' => x.add(&y),
            '-' => x.subtract(&y),
            '*' => x.multiply(&y),
            '/' => x.divide(&y),
            'd' => x.divide_whole(&y),
            _ => x.remainder(&y),
        };
        assert_eq!(shown(result), wanted, "{a} {operator} {b}");
    }
    let long = "9".repeat(300);
    assert_eq!(decimal(&long).multiply(&decimal(&long)), None);
}

#[test]
fn whole_decimals_are_integers() {
    for (lexeme, wanted) in [
        ("5.00", Some(5)),
        ("-12e1", Some(-120)),
        ("0.0", Some(0)),
        ("5.5", None),
        ("9223372036854775807", Some(i64::MAX)),
        ("9223372036854775808", None),
        ("1e300", None),
    ] {
        assert_eq!(decimal(lexeme).to_integer(), wanted, "{lexeme}");
    }
}

proptest! {
    #[test]
    fn decimals_agree_with_integers(a in any::<i32>(), b in any::<i32>(), places in 0usize..6) {
        // Both numbers as hundredths, thousandths and so on.
        let of = |number: i64| {
            let digits = format!("{:0>width$}", number.unsigned_abs(), width = places + 1);
            let (whole, fraction) = digits.split_at(digits.len() - places);
            let sign = if number < 0 { "-" } else { "" };
            let point = if places > 0 { "." } else { "" };
            decimal(&format!("{sign}{whole}{point}{fraction}"))
        };
        let (a, b) = (i64::from(a), i64::from(b));
        let (x, y) = (of(a), of(b));
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        prop_assert_eq!(x.add(&y), Some(of(a + b)));
        prop_assert_eq!(x.subtract(&y), Some(of(a - b)));
        prop_assert_eq!(Decimal::from(a).multiply(&Decimal::from(b)), Some(Decimal::from(a * b)));
        if b != 0 {
            prop_assert_eq!(x.divide_whole(&y), Some(Decimal::from(a / b)));
            prop_assert_eq!(x.remainder(&y), Some(of(a % b)));
            let product = Decimal::from(a).multiply(&Decimal::from(b)).unwrap();
            prop_assert_eq!(product.divide(&Decimal::from(b)), Some(Decimal::from(a)));
        }
        prop_assert_eq!(decimal(&x.to_string()), x);
    }

    #[test]
    fn any_number_of_json_is_a_decimal(lexeme in "-?(0|[1-9][0-9]{0,40})([.][0-9]{1,40})?(e[+-]?[0-9]{1,3})?") {
        let number = decimal(&lexeme);
        prop_assert_eq!(decimal(&number.to_string()), number.clone(), "{}", lexeme);
        let close = number.divide(&decimal("7")).and_then(|seventh| seventh.multiply(&decimal("7")));
        prop_assert!(close.is_some());
    }
}
