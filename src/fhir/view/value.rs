//! The values of rows, exact: numbers keep their lexemes, objects their members.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html#type-hinting-with-tags>: decimals,
//! dates and times are texts in the form of FHIR. Formats and databases write values as they can.

use std::borrow::Cow;

use super::column::ColumnKind;
use crate::fhir::json::{Tree, quoted};
use crate::fhir::path::Item;

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum ViewValue<'t> {
    /// Nothing.
    Null,
    /// True or false.
    Boolean(bool),
    /// A number, as the resource has it.
    Number(Cow<'t, str>),
    /// A text, a date, a time.
    Text(Cow<'t, str>),
    /// An element that has elements.
    Object(&'t Tree<'t>),
    /// The values of a column that holds lists.
    List(Vec<ViewValue<'t>>),
}

impl<'t> ViewValue<'t> {
    /// The value that an expression gives.
    pub(super) fn of(item: Item<'t>) -> ViewValue<'t> {
        match item {
            Item::Element { tree, .. } => match tree {
                Tree::Null => ViewValue::Null,
                Tree::Bool(value) => ViewValue::Boolean(*value),
                Tree::Number(lexeme) => ViewValue::Number(Cow::Borrowed(lexeme)),
                Tree::Text(text) => ViewValue::Text(Cow::Borrowed(text)),
                tree => ViewValue::Object(tree),
            },
            Item::Boolean(value) => ViewValue::Boolean(value),
            Item::Integer(value) => ViewValue::Number(Cow::Owned(value.to_string())),
            Item::Decimal(value) => ViewValue::Number(Cow::Owned(value.to_string())),
            Item::Text(text) | Item::Temporal(_, text) => ViewValue::Text(text),
        }
    }

    /// The value as a column of a kind holds it; `None` where it cannot hold it. A text column takes
    /// numbers and booleans too.
    pub(super) fn fitted(self, kind: ColumnKind) -> Option<ViewValue<'t>> {
        let fits = match (kind, &self) {
            (_, ViewValue::Null) => true,
            (ColumnKind::Boolean, ViewValue::Boolean(_)) => true,
            (ColumnKind::Integer, ViewValue::Number(lexeme)) => lexeme.parse::<i32>().is_ok(),
            (ColumnKind::Integer64, ViewValue::Number(lexeme)) => lexeme.parse::<i64>().is_ok(),
            // R5 writes whole numbers of 64 bits as texts.
            (ColumnKind::Integer64, ViewValue::Text(text)) => {
                return text.parse::<i64>().ok().map(|_| match self {
                    ViewValue::Text(text) => ViewValue::Number(text),
                    other => other,
                });
            }
            (ColumnKind::Decimal, ViewValue::Number(_)) => true,
            (ColumnKind::Text, value) => !matches!(value, ViewValue::Object(_)),
            // A type of another version of FHIR may be primitive.
            (ColumnKind::Json, _) => true,
            _ => false,
        };
        fits.then_some(self)
    }

    /// What the value is, for a message.
    pub(super) fn shown(&self) -> &'static str {
        match self {
            ViewValue::Null => "nothing",
            ViewValue::Boolean(_) => "true or false",
            ViewValue::Number(_) => "a number",
            ViewValue::Text(_) => "a text",
            ViewValue::Object(_) => "an element that has elements",
            ViewValue::List(_) => "a list",
        }
    }

    /// The value as plain text: texts without quotes, lists and objects as JSON. `None` for nothing.
    pub fn plain(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            ViewValue::Null => return None,
            ViewValue::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            ViewValue::Number(text) | ViewValue::Text(text) => Cow::Borrowed(text),
            ViewValue::Object(_) | ViewValue::List(_) => {
                let mut json = String::new();
                self.write_json(&mut json);
                Cow::Owned(json)
            }
        })
    }

    /// Adds the value as JSON to a text.
    pub fn write_json(&self, json: &mut String) {
        match self {
            ViewValue::Null => json.push_str("null"),
            ViewValue::Boolean(value) => json.push_str(if *value { "true" } else { "false" }),
            ViewValue::Number(lexeme) => json.push_str(lexeme),
            ViewValue::Text(text) => write_text(text, json),
            ViewValue::Object(tree) => write_tree(tree, json),
            ViewValue::List(values) => {
                json.push('[');
                for (number, value) in values.iter().enumerate() {
                    if number > 0 {
                        json.push(',');
                    }
                    // A list holds no lists.
                    value.write_json(json);
                }
                json.push(']');
            }
        }
    }
}

/// Adds a JSON string to a text.
fn write_text(text: &str, json: &mut String) {
    if text.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\') {
        json.push_str(&quoted(text));
        return;
    }
    json.push('"');
    json.push_str(text);
    json.push('"');
}

/// A list or an object whose end has not been written.
enum Unended<'v, 't> {
    Array(std::slice::Iter<'v, Tree<'t>>),
    Object(std::slice::Iter<'v, (Cow<'t, str>, Tree<'t>)>),
}

/// Adds a tree as JSON to a text. Lists and objects that have not ended wait on a stack of their own.
fn write_tree(tree: &Tree<'_>, json: &mut String) {
    let mut unended: Vec<Unended<'_, '_>> = Vec::new();
    let mut next = Some(tree);
    loop {
        match next.take() {
            None => {}
            Some(Tree::Null) => json.push_str("null"),
            Some(Tree::Bool(value)) => json.push_str(if *value { "true" } else { "false" }),
            Some(Tree::Number(lexeme)) => json.push_str(lexeme),
            Some(Tree::Text(text)) => write_text(text, json),
            Some(Tree::Array(values)) => {
                json.push('[');
                unended.push(Unended::Array(values.iter()));
            }
            Some(Tree::Object(members)) => {
                json.push('{');
                unended.push(Unended::Object(members.iter()));
            }
        }
        let is_first = json.ends_with(['[', '{']);
        match unended.last_mut() {
            None => return,
            Some(Unended::Array(values)) => match values.next() {
                None => {
                    json.push(']');
                    unended.pop();
                }
                Some(value) => {
                    if !is_first {
                        json.push(',');
                    }
                    next = Some(value);
                }
            },
            Some(Unended::Object(members)) => match members.next() {
                None => {
                    json.push('}');
                    unended.pop();
                }
                Some((name, value)) => {
                    if !is_first {
                        json.push(',');
                    }
                    write_text(name, json);
                    json.push(':');
                    next = Some(value);
                }
            },
        }
    }
}
