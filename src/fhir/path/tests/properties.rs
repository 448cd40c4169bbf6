//! What holds for any text and any resource: no panic, no endless work, and steps in proportion.

use std::ops::ControlFlow;

use proptest::prelude::*;
use proptest::sample::select;

use super::super::evaluate::Evaluation;
use super::super::{Item, Path, PathContext, WantedElements};
use crate::fhir::json::{Tree, WantedMembers};

/// Parts of which expressions are made, right and wrong.
const PARTS: [&str; 44] = [
    "name",
    "value",
    ".",
    ".",
    "(",
    ")",
    "[",
    "]",
    "=",
    "!=",
    "<",
    "and",
    "or",
    "|",
    "+",
    "-",
    "*",
    "/",
    "is",
    "as",
    "Patient",
    "where(",
    "exists()",
    "first()",
    "ofType(Quantity)",
    "'a'",
    "1",
    "0.5",
    "@2020-01",
    "@T10:00",
    "%resource",
    "$this",
    "{}",
    "resolve()",
    "getReferenceKey()",
    "lowBoundary()",
    "join(',')",
    "extension('u')",
    "count()",
    "given",
    "contains",
    "xor",
    "not()",
    " ",
];

fn any_expression() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[a-z'`%$@(){}\\[\\]|&<>=!~+*/.,0-9 \\\\-]{0,40}",
        prop::collection::vec(select(&PARTS[..]), 0..16).prop_map(|parts| parts.join(" ")),
    ]
}

/// Expressions that can be read, for the most part.
fn right_expression() -> impl Strategy<Value = String> {
    let term = select(vec![
        "name",
        "name.given",
        "value",
        "birthDate",
        "link.other",
        "1",
        "2.50",
        "'a'",
        "true",
        "{}",
        "@2020",
        "@T10:00",
        "$this",
        "%resource",
        "%resource.name",
        "%context",
        "name.other",
        "Patient.name",
        "contained",
        "deceased",
    ]);
    term.prop_map(str::to_owned).prop_recursive(5, 24, 3, |inner| {
        let operators = vec![
            "=", "!=", "<", ">=", "+", "-", "*", "/", "div", "mod", "&", "|", "and", "or", "xor",
            "implies", "in", "contains",
        ];
        let functions = vec![
            "first()",
            "last()",
            "tail()",
            "count()",
            "empty()",
            "not()",
            "distinct()",
            "single()",
            "resolve()",
            "getReferenceKey(Patient)",
            "getResourceKey()",
            "lowBoundary()",
            "highBoundary()",
            "join()",
            "toString()",
            "length()",
            "upper()",
            "extension('u')",
            "hasValue()",
            "ofType(Patient)",
            "is(string)",
            "iif($this.exists(), other, %resource.link)",
            "lower().select(%context.name)",
            "single().iif(family = 'a', given, family)",
            "family",
            "extension",
            "reference",
        ];
        prop_oneof![
            (inner.clone(), select(operators), inner.clone())
                .prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            (inner.clone(), select(functions)).prop_map(|(a, call)| format!("({a}).{call}")),
            (
                inner.clone(),
                select(vec!["where", "select", "all", "exists", "skip"]),
                inner.clone()
            )
                .prop_map(|(a, call, b)| format!("({a}).{call}({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a})[{b}]")),
        ]
    })
}

/// Resources with elements that the expressions above ask for, of the right form and of wrong ones.
fn any_resource() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "null",
        "true",
        "1",
        "-2.50",
        "1e400",
        "\"a\"",
        "\"2020-01-01\"",
        "\"10:00\"",
        "[]",
        "{}",
        "\"#c\"",
        "\"Patient/1\"",
        "[null]",
        "[null,{\"extension\":[{\"url\":\"u\"}]}]",
    ]);
    let names = select(vec![
        "name",
        "_name",
        "given",
        "_given",
        "family",
        "birthDate",
        "_birthDate",
        "valueQuantity",
        "valueString",
        "_valueString",
        "link",
        "other",
        "reference",
        "contained",
        "resourceType",
        "id",
        "extension",
        "url",
        "deceasedBoolean",
        "deceasedDateTime",
    ]);
    leaf.prop_map(str::to_owned)
        .prop_recursive(5, 48, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|values| format!("[{}]", values.join(","))),
                prop::collection::vec((names.clone(), inner), 0..6).prop_map(|members| {
                    let members: Vec<_> = members
                        .into_iter()
                        .map(|(name, value)| format!("\"{name}\":{value}"))
                        .collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
        .prop_flat_map(|tree| {
            let patient = tree
                .strip_prefix("{\"")
                .map(|rest| format!("{{\"resourceType\":\"Patient\",\"id\":\"c\",\"{rest}"));
            Just(patient.unwrap_or(tree))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_text_is_read_with_a_panic(text in any_expression()) {
        if let Err(error) = Path::parse(&text) {
            prop_assert!(error.column() >= 1 && error.column() <= text.chars().count() + 1);
            prop_assert!(!error.reason().is_empty());
        }
    }

    #[test]
    fn no_resource_is_evaluated_with_a_panic(
        text in right_expression(),
        resource in any_resource(),
    ) {
        let path = Path::parse(&text).unwrap();
        let tree = Tree::parse(&resource).unwrap();
        let context = PathContext::of(&tree);
        let found = path.evaluate(&context);
        prop_assert_eq!(&found, &path.evaluate(&context), "{} over {}", text, resource);
        // What is found can be the focus of the next expression.
        for item in found.unwrap_or_default() {
            let _ = path.evaluate(&context.clone().at(item));
        }
    }

    #[test]
    fn wanted_elements_are_all_that_expressions_look_at(
        first in right_expression(),
        second in right_expression(),
        resource in any_resource(),
    ) {
        let [first_path, second_path] = [&first, &second].map(|text| Path::parse(text).unwrap());
        let mut wanted = WantedElements::new();
        for at in first_path.add_wanted(&mut wanted, WantedMembers::ROOT) {
            let found = second_path.add_wanted(&mut wanted, at);
            wanted.add_whole(&found);
        }
        let wanted = wanted.into_members();
        let (whole, part) =
            (Tree::parse(&resource).unwrap(), Tree::parse_wanted(&resource, &wanted).unwrap());
        let (of_whole, of_part) = (PathContext::of(&whole), PathContext::of(&part));
        match (first_path.evaluate(&of_whole), first_path.evaluate(&of_part)) {
            (Ok(items), Ok(part_items)) => {
                prop_assert_eq!(items.len(), part_items.len());
                for (item, part_item) in items.into_iter().zip(part_items) {
                    let found = second_path.evaluate(&of_whole.clone().at(item));
                    let part_found = second_path.evaluate(&of_part.clone().at(part_item));
                    prop_assert_eq!(found, part_found, "{}, {} over {}", first, second, resource);
                }
            }
            (found, part_found) => prop_assert_eq!(found, part_found, "{} over {}", first, resource),
        }
    }

    #[test]
    fn a_path_of_names_finds_what_a_walk_finds(resource in any_resource()) {
        let tree = Tree::parse(&resource).unwrap();
        let mut wanted = Vec::new();
        for name in tree.get("name").map(Tree::values).unwrap_or_default() {
            let family = name.get("family").map(Tree::values).unwrap_or_default();
            wanted.extend(family.iter().filter(|family| **family != Tree::Null));
        }
        let path = Path::parse("name.family").unwrap();
        let found = path.evaluate(&PathContext::of(&tree)).unwrap();
        let found: Vec<_> = found
            .iter()
            .filter_map(|item| match item {
                Item::Element { tree, .. } if **tree != Tree::Null => Some(*tree),
                _ => None,
            })
            .collect();
        prop_assert_eq!(found, wanted);
    }
}

#[test]
fn long_expressions_are_no_deep_ones() {
    let tree = Tree::parse(r#"{"resourceType":"Patient","active":true}"#).unwrap();
    let evaluate =
        |text: &str| Path::parse(text).map(|path| path.evaluate(&PathContext::of(&tree)));
    let sum = vec!["1"; 20_000].join(" + ");
    assert_eq!(evaluate(&sum), Ok(Ok(vec![Item::Integer(20_000)])));
    let path = format!("active{}", ".first()".repeat(20_000));
    assert_eq!(evaluate(&path).unwrap().unwrap().len(), 1);
    assert_eq!(evaluate(&"-".repeat(20_000)).unwrap_err().column(), 20_001);
    let nots = format!("{}active{}", "(".repeat(39), ").not()".repeat(39));
    assert_eq!(evaluate(&nots), Ok(Ok(vec![Item::Boolean(false)])));
    // As deep as brackets and ranks of operators go together.
    let ranks = "true implies true or true and true in true = true | 1 + 1 * (";
    let deepest = format!("{}1{}", ranks.repeat(39), ")".repeat(39));
    assert!(evaluate(&deepest).is_ok());
    let calls = format!("{}true{}", "$this.where(".repeat(39), ")".repeat(39));
    assert_eq!(evaluate(&calls).unwrap().unwrap().len(), 1);
    for deep in [
        "(".repeat(100_000),
        "a[".repeat(100_000),
        "a.where(".repeat(100_000),
        format!("{}1{}", "(".repeat(41), ")".repeat(41)),
    ] {
        assert_eq!(evaluate(&deep).unwrap_err().reason(), "brackets nest too deep here");
    }
}

#[test]
fn trees_as_deep_as_they_may_be_are_compared() {
    let deep = |leaf: &str| format!("{}{leaf}{}", "{\"a\":[".repeat(499), "]}".repeat(499));
    let resource = format!("{{\"x\":{},\"y\":{}}}", deep("1"), deep("1.0"));
    let tree = Tree::parse(&resource).unwrap();
    let path =
        Path::parse("x = y and (x | y | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8).count() = 9").unwrap();
    assert_eq!(path.evaluate(&PathContext::of(&tree)), Ok(vec![Item::Boolean(true)]));
}

#[test]
fn steps_grow_with_the_resource_and_not_faster() {
    let resource = |names: usize| {
        let name =
            |n: usize| format!(r#"{{"use":"usual","family":"f{n}","given":["a","b\u00e9"]}}"#);
        let names: Vec<_> = (0..names).map(name).collect();
        format!(r#"{{"resourceType":"Patient","name":[{}]}}"#, names.join(","))
    };
    for expression in [
        "name.where(use = 'usual').family",
        "(name.family | name.given).count()",
        "(name | name).distinct().count()",
        "name.given.join(',')",
        "name = name",
    ] {
        let path = Path::parse(expression).unwrap();
        let [few, many] = [1_000, 8_000].map(|names| {
            let text = resource(names);
            let tree = Tree::parse(&text).unwrap();
            let context = PathContext::of(&tree);
            let evaluation = Evaluation::new(&context);
            assert!(
                evaluation
                    .each_of_whole(&path.expression, &mut |_| Ok(ControlFlow::Continue(())))
                    .is_ok()
            );
            evaluation.steps()
        });
        assert!(few >= 1_000 && many <= few * 8 + 8, "{expression}: {few}, then {many} steps");
    }
}

#[test]
fn long_expressions_are_read() {
    for part in ["a.b or ", "'a\\u0062' | ", "(a) + ", "1 /* c */ - ", "%a & "] {
        assert!(Path::parse(&(part.repeat(8_000) + "c")).is_ok(), "{part}");
    }
}
