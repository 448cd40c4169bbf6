//! Tests of expressions over resources.

mod elements;
mod errors;
mod expressions;
pub(in crate::fhir) mod official;
mod properties;
mod quick;
mod quick_cases;
mod search_parameters;
pub(in crate::fhir) mod view;

use super::{Item, Path, PathContext};
use crate::fhir::json::Tree;

/// What an expression gives for a resource, as texts.
fn found(expression: &str, resource: &str) -> Vec<String> {
    let tree = Tree::parse(resource).unwrap();
    let path = Path::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let items = path.evaluate(&PathContext::of(&tree));
    let items = items.unwrap_or_else(|error| panic!("{expression}: {error}"));
    items.iter().map(shown).collect()
}

/// A result as text: numbers and dates as written, texts between quotes.
fn shown(item: &Item<'_>) -> String {
    match item {
        Item::Element { tree: Tree::Number(lexeme), .. } => (*lexeme).to_owned(),
        Item::Element { tree, .. } => view::of_tree(tree).to_string(),
        Item::Boolean(value) => value.to_string(),
        Item::Integer(value) => value.to_string(),
        Item::Decimal(value) => value.to_string(),
        Item::Text(text) => format!("\"{text}\""),
        Item::Temporal(_, text) => format!("@{text}"),
    }
}
