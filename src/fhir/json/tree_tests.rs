//! Tests of the tree: it takes what `serde_json` takes, and has the same values.

use std::borrow::Cow;
use std::fmt::Write;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Tree, WantedMembers};
use crate::fhir::json::value::MAX_DEPTH;

/// The tree as `serde_json` has it.
fn value(tree: &Tree<'_>) -> Value {
    match tree {
        Tree::Null => Value::Null,
        Tree::Bool(value) => Value::Bool(*value),
        Tree::Number(lexeme) => serde_json::from_str(lexeme).unwrap(),
        Tree::Text(text) => Value::String(text.clone().into_owned()),
        Tree::Array(values) => values.iter().map(value).collect(),
        Tree::Object(members) => {
            members.iter().map(|(name, tree)| (name.clone().into_owned(), value(tree))).collect()
        }
    }
}

#[test]
fn lexemes_order_and_plain_strings_are_those_of_the_text() {
    let text = " {\"b\" : 1.00, \"a\":[ -0.5e+3 ,null,true,false,{},[]],\"c\\n\":\"x\\u00e9\"}\n";
    let tree = Tree::parse(text).unwrap();
    let names: Vec<_> = tree.members().iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["b", "a", "c\n"]);
    assert_eq!(tree.get("b"), Some(&Tree::Number("1.00")));
    assert_eq!(tree.get("a").unwrap().values()[0], Tree::Number("-0.5e+3"));
    assert_eq!(tree.get("c\n").and_then(Tree::as_text), Some("xé"));
    assert_eq!(tree.get("d"), None);
    assert_eq!(tree.get("a").unwrap().get("b"), None);
    assert!(matches!(&tree.members()[0].0, Cow::Borrowed(_)));
}

#[test]
fn the_last_member_of_a_name_counts() {
    let tree = Tree::parse(r#"{"a":1,"\u0061":2}"#).unwrap();
    assert_eq!(tree.get("a"), Some(&Tree::Number("2")));
}

#[test]
fn faults_have_a_reason_and_a_place() {
    for (text, message) in [
        ("", "the text ends too early at byte 0"),
        ("[1", "no comma and no ] behind a value at byte 2"),
        ("[1,]", "no value at byte 3"),
        ("{\"a\":1,}", "no name of a member at byte 7"),
        ("{\"a\" 1}", "no colon behind the name of a member at byte 5"),
        ("{\"a\":1 2}", "no comma and no } behind a member at byte 7"),
        ("{} x", "more text behind the value at byte 3"),
        ("\"a", "a string without an end at byte 0"),
        ("\"a\\", "a string without an end at byte 0"),
        ("\"\t\"", "a control character in a string at byte 1"),
        ("\"\\ud800\"", "an escape that stands for no character at byte 0"),
        ("\"\\x\"", "an escape that stands for no character at byte 0"),
        ("01", "more text behind the value at byte 1"),
        ("-", "a number that lacks a digit at byte 1"),
        ("1.", "a number that lacks a digit at byte 2"),
        ("1e+", "a number that lacks a digit at byte 3"),
        ("tru", "no value at byte 0"),
    ] {
        assert_eq!(Tree::parse(text), Err(format!("not valid JSON: {message}")), "{text}");
        assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
    }
}

#[test]
fn depth_is_bounded() {
    let deep = |n: usize| format!("{}{}", "[{\"a\":".repeat(n / 2) + "1", "}]".repeat(n / 2));
    assert!(Tree::parse(&deep(MAX_DEPTH)).is_ok());
    assert!(Tree::parse(&deep(MAX_DEPTH).replace('1', "[]")).is_err());
    let message = Tree::parse(&deep(MAX_DEPTH + 2)).unwrap_err();
    assert!(message.contains("nest too deep"), "{message}");
    assert!(Tree::parse(&"[".repeat(1_000_000)).is_err());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC*|[\\x00-\\x7f]{0,9}".prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::vec(("\\PC{0,5}", inner), 0..8)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn a_tree_has_the_values_of_its_text(json in any_json(), pretty in any::<bool>()) {
        let text = if pretty {
            serde_json::to_string_pretty(&json).unwrap()
        } else {
            json.to_string()
        };
        let read: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(value(&Tree::parse(&text).unwrap()), read);
    }

    #[test]
    fn a_tree_takes_what_serde_json_takes(text in r#"[\[\]{}":, \\ntrue0-9.eE+\-u]{0,24}"#) {
        // A number that no double can hold is JSON all the same.
        let taken = match serde_json::from_str::<Value>(&text) {
            Err(error) if error.to_string().contains("out of range") => {
                serde_json::from_str::<&RawValue>(&text).is_ok()
            }
            parsed => parsed.is_ok(),
        };
        prop_assert_eq!(Tree::parse(&text).is_ok(), taken, "{}", text);
    }

    #[test]
    fn a_text_that_is_cut_off_is_refused(json in any_json(), end in 0usize..64) {
        let mut text = String::new();
        write!(text, "[{json}]").unwrap();
        let end = (0..=end.min(text.len() - 1)).rev().find(|end| text.is_char_boundary(*end));
        prop_assert!(Tree::parse(&text[..end.unwrap()]).is_err());
    }
}

/// What is wanted, by paths of names; a path that ends in `*` wants all that stands there.
fn wanted(paths: &[&str]) -> WantedMembers {
    let mut wanted = WantedMembers::new();
    for path in paths {
        let mut at = WantedMembers::ROOT;
        for name in path.split('.') {
            match name {
                "*" => wanted.add_whole(at),
                name => at = wanted.add(at, name),
            }
        }
    }
    wanted
}

#[test]
fn members_that_are_not_wanted_are_left_out() {
    let text = r#" { "a" : 1.0, "b\"" : {"x":"}]{","y":[["],"]]} ,"c":[ ],"d":"a,b","e":null , "a":{"z":true,"y":{}},
        "f":[{"g":1,"h":[2]},{"h":{"g":3}},[{"g":4,"i":5}],{}],"_f":{"g":6,"h":7},"resourceType":"R","fString":{"h":8,"g":9},"fs":1 } "#;
    for (paths, left) in [
        (&[][..], r#"{"resourceType":"R"}"#),
        (&["*"], text),
        (&["a"], r#"{"a":1.0,"a":{},"resourceType":"R"}"#),
        (&["a.*"], r#"{"a":1.0,"a":{"z":true,"y":{}},"resourceType":"R"}"#),
        (&["b\".y"], r#"{"b\"":{"y":[["],"]]},"resourceType":"R"}"#),
        (&["c", "e.f"], r#"{"c":[],"e":null,"resourceType":"R"}"#),
        (
            &["f.g"],
            r#"{"f":[{"g":1},{},[{"g":4}],{}],"_f":{"g":6},"resourceType":"R","fString":{"g":9}}"#,
        ),
        (
            &["f.h.g", "fString.h"],
            r#"{"f":[{"h":[2]},{"h":{"g":3}},[{}],{}],"_f":{"h":7},"resourceType":"R","fString":{"h":8,"g":9}}"#,
        ),
    ] {
        let found = Tree::parse_wanted(text, &wanted(paths)).unwrap();
        assert_eq!(found, Tree::parse(left).unwrap(), "{paths:?}");
    }
    let nothing = wanted(&[]);
    assert_eq!(Tree::parse_wanted(" {} ", &nothing), Ok(Tree::Object(Vec::new())));
    for text in ["{\"a\":", "{\"a\":\"b", "{\"a\" 1}", "", "{\"a\":1", "{\"a\":{}", "{} {}"] {
        assert!(Tree::parse_wanted(text, &nothing).is_err(), "{text}");
    }
}
