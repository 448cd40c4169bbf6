//! Every search parameter of FHIR R4: its expression finds what it is for in a resource that is made
//! for it.

use super::super::lexer::{Word, words};
use super::super::types::{ElementName, ElementType, Type};
use super::super::{Path, PathContext};
use crate::fhir::json::Tree;

const TABLE: &str = include_str!("../../definitions/search-parameters.tsv");

/// How a resource is made for an expression.
struct Recipe<'r> {
    /// The names of the elements that it has.
    names: &'r [String],
    /// The type of its choice elements.
    choice: Type,
    /// The value of its texts.
    text: &'r str,
    /// The type that its references name.
    target: &'r str,
}

impl Recipe<'_> {
    /// An element of a type, as JSON.
    fn element(&self, of: Type, depth: usize) -> String {
        if of.primitive().is_some() {
            return match of.name() {
                "boolean" => "true".to_owned(),
                "decimal" | "integer" | "positiveInt" | "unsignedInt" => "1".to_owned(),
                "date" | "dateTime" | "instant" => "\"2020-01-01\"".to_owned(),
                _ => format!("\"{}\"", self.text),
            };
        }
        if of.name() == "Reference" {
            return format!("{{\"reference\":\"{}/1\"}}", self.target);
        }
        if of.is_any_resource() {
            return "{\"resourceType\":\"Basic\"}".to_owned();
        }
        let mut members = vec![format!("\"resourceType\":\"{}\"", of.name())];
        for name in self.names.iter().filter(|_| depth > 0) {
            let (name, of) = match ElementName::of(name).and_then(|name| of.element(name)) {
                None => continue,
                Some(ElementType::One(of)) => (name.clone(), of),
                Some(ElementType::Choice) => {
                    let (first, rest) = self.choice.name().split_at(1);
                    (format!("{name}{}{rest}", first.to_uppercase()), self.choice)
                }
            };
            members.push(format!("\"{name}\":[{}]", self.element(of, depth - 1)));
        }
        format!("{{{}}}", members.join(","))
    }
}

/// The types of what an expression finds in the resources that are made for it, one for each type
/// that a choice element may have.
fn types_found(of: &str, expression: &str) -> Vec<String> {
    let path = Path::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let (mut names, mut text, mut target) = (Vec::new(), "x".to_owned(), "Patient".to_owned());
    let mut is_before_target = false;
    for (word, _) in words(expression).unwrap() {
        match word {
            Word::Name(name) if is_before_target => target = name,
            Word::Name(name) => {
                is_before_target = name == "is";
                names.push(name);
                continue;
            }
            Word::Text(literal) => text = literal,
            _ => {}
        }
        is_before_target = false;
    }
    let mut types = Vec::new();
    let choices = names
        .iter()
        .map(String::as_str)
        .chain(["Quantity", "Reference", "Date", "Decimal"])
        .filter_map(|name| {
            let (first, rest) = name.split_at(1);
            Type::of_suffix(&format!("{}{rest}", first.to_uppercase()))
        });
    for choice in choices {
        let recipe = Recipe { names: &names, choice, text: &text, target: &target };
        let of = Type::named(of).filter(|of| !of.is_any_resource()).or(Type::named("Patient"));
        let resource = recipe.element(of.unwrap(), 6);
        let tree = Tree::parse(&resource).unwrap();
        for item in path.evaluate(&PathContext::of(&tree)).unwrap() {
            types.push(match item {
                super::Item::Element { type_name, .. } => type_name.unwrap().into_owned(),
                other => super::shown(&other),
            });
        }
    }
    types
}

/// The rows that cannot find anything, because R4 defines no such element.
const WITHOUT_ELEMENT: [&str; 1] = ["DeviceDefinition classification"];
/// The rows without an expression: they are about whole resources.
const WITHOUT_EXPRESSION: [&str; 3] =
    ["DomainResource _text", "Resource _content", "Resource _query"];

#[test]
fn every_search_parameter_finds_its_element() {
    let (mut worked, mut without_element, mut without_expression) = (0, Vec::new(), Vec::new());
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<_> = line.split('\t').collect();
        let [of, code, kind, expression, _] = columns[..] else { panic!("{line}") };
        if expression.is_empty() {
            without_expression.push(format!("{of} {code}"));
            continue;
        }
        let types = types_found(of, expression);
        let is_object =
            |name: &String| Type::named(name).is_some_and(|of| of.primitive().is_none());
        let fits = |name: &String| match kind {
            "reference" => matches!(name.as_str(), "Reference" | "canonical" | "uri" | "Basic"),
            "quantity" | "composite" => is_object(name),
            "uri" => matches!(name.as_str(), "uri" | "url" | "canonical" | "oid"),
            "number" => matches!(name.as_str(), "decimal" | "integer" | "positiveInt" | "Range"),
            "date" => {
                matches!(name.as_str(), "date" | "dateTime" | "instant" | "Period" | "Timing")
            }
            _ => true,
        };
        if types.is_empty() {
            without_element.push(format!("{of} {code}"));
            continue;
        }
        assert!(types.iter().any(fits), "{of} {code} ({kind}) {expression} finds {types:?}");
        worked += 1;
    }
    assert_eq!(without_element, WITHOUT_ELEMENT);
    assert_eq!(without_expression, WITHOUT_EXPRESSION);
    assert_eq!(worked, 1705);
}

#[test]
fn where_and_choice_keep_what_is_meant_and_nothing_else() {
    let found = |of, expression| types_found(of, expression);
    assert_eq!(
        found("Condition", "Condition.onset.as(Age) | Condition.onset.as(Range)"),
        ["Age", "Range"]
    );
    let deceased = "Patient.deceased.exists() and Patient.deceased != false";
    assert!(found("Patient", deceased).iter().all(|found| found == "true"));
    assert_eq!(found("Group", "(Group.characteristic.value as boolean)"), ["boolean"]);
    assert_eq!(found("Group", "Group.characteristic.where(exclude = 'x')"), [""; 0]);
}
