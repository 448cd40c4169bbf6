//! What steps do with all values together, and with none.

use super::super::function::Function;
use super::super::syntax::{Action, Expression, Literal, Operand, Operator, Step};
use super::program::{SlotProgram, SlotTest};

/// A step that looks at all values together, behind all others.
pub(super) enum LastStep {
    First,
    Exists,
    Empty,
    Not,
    Count,
}

impl LastStep {
    /// A step as such a one.
    pub(super) fn of(step: &Step) -> Option<LastStep> {
        match &step.action {
            _ if is_first(step) => Some(LastStep::First),
            Action::Call(Function::Exists, arguments) if arguments.is_empty() => {
                Some(LastStep::Exists)
            }
            Action::Call(Function::Empty, _) => Some(LastStep::Empty),
            Action::Call(Function::Not, _) => Some(LastStep::Not),
            Action::Call(Function::Count, _) => Some(LastStep::Count),
            _ => None,
        }
    }

    /// The step behind a program.
    pub(super) fn of_program(&self, program: SlotProgram) -> Option<SlotProgram> {
        let truth = |test| Some(SlotProgram::Truth(Box::new(test)));
        match (self, program) {
            (LastStep::First, program) => Some(SlotProgram::First(Box::new(program))),
            (LastStep::Exists, program) => truth(SlotTest::Exists(program)),
            (LastStep::Empty, program) => truth(SlotTest::Not(Box::new(SlotTest::Exists(program)))),
            (LastStep::Not, SlotProgram::Truth(test)) => truth(SlotTest::Not(test)),
            (LastStep::Count, SlotProgram::Slot(place)) => Some(SlotProgram::Count(place)),
            (LastStep::Not | LastStep::Count, _) => None,
        }
    }
}

/// True for `first()` and `[0]`.
pub(super) fn is_first(step: &Step) -> bool {
    match &step.action {
        Action::Call(Function::First, _) => true,
        Action::At(Expression::Literal(Literal::Integer(place))) => *place == 0,
        _ => false,
    }
}

/// True for operators that are all the same one.
pub(super) fn are_all(operands: &[Operand], operator: Operator) -> bool {
    operands.iter().all(|operand| operand.operator == operator)
}

/// True for a step that gives nothing of nothing, whatever its arguments are.
pub(super) fn gives_nothing_of_nothing(step: &Step) -> bool {
    match &step.action {
        Action::Member(_) | Action::OfType(_) | Action::ReferenceKey(_) | Action::Is(_) => true,
        Action::At(place) => matches!(place, Expression::Literal(Literal::Integer(_))),
        Action::Call(function, arguments) => match function {
            Function::Distinct
            | Function::First
            | Function::Last
            | Function::Length
            | Function::Lower
            | Function::Resolve
            | Function::ResourceKey
            | Function::Select
            | Function::Single
            | Function::Tail
            | Function::ToString
            | Function::Upper
            | Function::Where => true,
            Function::Extension => {
                matches!(arguments[..], [Expression::Literal(Literal::Text(_))])
            }
            _ => false,
        },
    }
}
