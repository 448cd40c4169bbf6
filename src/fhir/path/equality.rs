//! When two values, or two collections, are equal.
//!
//! <https://hl7.org/fhirpath/N1/#equality>. Numbers are equal whatever their precision, dates of
//! different precision may be neither equal nor different, and objects are equal where their
//! members are, in any order.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use super::decimal::Decimal;
use super::node::{Node, Value};
use super::temporal::{Temporal, TemporalKind};
use crate::fhir::json::Tree;

/// Up to so many values are compared each with each. Beyond that they are sorted by a hash first.
const FEW: usize = 8;

/// True where two collections have equal values in the same order. `None` where that is unknown, and
/// where one is empty.
pub fn equal(left: &[Node<'_>], right: &[Node<'_>]) -> Option<bool> {
    if left.is_empty() || right.is_empty() {
        return None;
    }
    if left.len() != right.len() {
        return Some(false);
    }
    let mut all = Some(true);
    for (a, b) in left.iter().zip(right) {
        match same(a, b) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
}

/// True where two values are equal; `None` where that is unknown.
pub fn same(a: &Node<'_>, b: &Node<'_>) -> Option<bool> {
    Some(match (a.value(), b.value()) {
        (Value::Boolean(a), Value::Boolean(b)) => a == b,
        (Value::Integer(a), Value::Integer(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Object(a), Value::Object(b)) => same_trees(a, b),
        (Value::Nothing, Value::Nothing) => match (a, b) {
            (Node::Element(a), Node::Element(b)) => {
                a.sibling.zip(b.sibling).is_some_and(|(a, b)| same_trees(a, b))
            }
            _ => false,
        },
        (a, b) => {
            if let (Some(a), Some(b)) = (a.temporal(), b.temporal()) {
                return match a.compare(&b) {
                    Some(order) => Some(order.is_eq()),
                    None if (a.kind == TemporalKind::Time) != (b.kind == TemporalKind::Time) => {
                        Some(false)
                    }
                    None => None,
                };
            }
            match (a.decimal(), b.decimal()) {
                (Some(a), Some(b)) => a == b,
                _ => a.text().is_some() && a.text() == b.text(),
            }
        }
    })
}

impl<'a> Value<'a> {
    /// A number as a decimal.
    pub fn decimal(&self) -> Option<Cow<'_, Decimal>> {
        match self {
            Value::Integer(value) => Some(Cow::Owned(Decimal::from(*value))),
            Value::Decimal(value) => Some(Cow::Borrowed(value.as_ref())),
            _ => None,
        }
    }

    /// A date or a time. A text counts as one if it has the form of one.
    pub fn temporal(&self) -> Option<Temporal<'a>> {
        match self {
            Value::Temporal(kind, text) => Temporal::parse(*kind, text),
            Value::Text(text) => Temporal::parse(TemporalKind::of_form(text)?, text),
            _ => None,
        }
    }

    /// A text, or a date or a time as it is written.
    pub fn text(&self) -> Option<&'a str> {
        match self {
            Value::Text(text) | Value::Temporal(_, text) => Some(text),
            _ => None,
        }
    }
}

/// True where two trees are equal. Trees are never deeper than the reader of JSON allows.
fn same_trees(a: &Tree<'_>, b: &Tree<'_>) -> bool {
    match (a, b) {
        (Tree::Number(a), Tree::Number(b)) => {
            a == b || Decimal::parse(a).is_some_and(|a| Some(a) == Decimal::parse(b))
        }
        (Tree::Array(a), Tree::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_trees(a, b))
        }
        (Tree::Object(a), Tree::Object(b)) => {
            let in_order = a.iter().zip(b).all(|((a, _), (b, _))| a == b);
            if a.len() != b.len() {
                return false;
            }
            if in_order {
                return a.iter().zip(b).all(|((_, a), (_, b))| same_trees(a, b));
            }
            let (mut a, mut b): (Vec<_>, Vec<_>) = (a.iter().collect(), b.iter().collect());
            a.sort_by(|(a, _), (b, _)| a.cmp(b));
            b.sort_by(|(a, _), (b, _)| a.cmp(b));
            a.into_iter().zip(b).all(|((x, a), (y, b))| x == y && same_trees(a, b))
        }
        (a, b) => a == b,
    }
}

/// Leaves out the values that are equal to one before them.
pub fn distinct(nodes: Vec<Node<'_>>) -> Vec<Node<'_>> {
    let mut distinct = Distinct::default();
    nodes.into_iter().filter(|node| distinct.add(node)).collect()
}

/// Values of which no two are equal.
#[derive(Default)]
pub struct Distinct<'t> {
    kept: Vec<Node<'t>>,
    /// The values by their hashes, where there are many: only values of the same hash can be equal.
    by_hash: Option<(RandomState, HashMap<u64, Vec<usize>>)>,
}

impl<'t> Distinct<'t> {
    /// Adds a value; false where it is equal to one that was added before.
    pub fn add(&mut self, node: &Node<'t>) -> bool {
        if self.by_hash.is_none() && self.kept.len() == FEW {
            let (hashes, mut by_hash) = (RandomState::new(), HashMap::<_, Vec<_>>::new());
            for (place, node) in self.kept.iter().enumerate() {
                by_hash.entry(hash_of(node, &hashes)).or_default().push(place);
            }
            self.by_hash = Some((hashes, by_hash));
        }
        let is_new = |before: &Node<'t>| same(before, node) != Some(true);
        if let Some((hashes, by_hash)) = &mut self.by_hash {
            let places = by_hash.entry(hash_of(node, hashes)).or_default();
            if !places.iter().all(|place| is_new(&self.kept[*place])) {
                return false;
            }
            places.push(self.kept.len());
        } else if !self.kept.iter().all(is_new) {
            return false;
        }
        self.kept.push(node.clone());
        true
    }
}

fn hash_of(node: &Node<'_>, hashes: &RandomState) -> u64 {
    let mut hasher = hashes.build_hasher();
    hash_node(node, &mut hasher);
    hasher.finish()
}

/// Hashes a value so that equal values have equal hashes.
fn hash_node(node: &Node<'_>, hasher: &mut impl Hasher) {
    match node.value() {
        Value::Boolean(value) => value.hash(hasher),
        Value::Integer(value) => Decimal::from(value).hash(hasher),
        Value::Decimal(value) => value.hash(hasher),
        value @ (Value::Text(text) | Value::Temporal(_, text)) => match value.temporal() {
            Some(temporal) => temporal.identity().hash(hasher),
            None => text.hash(hasher),
        },
        Value::Object(tree) => hash_tree(tree, hasher),
        Value::Nothing => {
            if let Node::Element(element) = node
                && let Some(sibling) = element.sibling
            {
                hash_tree(sibling, hasher);
            }
        }
    }
}

/// Hashes a tree by its texts and the names of members, in an order that all equal trees share.
fn hash_tree(tree: &Tree<'_>, hasher: &mut impl Hasher) {
    match tree {
        Tree::Null => 0u8.hash(hasher),
        Tree::Bool(value) => value.hash(hasher),
        Tree::Number(lexeme) => Decimal::parse(lexeme).hash(hasher),
        Tree::Text(text) => text.hash(hasher),
        Tree::Array(values) => {
            for value in values {
                hash_tree(value, hasher);
            }
        }
        Tree::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            for (name, value) in members {
                name.hash(hasher);
                hash_tree(value, hasher);
            }
        }
    }
}
