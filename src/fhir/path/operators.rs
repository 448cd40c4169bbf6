//! What the operators between two collections give.
//!
//! <https://hl7.org/fhirpath/N1/#operations>. An operand that is empty makes the result empty, but
//! for `|`, `&`, `in`, `contains` and the logical operators. Computations whose result has no place
//! are empty too, as is a division by zero.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::decimal::Decimal;
use super::equality::{distinct, equal, same};
use super::error::PathError;
use super::node::{Node, Value};
use super::syntax::Operator;

/// A collection, or what is wrong.
pub type Outcome<'t> = Result<Vec<Node<'t>>, PathError>;

/// The result of a logical operator, where its left side decides it.
pub fn decided(operator: Operator, left: Option<bool>) -> Option<bool> {
    match operator {
        Operator::And => left.filter(|left| !left),
        Operator::Or => left.filter(|left| *left),
        Operator::Implies => left.filter(|left| !left).map(|_| true),
        _ => None,
    }
}

/// The result of a logical operator; `None` where it is unknown.
pub fn combined(operator: Operator, left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (operator, left, right) {
        (Operator::And, Some(false), _) | (Operator::And, _, Some(false)) => Some(false),
        (Operator::And, Some(true), Some(true)) => Some(true),
        (Operator::Or, Some(true), _) | (Operator::Or, _, Some(true)) => Some(true),
        (Operator::Or, Some(false), Some(false)) => Some(false),
        (Operator::ExclusiveOr, Some(left), Some(right)) => Some(left != right),
        (Operator::Implies, Some(false), _) | (Operator::Implies, _, Some(true)) => Some(true),
        (Operator::Implies, Some(true), right) => right,
        _ => None,
    }
}

/// Applies an operator.
///
/// # Errors
///
/// An operand has several values, or one of a type that the operator does not take.
pub fn operate<'t>(
    operator: Operator,
    column: usize,
    left: Vec<Node<'t>>,
    right: Vec<Node<'t>>,
) -> Outcome<'t> {
    let name = operator.shown();
    let answer = match operator {
        Operator::Union => return Ok(distinct([left, right].concat())),
        Operator::Equal => equal(&left, &right),
        Operator::NotEqual => equal(&left, &right).map(|equal| !equal),
        Operator::In => contains(&right, single(&left, column, name)?),
        Operator::Contains => contains(&left, single(&right, column, name)?),
        Operator::And | Operator::Or | Operator::ExclusiveOr | Operator::Implies => {
            combined(operator, truth(&left, column, name)?, truth(&right, column, name)?)
        }
        Operator::Concatenate => {
            let text = |nodes: &[Node<'t>]| match single(nodes, column, name)?.map(Node::value) {
                None => Ok(String::new()),
                Some(Value::Text(text)) => Ok(text.to_owned()),
                Some(value) => Err(mismatch(column, name, &[&value])),
            };
            let text = text(&left)? + &text(&right)?;
            return Ok(vec![Node::Text(Cow::Owned(text))]);
        }
        _ if left.is_empty() || right.is_empty() => return Ok(Vec::new()),
        _ => {
            let (left, right) = (single(&left, column, name)?, single(&right, column, name)?);
            let (Some(left), Some(right)) = (left, right) else { return Ok(Vec::new()) };
            let (left, right) = (left.value(), right.value());
            if let (Value::Nothing, _) | (_, Value::Nothing) = (&left, &right) {
                return Ok(Vec::new());
            }
            let is_one = match operator {
                Operator::Less => Ordering::is_lt,
                Operator::LessOrEqual => Ordering::is_le,
                Operator::Greater => Ordering::is_gt,
                Operator::GreaterOrEqual => Ordering::is_ge,
                _ => return compute(operator, column, &left, &right),
            };
            order(operator, column, &left, &right)?.map(is_one)
        }
    };
    Ok(answer.map(Node::Boolean).into_iter().collect())
}

/// The only value of a collection; `None` for an empty one.
///
/// # Errors
///
/// There are several values. The message names `taker`, the operator or function that takes one.
pub fn single<'n, 't>(
    nodes: &'n [Node<'t>],
    column: usize,
    taker: &str,
) -> Result<Option<&'n Node<'t>>, PathError> {
    match nodes {
        [] => Ok(None),
        [node] => Ok(Some(node)),
        nodes => Err(several(nodes.len(), column, taker)),
    }
}

/// An error that says how many values there are where one is taken.
pub fn several(count: usize, column: usize, taker: &str) -> PathError {
    PathError::new(column, format!("`{taker}` takes one value, not {count}"))
}

/// What a collection says as a condition; `None` for an empty one. A single value that is no boolean
/// is true, as it is there.
///
/// <https://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections>
///
/// # Errors
///
/// There are several values.
pub fn truth(nodes: &[Node<'_>], column: usize, taker: &str) -> Result<Option<bool>, PathError> {
    Ok(single(nodes, column, taker)?.map(|node| match node.value() {
        Value::Boolean(value) => value,
        _ => true,
    }))
}

/// An error that says which types an operator or function cannot take.
pub fn mismatch(column: usize, taker: &str, values: &[&Value<'_>]) -> PathError {
    let kinds: Vec<_> = values.iter().map(|value| kind(value)).collect();
    PathError::new(column, format!("`{taker}` does not take {}", kinds.join(" and ")))
}

fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::Boolean(_) => "a boolean",
        Value::Integer(_) | Value::Decimal(_) => "a number",
        Value::Text(_) => "a text",
        Value::Temporal(..) => "a date or time",
        Value::Object(_) => "an element that has elements",
        Value::Nothing => "an element without a value",
    }
}

fn contains(nodes: &[Node<'_>], wanted: Option<&Node<'_>>) -> Option<bool> {
    wanted.map(|wanted| nodes.iter().any(|node| same(node, wanted) == Some(true)))
}

/// Which of two values comes first; `None` where the precision of dates does not say.
fn order(
    operator: Operator,
    column: usize,
    left: &Value<'_>,
    right: &Value<'_>,
) -> Result<Option<Ordering>, PathError> {
    if let (Value::Integer(left), Value::Integer(right)) = (left, right) {
        return Ok(Some(left.cmp(right)));
    }
    if let (Value::Text(left), Value::Text(right)) = (left, right) {
        return Ok(Some(left.cmp(right)));
    }
    if let (Some(left), Some(right)) = (left.decimal(), right.decimal()) {
        return Ok(Some(left.cmp(&right)));
    }
    if let (Some(_), Some(_)) = (left.text(), right.text()) {
        // A text that is no date at all says nothing about one.
        let both = left.temporal().zip(right.temporal());
        return Ok(both.and_then(|(left, right)| left.compare(&right)));
    }
    Err(mismatch(column, operator.shown(), &[left, right]))
}

/// Computes with two numbers, or joins two texts.
fn compute<'t>(
    operator: Operator,
    column: usize,
    left: &Value<'_>,
    right: &Value<'_>,
) -> Outcome<'t> {
    if let (Operator::Add, Value::Text(left), Value::Text(right)) = (operator, left, right) {
        return Ok(vec![Node::Text(Cow::Owned([*left, *right].concat()))]);
    }
    if let (Value::Integer(left), Value::Integer(right)) = (left, right) {
        let result = match operator {
            Operator::Add => left.checked_add(*right),
            Operator::Subtract => left.checked_sub(*right),
            Operator::Multiply => left.checked_mul(*right),
            Operator::DivideWhole => left.checked_div(*right),
            Operator::Remainder => left.checked_rem(*right),
            _ => return Ok(decimal_node(Decimal::from(*left).divide(&Decimal::from(*right)))),
        };
        return Ok(result.map(Node::Integer).into_iter().collect());
    }
    let (Some(left), Some(right)) = (left.decimal(), right.decimal()) else {
        return Err(mismatch(column, operator.shown(), &[left, right]));
    };
    Ok(decimal_node(match operator {
        Operator::Add => left.add(&right),
        Operator::Subtract => left.subtract(&right),
        Operator::Multiply => left.multiply(&right),
        Operator::DivideWhole => {
            let whole = left.divide_whole(&right).and_then(|whole| whole.to_integer());
            return Ok(whole.map(Node::Integer).into_iter().collect());
        }
        Operator::Remainder => left.remainder(&right),
        _ => left.divide(&right),
    }))
}

fn decimal_node<'t>(decimal: Option<Decimal>) -> Vec<Node<'t>> {
    decimal.map(Node::Decimal).into_iter().collect()
}
