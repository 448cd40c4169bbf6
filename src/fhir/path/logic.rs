//! Operators between expressions: conditions without lists, unions that break off, and all others by `operators.rs`.
//!
//! <https://hl7.org/fhirpath/N1/#operations>

use std::ops::ControlFlow;

use super::equality::{Distinct, equal};
use super::error::PathError;
use super::evaluate::{Each, Evaluation, Scope};
use super::navigate::{Flow, GO_ON};
use super::node::{Node, Value};
use super::operators::{combined, decided, operate, several};
use super::syntax::{Expression, Operand, Operator};

/// The first value of an expression, and how many it gives.
struct FirstValue<'t> {
    first: Option<Node<'t>>,
    count: usize,
}

impl<'t> Evaluation<'_, '_, 't> {
    /// Evaluates operators of one rank, from the left to the right.
    pub(super) fn operation(
        &self,
        first: &Expression,
        operands: &[Operand],
        scope: Scope<'_, 't>,
        each: &mut Each<'_, 't>,
    ) -> Flow {
        let all = |is_one: fn(Operator) -> bool| operands.iter().all(|of| is_one(of.operator));
        if all(|operator| operator == Operator::Union) {
            return self.union(first, operands, scope, each);
        }
        if all(Operator::is_logical) || matches!(operands, [only] if only.operator.is_equality()) {
            return match self.answer(first, operands, scope)? {
                Some(answer) => each(Node::Boolean(answer)),
                None => GO_ON,
            };
        }
        let mut left = self.of(first, scope)?;
        for operand in operands {
            let (operator, column) = (operand.operator, operand.column);
            self.count(1, column)?;
            let right = self.of(&operand.right, scope)?;
            self.count(left.len() + right.len(), column)?;
            left = operate(operator, column, left, right)?;
        }
        for node in left {
            if each(node)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        GO_ON
    }

    /// The values of several expressions without those that are equal to one before them.
    fn union(
        &self,
        first: &Expression,
        operands: &[Operand],
        scope: Scope<'_, 't>,
        each: &mut Each<'_, 't>,
    ) -> Flow {
        let (mut distinct, mut flow) = (Distinct::default(), ControlFlow::Continue(()));
        let mut add = |node: Node<'t>| {
            if flow.is_continue() && distinct.add(&node) {
                flow = each(node)?;
            }
            Ok(flow)
        };
        let mut is_over = self.each(first, scope, &mut add)?.is_break();
        for operand in operands {
            // Where nobody wants more, what may be an error is evaluated all the same.
            if is_over && operand.right.is_sure() {
                continue;
            }
            self.count(1, operand.column)?;
            is_over |= self.each(&operand.right, scope, &mut add)?.is_break();
        }
        Ok(flow)
    }

    /// What logical operators say, or one operator of equality.
    fn answer(
        &self,
        first: &Expression,
        operands: &[Operand],
        scope: Scope<'_, 't>,
    ) -> Result<Option<bool>, PathError> {
        if let [Operand { operator, column, right }] = operands
            && operator.is_equality()
        {
            self.count(2, *column)?;
            let equal = self.are_equal(first, right, scope, *column)?;
            return Ok(equal.map(|equal| equal == (*operator == Operator::Equal)));
        }
        let Some(Operand { operator, column, .. }) = operands.first() else { return Ok(None) };
        let mut left = self.truth_of(first, scope, *column, operator.shown())?;
        for Operand { operator, column, right } in operands {
            self.count(1, *column)?;
            left = match decided(*operator, left) {
                Some(answer) => Some(answer),
                None => {
                    let right = self.truth_of(right, scope, *column, operator.shown())?;
                    combined(*operator, left, right)
                }
            };
        }
        Ok(left)
    }

    /// What an expression says as a condition; `None` where it gives nothing. A single value that is no boolean is true,
    /// as it is there.
    ///
    /// <https://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections>
    ///
    /// # Errors
    ///
    /// Those of the expression; it gives several values. The message names `taker`, the operator or function that takes one.
    pub(super) fn truth_of(
        &self,
        expression: &Expression,
        scope: Scope<'_, 't>,
        column: usize,
        taker: &str,
    ) -> Result<Option<bool>, PathError> {
        if let Expression::Operation(first, operands) = expression
            && operands.iter().all(|operand| operand.operator.is_logical())
        {
            return self.answer(first, operands, scope);
        }
        let found = self.found(expression, scope)?;
        match found.count {
            0 | 1 => Ok(found.first.map(|node| match node.value() {
                Value::Boolean(value) => value,
                _ => true,
            })),
            count => Err(several(count, column, taker)),
        }
    }

    /// True where a condition is met; one without an answer is not.
    pub(super) fn meets(
        &self,
        condition: Option<&Expression>,
        scope: Scope<'_, 't>,
        column: usize,
    ) -> Result<bool, PathError> {
        let Some(condition) = condition else { return Ok(false) };
        Ok(self.truth_of(condition, scope, column, "a condition")? == Some(true))
    }

    /// True where two expressions give equal values in the same order; `None` where that is unknown, and where one gives
    /// nothing.
    fn are_equal(
        &self,
        left: &Expression,
        right: &Expression,
        scope: Scope<'_, 't>,
        column: usize,
    ) -> Result<Option<bool>, PathError> {
        let (left, right) = (self.of(left, scope)?, self.of(right, scope)?);
        self.count(left.len() + right.len(), column)?;
        Ok(equal(&left, &right))
    }

    /// Evaluates an expression of which only a single value is wanted.
    fn found(
        &self,
        expression: &Expression,
        scope: Scope<'_, 't>,
    ) -> Result<FirstValue<'t>, PathError> {
        let mut found = FirstValue { first: None, count: 0 };
        let _ = self.each(expression, scope, &mut |node| {
            found.count += 1;
            if found.count == 1 {
                found.first = Some(node);
            }
            GO_ON
        })?;
        Ok(found)
    }
}
