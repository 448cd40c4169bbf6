//! What an expression gives for a resource.
//!
//! <https://hl7.org/fhirpath/N1/#expressions>. Nothing is copied out of the tree. An evaluation that
//! takes too many steps ends with an error: conditions within conditions can multiply.

use std::borrow::Cow;
use std::cell::Cell;
use std::mem::replace;

use super::decimal::Decimal;
use super::error::PathError;
use super::navigate::navigate;
use super::node::{Node, Value};
use super::operators::{Outcome, decided, mismatch, operate, single};
use super::path_context::PathContext;
use super::reference::text_of;
use super::syntax::{Action, Expression, Literal, Step, TypeName};
use crate::fhir::name::{literal_reference, without_version};

/// The values that an evaluation may look at. A path over a resource of 16 MB takes some hundred
/// thousand.
const MOST_STEPS: usize = 20_000_000;

/// An evaluation of an expression.
pub struct Evaluation<'e, 'c, 't> {
    pub(super) context: &'e PathContext<'c, 't>,
    steps_left: Cell<usize>,
}

/// What a part of an expression is evaluated for.
#[derive(Clone, Copy)]
pub struct Scope<'s, 't> {
    /// `$this`.
    pub this: &'s Node<'t>,
    /// `$index`.
    pub index: usize,
}

impl<'e, 'c, 't> Evaluation<'e, 'c, 't> {
    pub fn new(context: &'e PathContext<'c, 't>) -> Evaluation<'e, 'c, 't> {
        Evaluation { context, steps_left: Cell::new(MOST_STEPS) }
    }

    /// Evaluates a whole expression.
    pub fn of_whole(&self, expression: &Expression) -> Outcome<'t> {
        self.of(expression, Scope { this: &self.context.focus, index: 0 })
    }

    /// Evaluates an expression. The parser bounds how deep expressions nest.
    pub fn of(&self, expression: &Expression, scope: Scope<'_, 't>) -> Outcome<'t> {
        Ok(match expression {
            Expression::Literal(literal) => literal_nodes(literal),
            Expression::This => vec![scope.this.clone()],
            Expression::Index => integer(scope.index),
            Expression::Context => vec![self.context.focus.clone()],
            Expression::RowIndex => vec![Node::Integer(self.context.row_index)],
            Expression::Resource => vec![Node::Element(self.context.resource)],
            Expression::Constant(constant) => {
                let known = self.context.constants.iter().find(|(name, _)| *name == constant.name);
                let Some((_, item)) = known else {
                    let reason = format!("there is no constant `%{}`", constant.name);
                    return Err(PathError::new(constant.column, reason));
                };
                vec![Node::from_item(item)]
            }
            Expression::Path(start, steps) => {
                let mut nodes = self.of(start, scope)?;
                let mut spare = Vec::new();
                for step in steps {
                    nodes = self.step(step, nodes, &mut spare, scope)?;
                }
                nodes
            }
            Expression::Negative(inner, column) => {
                let nodes = self.of(inner, scope)?;
                let value = single(&nodes, *column, "-")?.map(Node::value);
                let negative = match &value {
                    None | Some(Value::Nothing) => None,
                    Some(Value::Integer(value)) => value.checked_neg().map(Node::Integer),
                    Some(Value::Decimal(value)) => Some(Node::Decimal(value.negated())),
                    Some(value) => return Err(mismatch(*column, "-", &[value])),
                };
                negative.into_iter().collect()
            }
            Expression::Operation(first, operands) => {
                let mut left = self.of(first, scope)?;
                for operand in operands {
                    self.count(1, operand.column)?;
                    let (operator, column) = (operand.operator, operand.column);
                    left = match decided(operator, column, &left)? {
                        Some(answer) => vec![Node::Boolean(answer)],
                        None => {
                            let right = self.of(&operand.right, scope)?;
                            self.count(left.len() + right.len(), column)?;
                            operate(operator, column, left, right)?
                        }
                    };
                }
                left
            }
        })
    }

    /// Takes a step. `spare` is empty; it saves an allocation for each step.
    fn step(
        &self,
        step: &Step,
        mut nodes: Vec<Node<'t>>,
        spare: &mut Vec<Node<'t>>,
        scope: Scope<'_, 't>,
    ) -> Outcome<'t> {
        let column = step.column;
        self.count(nodes.len() + 1, column)?;
        match &step.action {
            Action::Member(member) => {
                for node in &nodes {
                    navigate(node, member, spare);
                }
                nodes.clear();
                Ok(replace(spare, nodes))
            }
            Action::At(place) => {
                let places = self.of(place, scope)?;
                match single(&places, column, "[]")?.map(Node::value) {
                    None => Ok(Vec::new()),
                    Some(Value::Integer(place)) => {
                        let place = usize::try_from(place).unwrap_or(usize::MAX);
                        Ok(nodes.into_iter().nth(place).into_iter().collect())
                    }
                    Some(value) => Err(mismatch(column, "[]", &[&value])),
                }
            }
            Action::Is(wanted) => {
                let node = single(&nodes, column, "is")?;
                Ok(node.map(|node| Node::Boolean(node.is_of(wanted))).into_iter().collect())
            }
            Action::OfType(wanted) => {
                Ok(nodes.into_iter().filter(|node| node.is_of(wanted)).collect())
            }
            Action::ReferenceKey(wanted) => {
                Ok(nodes.iter().filter_map(|node| reference_key(node, wanted.as_ref())).collect())
            }
            Action::Call(function, arguments) => {
                self.call(*function, arguments, nodes, scope, column)
            }
        }
    }

    /// How many values were looked at so far.
    #[cfg(test)]
    pub(super) fn steps(&self) -> usize {
        MOST_STEPS - self.steps_left.get()
    }

    /// Counts values that are looked at.
    ///
    /// # Errors
    ///
    /// There were too many.
    pub(super) fn count(&self, steps: usize, column: usize) -> Result<(), PathError> {
        let steps_left = self.context.steps_left.unwrap_or(&self.steps_left);
        match steps_left.get().checked_sub(steps) {
            Some(left) => {
                steps_left.set(left);
                Ok(())
            }
            None => Err(PathError::new(column, "the evaluation takes too many steps here")),
        }
    }
}

/// A whole number as a collection.
pub fn integer<'t>(number: usize) -> Vec<Node<'t>> {
    vec![Node::Integer(i64::try_from(number).unwrap_or(i64::MAX))]
}

fn literal_nodes<'t>(literal: &Literal) -> Vec<Node<'t>> {
    let node = match literal {
        Literal::Empty => None,
        Literal::Boolean(value) => Some(Node::Boolean(*value)),
        Literal::Integer(value) => Some(Node::Integer(*value)),
        Literal::Decimal(lexeme) => Decimal::parse(lexeme).map(Node::Decimal),
        Literal::Text(text) => Some(Node::Text(Cow::Owned(text.clone()))),
        Literal::Temporal(kind, text) => Some(Node::Temporal(*kind, Cow::Owned(text.clone()))),
    };
    node.into_iter().collect()
}

/// The key of the resource that a reference names, as `getResourceKey()` gives it: the id. A resource
/// of another server has its URL as its key, and what cannot be resolved has none.
pub(super) fn reference_key<'t>(node: &Node<'t>, wanted: Option<&TypeName>) -> Option<Node<'t>> {
    let text = text_of(node)?;
    let (base, (type_name, id)) = literal_reference(text)?;
    if wanted.is_some_and(|wanted| !Node::Target(type_name).is_of(wanted)) {
        return None;
    }
    let key = if base.is_empty() { id } else { without_version(text).0 };
    Some(Node::Text(Cow::Borrowed(key)))
}
