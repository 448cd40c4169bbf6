//! What the functions give.
//!
//! <https://hl7.org/fhirpath/N1/#functions>, <https://hl7.org/fhir/R4/fhirpath.html#functions>, and
//! those that SQL on FHIR adds. `function.rs` has their names and numbers of arguments.

use std::borrow::Cow;

use super::boundary::Boundary;
use super::equality::distinct;
use super::error::PathError;
use super::evaluate::{Evaluation, Scope, integer};
use super::function::Function;
use super::navigate::navigate;
use super::node::{Node, Value};
use super::operators::{Outcome, mismatch, single, truth};
use super::syntax::{Expression, Member};
use super::temporal::{Temporal, TemporalKind};
use crate::fhir::json::Tree;

impl<'t> Evaluation<'_, '_, 't> {
    /// Calls a function with as many arguments as it takes.
    pub(super) fn call(
        &self,
        function: Function,
        arguments: &[Expression],
        nodes: Vec<Node<'t>>,
        scope: Scope<'_, 't>,
        column: usize,
    ) -> Outcome<'t> {
        let (first, name) = (arguments.first(), function.name());
        Ok(match function {
            Function::Where => self.filter(first, nodes, column)?,
            Function::Select => {
                let mut found = Vec::new();
                for (index, this) in nodes.iter().enumerate() {
                    found.extend(self.argument(first, Scope { this, index })?);
                }
                found
            }
            Function::All => {
                let count = nodes.len();
                boolean(self.filter(first, nodes, column)?.len() == count)
            }
            Function::Exists if first.is_some() => {
                boolean(!self.filter(first, nodes, column)?.is_empty())
            }
            Function::Exists => boolean(!nodes.is_empty()),
            Function::Empty => boolean(nodes.is_empty()),
            Function::Count => vec![integer(nodes.len())],
            Function::Not => match truth(&nodes, column, name)? {
                Some(value) => boolean(!value),
                None => Vec::new(),
            },
            Function::HasValue => {
                let value = single(&nodes, column, name)?.map(Node::value);
                boolean(!matches!(value, None | Some(Value::Object(_) | Value::Nothing)))
            }
            Function::First => nodes.into_iter().take(1).collect(),
            Function::Last => nodes.into_iter().next_back().into_iter().collect(),
            Function::Tail => nodes.into_iter().skip(1).collect(),
            Function::Single => single(&nodes, column, name)?.cloned().into_iter().collect(),
            Function::Skip | Function::Take => {
                let number = self.argument(first, scope)?;
                match (single(&number, column, name)?.map(Node::value), function) {
                    (Some(Value::Integer(number)), Function::Skip) => {
                        nodes.into_iter().skip(usize::try_from(number).unwrap_or(0)).collect()
                    }
                    (Some(Value::Integer(number)), _) => {
                        nodes.into_iter().take(usize::try_from(number).unwrap_or(0)).collect()
                    }
                    (None, _) => Vec::new(),
                    (Some(value), _) => return Err(mismatch(column, name, &[&value])),
                }
            }
            Function::Distinct => distinct(nodes),
            Function::If => self.choose(arguments, &nodes, scope, column)?,
            Function::Extension => {
                let url = self.argument(first, scope)?;
                let url = text(&url, column, name)?;
                url.map_or_else(Vec::new, |url| extensions(&nodes, &url))
            }
            // `evaluate.rs` takes these for each value by itself.
            Function::Resolve | Function::ResourceKey => nodes,
            Function::Boundary(boundary) => bounded(boundary, &nodes, column, name)?,
            Function::Join => {
                let separator = self.argument(first, scope)?;
                let separator = text(&separator, column, name)?.unwrap_or_default();
                let mut parts = Vec::with_capacity(nodes.len());
                for node in &nodes {
                    parts.extend(written(node, column, name)?);
                }
                match parts.is_empty() {
                    true => Vec::new(),
                    false => vec![Node::Text(Cow::Owned(parts.join(&separator)))],
                }
            }
            Function::ToString => match single(&nodes, column, name)? {
                None => Vec::new(),
                Some(node) => {
                    let text = written(node, column, name)?;
                    text.map(|text| Node::Text(Cow::Owned(text))).into_iter().collect()
                }
            },
            Function::Upper | Function::Lower | Function::Length => {
                let Some(text) = text(&nodes, column, name)? else {
                    return Ok(Vec::new());
                };
                match function {
                    Function::Upper => vec![Node::Text(Cow::Owned(text.to_uppercase()))],
                    Function::Lower => vec![Node::Text(Cow::Owned(text.to_lowercase()))],
                    _ => vec![integer(text.chars().count())],
                }
            }
            Function::StartsWith | Function::EndsWith | Function::Contains => {
                let part = self.argument(first, scope)?;
                let part = text(&part, column, name)?;
                let text = text(&nodes, column, name)?;
                let (Some(text), Some(part)) = (text, part) else { return Ok(Vec::new()) };
                boolean(match function {
                    Function::StartsWith => text.starts_with(&*part),
                    Function::EndsWith => text.ends_with(&*part),
                    _ => text.contains(&*part),
                })
            }
        })
    }

    /// Evaluates an argument; a missing one is empty.
    fn argument(&self, argument: Option<&Expression>, scope: Scope<'_, 't>) -> Outcome<'t> {
        argument.map_or_else(|| Ok(Vec::new()), |argument| self.of(argument, scope))
    }

    /// Keeps the values for which a condition holds.
    fn filter(
        &self,
        condition: Option<&Expression>,
        nodes: Vec<Node<'t>>,
        column: usize,
    ) -> Outcome<'t> {
        let mut kept = Vec::new();
        for (index, node) in nodes.into_iter().enumerate() {
            if self.meets(condition, Scope { this: &node, index }, column)? {
                kept.push(node);
            }
        }
        Ok(kept)
    }

    /// `iif(condition, then, otherwise)`.
    fn choose(
        &self,
        arguments: &[Expression],
        nodes: &[Node<'t>],
        scope: Scope<'_, 't>,
        column: usize,
    ) -> Outcome<'t> {
        let Some(this) = single(nodes, column, "iif")? else { return Ok(Vec::new()) };
        let scope = Scope { this, ..scope };
        let Some(condition) = arguments.first() else { return Ok(Vec::new()) };
        let answer = self.truth_of(condition, scope, column, "iif")?;
        let chosen = if answer == Some(true) { 1 } else { 2 };
        self.argument(arguments.get(chosen), scope)
    }
}

fn boolean<'t>(value: bool) -> Vec<Node<'t>> {
    vec![Node::Boolean(value)]
}

/// The only value, which must be a text; `None` for an empty collection.
fn text<'n>(
    nodes: &'n [Node<'_>],
    column: usize,
    taker: &str,
) -> Result<Option<Cow<'n, str>>, PathError> {
    match single(nodes, column, taker)?.map(Node::value) {
        None | Some(Value::Nothing) => Ok(None),
        Some(value) => match value.text() {
            Some(text) => Ok(Some(Cow::Borrowed(text))),
            None => Err(mismatch(column, taker, &[&value])),
        },
    }
}

/// A value as text; `None` for an element without a value.
fn written(node: &Node<'_>, column: usize, taker: &str) -> Result<Option<String>, PathError> {
    Ok(Some(match node.value() {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Decimal(value) => value.to_string(),
        Value::Text(text) | Value::Temporal(_, text) => text.to_owned(),
        Value::Nothing => return Ok(None),
        value @ Value::Object(_) => return Err(mismatch(column, taker, &[&value])),
    }))
}

/// The extensions with a URL.
fn extensions<'t>(nodes: &[Node<'t>], url: &str) -> Vec<Node<'t>> {
    let member = Member::named("extension");
    let mut found = Vec::new();
    for node in nodes {
        navigate(node, &member, &mut found);
    }
    found.retain(|node| match node {
        Node::Element(element) => element.tree.get("url").and_then(Tree::as_text) == Some(url),
        _ => false,
    });
    found
}

/// `lowBoundary()` and `highBoundary()`.
fn bounded<'t>(boundary: Boundary, nodes: &[Node<'t>], column: usize, taker: &str) -> Outcome<'t> {
    let Some(node) = single(nodes, column, taker)? else { return Ok(Vec::new()) };
    let value = node.value();
    let of_text = |kind: TemporalKind, text: &str| {
        let temporal = Temporal::parse(kind, text);
        let bound = temporal.and_then(|temporal| boundary.of_temporal(&temporal));
        bound.map(|bound| Node::Temporal(kind, Cow::Owned(bound))).into_iter().collect()
    };
    Ok(match &value {
        Value::Nothing => Vec::new(),
        Value::Temporal(kind, text) => of_text(*kind, text),
        Value::Text(text) => match TemporalKind::of_form(text) {
            Some(kind) => of_text(kind, text),
            None => return Err(mismatch(column, taker, &[&value])),
        },
        other => match other.decimal() {
            Some(decimal) => boundary.of_decimal(&decimal).map(Node::Decimal).into_iter().collect(),
            None => return Err(mismatch(column, taker, &[&value])),
        },
    })
}
