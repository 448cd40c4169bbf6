//! What an expression gives for a resource.
//!
//! <https://hl7.org/fhirpath/N1/#expressions>. Values go from step to step one by one, so that most expressions need no
//! lists, and whoever has enough of them breaks off: `first()`, `exists()`. What could be an error is evaluated all the
//! same. Nothing is copied out of the tree. An evaluation that takes too many steps ends with an error: conditions within
//! conditions can multiply.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::ControlFlow;

use super::decimal::Decimal;
use super::error::PathError;
use super::function::Function;
use super::navigate::{Flow, GO_ON, for_each_child};
use super::node::{Node, Value};
use super::operators::{Outcome, mismatch, single};
use super::path_context::PathContext;
use super::reference::{reference_key, resolve, resource_key};
use super::syntax::{Action, Expression, Literal, Step};

/// The values that an evaluation may look at. A path over a resource of 16 MB takes some hundred
/// thousand.
const MOST_STEPS: usize = 20_000_000;
/// The most steps that values go through one by one: each is a call within the one before.
const LONGEST_RUN: usize = 32;

/// What is called with each value: it breaks off where it has enough.
pub type Each<'e, 't> = dyn FnMut(Node<'t>) -> Flow + 'e;

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

/// Where values come from.
enum NodeSource<'s, 't> {
    Expression(&'s Expression),
    One(Node<'t>),
    Many(Vec<Node<'t>>),
}

impl<'e, 'c, 't> Evaluation<'e, 'c, 't> {
    pub fn new(context: &'e PathContext<'c, 't>) -> Evaluation<'e, 'c, 't> {
        Evaluation { context, steps_left: Cell::new(MOST_STEPS) }
    }

    /// Evaluates a whole expression, and calls `each` with what it gives.
    ///
    /// # Errors
    ///
    /// Those of the expression, and of `each`.
    pub fn each_of_whole(&self, expression: &Expression, each: &mut Each<'_, 't>) -> Flow {
        self.each(expression, Scope { this: &self.context.focus, index: 0 }, each)
    }

    /// Evaluates an expression to a list.
    pub fn of(&self, expression: &Expression, scope: Scope<'_, 't>) -> Outcome<'t> {
        let mut found = Vec::new();
        let _ = self.each(expression, scope, &mut |node| {
            found.push(node);
            GO_ON
        })?;
        Ok(found)
    }

    /// Evaluates an expression, and calls `each` with what it gives. The parser bounds how deep expressions nest.
    pub(super) fn each(
        &self,
        expression: &Expression,
        scope: Scope<'_, 't>,
        each: &mut Each<'_, 't>,
    ) -> Flow {
        match expression {
            Expression::Literal(literal) => match literal_node(literal) {
                Some(node) => each(node),
                None => GO_ON,
            },
            Expression::This => each(scope.this.clone()),
            Expression::Index => each(integer(scope.index)),
            Expression::Context => each(self.context.focus.clone()),
            Expression::RowIndex => each(Node::Integer(self.context.row_index)),
            Expression::Resource => each(Node::Element(self.context.resource)),
            Expression::Constant(constant) => {
                each(self.context.constant(&constant.name, constant.column)?.clone())
            }
            Expression::Path(start, steps) => self.path(start, steps, scope, each),
            Expression::Negative(inner, column) => {
                let nodes = self.of(inner, scope)?;
                let value = single(&nodes, *column, "-")?.map(Node::value);
                let negative = match &value {
                    None | Some(Value::Nothing) => None,
                    Some(Value::Integer(value)) => value.checked_neg().map(Node::Integer),
                    Some(Value::Decimal(value)) => Some(Node::Decimal(value.negated())),
                    Some(value) => return Err(mismatch(*column, "-", &[value])),
                };
                negative.map_or(GO_ON, each)
            }
            Expression::Operation(first, operands) => self.operation(first, operands, scope, each),
        }
    }

    /// Goes through the steps of a path. Values go one by one up to a step that takes all of them together.
    fn path(
        &self,
        start: &Expression,
        steps: &[Step],
        scope: Scope<'_, 't>,
        each: &mut Each<'_, 't>,
    ) -> Flow {
        let (mut source, mut rest) = (NodeSource::Expression(start), steps);
        loop {
            let run = rest.iter().take(LONGEST_RUN).take_while(|step| step.is_for_each).count();
            let (run, behind) = rest.split_at(run);
            let Some((step, after)) = behind.split_first() else {
                return self.run(source, run, scope, each);
            };
            let nodes = |source| -> Outcome<'t> {
                let mut nodes = Vec::new();
                let _ = self.run(source, run, scope, &mut |node| {
                    nodes.push(node);
                    GO_ON
                })?;
                Ok(nodes)
            };
            // A run that is too long goes on from a list.
            if step.is_for_each {
                (source, rest) = (NodeSource::Many(nodes(source)?), behind);
                continue;
            }
            rest = after;
            source = match &step.action {
                Action::Call(Function::Exists | Function::Empty, arguments)
                    if arguments.is_empty() =>
                {
                    self.count(1, step.column)?;
                    let mut is_there = false;
                    let _ = self.run(source, run, scope, &mut |_| {
                        is_there = true;
                        Ok(ControlFlow::Break(()))
                    })?;
                    let is_exists = matches!(step.action, Action::Call(Function::Exists, _));
                    NodeSource::One(Node::Boolean(is_there == is_exists))
                }
                _ => match place(step) {
                    Some(place) => {
                        self.count(1, step.column)?;
                        let (mut before, mut found) = (place, None);
                        let _ = self.run(source, run, scope, &mut |node| {
                            if before > 0 {
                                before -= 1;
                                return GO_ON;
                            }
                            found = Some(node);
                            Ok(ControlFlow::Break(()))
                        })?;
                        match found {
                            Some(node) => NodeSource::One(node),
                            None => NodeSource::Many(Vec::new()),
                        }
                    }
                    None => NodeSource::Many(self.step(step, nodes(source)?, scope)?),
                },
            };
        }
    }

    /// Takes the values of a source through steps, one by one.
    fn run(
        &self,
        source: NodeSource<'_, 't>,
        steps: &[Step],
        scope: Scope<'_, 't>,
        each: &mut Each<'_, 't>,
    ) -> Flow {
        if steps.iter().all(|step| step.is_sure) {
            return self.through(source, steps, scope, each);
        }
        // Where nobody wants more, what may be an error is evaluated all the same.
        let mut flow = ControlFlow::Continue(());
        let _ = self.through(source, steps, scope, &mut |node| {
            if flow.is_continue() {
                flow = each(node)?;
            }
            GO_ON
        })?;
        Ok(flow)
    }

    /// Does the same as long as `each` wants more.
    fn through(
        &self,
        source: NodeSource<'_, 't>,
        steps: &[Step],
        scope: Scope<'_, 't>,
        each: &mut Each<'_, 't>,
    ) -> Flow {
        match source {
            NodeSource::Expression(Expression::This) => self.walk(steps, scope.this.clone(), each),
            NodeSource::Expression(expression) => {
                self.each(expression, scope, &mut |node| self.walk(steps, node, each))
            }
            NodeSource::One(node) => self.walk(steps, node, each),
            NodeSource::Many(nodes) => {
                for node in nodes {
                    if self.walk(steps, node, each)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                GO_ON
            }
        }
    }

    /// Takes a value through steps that are for each value by itself.
    fn walk(&self, steps: &[Step], from: Node<'t>, each: &mut Each<'_, 't>) -> Flow {
        let Some((step, rest)) = steps.split_first() else { return each(from) };
        // What is looked at, and the step.
        self.count(2, step.column)?;
        let next = match &step.action {
            Action::Member(member) => {
                return for_each_child(&from, member, &mut |child| self.walk(rest, child, each));
            }
            Action::OfType(wanted) => from.is_of(wanted).then_some(from),
            Action::ReferenceKey(wanted) => reference_key(&from, wanted.as_ref()),
            Action::Call(Function::ResourceKey, _) => resource_key(&from),
            Action::Call(Function::Resolve, _) => resolve(&from, self.context.resource.tree),
            Action::Call(Function::Where, arguments) => {
                let scope = Scope { this: &from, index: 0 };
                let is_kept = self.meets(arguments.first(), scope, step.column)?;
                is_kept.then_some(from)
            }
            Action::Call(Function::Select, arguments) => {
                let Some(argument) = arguments.first() else { return GO_ON };
                let of_each = Scope { this: &from, index: 0 };
                return self.each(argument, of_each, &mut |node| self.walk(rest, node, each));
            }
            // No other step is for each value by itself.
            _ => None,
        };
        match next {
            Some(next) => self.walk(rest, next, each),
            None => GO_ON,
        }
    }

    /// Takes a step from all values together.
    fn step(&self, step: &Step, nodes: Vec<Node<'t>>, scope: Scope<'_, 't>) -> Outcome<'t> {
        let column = step.column;
        self.count(nodes.len() + 1, column)?;
        match &step.action {
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
            Action::Call(function, arguments) => {
                self.call(*function, arguments, nodes, scope, column)
            }
            // These never come here: they are for each value by itself.
            Action::Member(_) | Action::OfType(_) | Action::ReferenceKey(_) => Ok(nodes),
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

/// The place that a step takes: `first()`, `[2]`.
fn place(step: &Step) -> Option<usize> {
    match &step.action {
        Action::Call(Function::First, _) => Some(0),
        Action::At(Expression::Literal(Literal::Integer(place))) => usize::try_from(*place).ok(),
        _ => None,
    }
}

/// A whole number.
pub fn integer<'t>(number: usize) -> Node<'t> {
    Node::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The value of a literal; `None` for `{}`.
fn literal_node<'t>(literal: &Literal) -> Option<Node<'t>> {
    match literal {
        Literal::Empty => None,
        Literal::Boolean(value) => Some(Node::Boolean(*value)),
        Literal::Integer(value) => Some(Node::Integer(*value)),
        Literal::Decimal(lexeme) => Decimal::parse(lexeme).map(Node::Decimal),
        Literal::Text(text) => Some(Node::Text(Cow::Owned(text.clone()))),
        Literal::Temporal(kind, text) => Some(Node::Temporal(*kind, Cow::Owned(text.clone()))),
    }
}
