//! From an expression to a program over slots, for expressions that views are mostly made of.
//!
//! A program says what the evaluator says, or that the resource is unusual. What it cannot work out for a value it leaves
//! to the evaluator wherever there is such a value; without one, such steps give nothing.

use std::sync::LazyLock;

use super::super::function::Function;
use super::super::syntax::{
    Action, Expression, Literal, Member, Operand, Operator, Step, TypeName,
};
use super::super::types::{Primitive, Type};
use super::program::{EachProgram, SlotProgram, SlotTest};
use super::slot_tree::{SlotId, SlotStep, SlotTree};
use super::step::{LastStep, are_all, gives_nothing_of_nothing, is_first};

/// Gives the text of a constant whose type is one of texts.
pub type QuickConstants<'c> = dyn Fn(&str) -> Option<String> + 'c;

/// `first()`.
static FIRST: LazyLock<Step> =
    LazyLock::new(|| Step::new(Action::Call(Function::First, Vec::new()), 0));
/// How deep lists nest.
const DEEPEST_LIST: usize = 2;
/// How deep parts of expressions nest.
const DEEPEST_PART: usize = 100;
/// The most parts of an expression that are looked at. Some are looked at twice, and those within them four times.
const MOST_PARTS: usize = 5000;

/// Makes programs.
pub(super) struct Compiler<'a> {
    tree: &'a mut SlotTree,
    constants: &'a QuickConstants<'a>,
    base: ProgramBase,
    lists: usize,
    depth: usize,
    parts_left: usize,
}

/// What an expression can look at but the value that it is evaluated for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProgramBase {
    /// Where `%resource` stands.
    pub(super) resource: Option<SlotId>,
    /// Where `%context` stands.
    pub(super) context: Option<SlotId>,
    /// True where `%rowIndex` is the place of the value in its list.
    pub(super) has_row_index: bool,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(
        tree: &'a mut SlotTree,
        constants: &'a QuickConstants<'a>,
        base: ProgramBase,
    ) -> Compiler<'a> {
        Compiler { tree, constants, base, lists: 0, depth: 0, parts_left: MOST_PARTS }
    }
}

impl Compiler<'_> {
    /// Goes into a part of an expression. `None` where there are too many of them.
    fn within<T>(&mut self, make: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.parts_left = self.parts_left.checked_sub(1)?;
        if self.depth == DEEPEST_PART {
            return None;
        }
        self.depth += 1;
        let made = make(self);
        self.depth -= 1;
        made
    }

    /// The program of an expression that is evaluated for what stands at a place. `None` where there is none.
    pub(super) fn program(&mut self, expression: &Expression, this: SlotId) -> Option<SlotProgram> {
        self.path(expression, &[], this)
    }

    /// The place of the one thing that a program gives.
    pub(super) fn place_of(&mut self, program: &SlotProgram) -> Option<SlotId> {
        match program {
            SlotProgram::Slot(place) => Some(*place),
            SlotProgram::First(inner) => {
                let place = self.place_of(inner)?;
                self.tree.first(place)
            }
            SlotProgram::Where { then, .. } => self.place_of(then),
            _ => None,
        }
    }

    /// The program of an expression with some steps behind it.
    fn path(&mut self, start: &Expression, steps: &[&Step], this: SlotId) -> Option<SlotProgram> {
        self.within(|compiler| compiler.path_within(start, steps, this))
    }

    fn path_within(
        &mut self,
        start: &Expression,
        steps: &[&Step],
        this: SlotId,
    ) -> Option<SlotProgram> {
        if let Some((last, before)) = steps.split_last()
            && let Some(last) = LastStep::of(last)
        {
            let program = self.path(start, before, this)?;
            return last.of_program(program);
        }
        match start {
            Expression::Path(start, first) => {
                let steps: Vec<_> = first.iter().chain(steps.iter().copied()).collect();
                self.path(start, &steps, this)
            }
            Expression::This => match steps {
                // What the expression is evaluated for is one value.
                [Step { action: Action::Call(Function::If, arguments), .. }] => {
                    self.choice(arguments, this)
                }
                _ => self.steps(this, steps),
            },
            Expression::Context => self.steps(self.base.context?, steps),
            Expression::Resource => self.steps(self.base.resource?, steps),
            Expression::RowIndex if self.base.has_row_index && steps.is_empty() => {
                Some(SlotProgram::RowIndex(0))
            }
            Expression::Operation(first, operands) if are_all(operands, Operator::Union) => {
                self.union(first, operands, steps, this)
            }
            Expression::Operation(first, operands) if steps.is_empty() && is_sum(operands) => {
                match (self.path(first, &[], this)?, &operands[..]) {
                    (
                        SlotProgram::RowIndex(0),
                        [Operand { right: Expression::Literal(Literal::Integer(more)), .. }],
                    ) => Some(SlotProgram::RowIndex(*more)),
                    _ => None,
                }
            }
            Expression::Operation(..) if steps.is_empty() => {
                self.test(start, this).map(|test| SlotProgram::Truth(Box::new(test)))
            }
            Expression::Literal(Literal::Empty) if steps.is_empty() => Some(SlotProgram::Nothing),
            _ => None,
        }
    }

    /// The program of `(first | …)` with some steps behind it.
    fn union(
        &mut self,
        first: &Expression,
        operands: &[Operand],
        steps: &[&Step],
        this: SlotId,
    ) -> Option<SlotProgram> {
        let all = || std::iter::once(first).chain(operands.iter().map(|operand| &operand.right));
        let (is_first, steps) = match steps.split_first() {
            Some((step, rest)) if is_first(step) => (true, rest),
            _ => (false, steps),
        };
        if is_first {
            // What there is of the first one that has a value; all of them are looked at if they may fail.
            if !all().all(Expression::is_sure) {
                return None;
            }
            let mut program = SlotProgram::Nothing;
            for one in all().collect::<Vec<_>>().into_iter().rev() {
                let there = SlotTest::Exists(self.program(one, this)?);
                let of_first: Vec<_> =
                    std::iter::once(&*FIRST).chain(steps.iter().copied()).collect();
                let then = self.path(one, &of_first, this)?;
                program = SlotProgram::If(Box::new(there), Box::new(then), Box::new(program));
            }
            return Some(program);
        }
        // Other steps look at the values of all of them together.
        if !steps.iter().all(|step| step.is_for_each) {
            return None;
        }
        let are_sure = steps.iter().all(|step| step.is_sure);
        let mut programs = Vec::new();
        for one in all() {
            let is_sure = are_sure && one.is_sure();
            programs.push((self.path(one, steps, this)?, is_sure));
        }
        Some(SlotProgram::Either(programs))
    }

    /// The program of `iif` with its arguments.
    fn choice(&mut self, arguments: &[Expression], this: SlotId) -> Option<SlotProgram> {
        let [condition, then, otherwise @ ..] = arguments else { return None };
        let test = self.test(condition, this)?;
        let then = self.program(then, this)?;
        let otherwise = match otherwise.first() {
            Some(otherwise) => self.program(otherwise, this)?,
            None => SlotProgram::Nothing,
        };
        Some(SlotProgram::If(Box::new(test), Box::new(then), Box::new(otherwise)))
    }

    /// The program of some steps from a place; the last of them looks at each value by itself.
    fn steps(&mut self, place: SlotId, steps: &[&Step]) -> Option<SlotProgram> {
        self.within(|compiler| compiler.steps_within(place, steps))
    }

    fn steps_within(&mut self, place: SlotId, steps: &[&Step]) -> Option<SlotProgram> {
        let Some((step, rest)) = steps.split_first() else { return Some(SlotProgram::Slot(place)) };
        match &step.action {
            Action::Member(Member { named_type: Some(TypeName::Fhir(named)), .. })
                if self.tree.type_at(place).is_some_and(|of| of.is(*named)) =>
            {
                self.steps(place, rest)
            }
            Action::Member(_) if self.tree.type_at(place).is_none() => {
                Some(SlotProgram::Unless(place))
            }
            Action::Member(member) => {
                let element = self.tree.element(place, member)?;
                self.steps(element, rest)
            }
            Action::OfType(wanted) => self.of_type(place, wanted, rest),
            Action::ReferenceKey(wanted) if rest.is_empty() => {
                if self.tree.type_at(place) != Type::named("Reference") {
                    return Some(SlotProgram::Unless(place));
                }
                let text = self.tree.element(place, &Member::named("reference"))?;
                Some(SlotProgram::ReferenceKey { element: place, text, wanted: wanted.clone() })
            }
            Action::Call(Function::ResourceKey, _)
                if self.base.resource == Some(place) && rest.is_empty() =>
            {
                let id = self.tree.element(place, &Member::named("id"))?;
                Some(SlotProgram::ResourceKey { id })
            }
            _ if is_first(step) => {
                let first = self.tree.first(place)?;
                self.steps(first, rest)
            }
            Action::Call(Function::Where, arguments) => {
                self.condition(place, arguments.first()?, rest)
            }
            _ if gives_nothing_of_nothing(step)
                && rest.iter().all(|step| gives_nothing_of_nothing(step)) =>
            {
                Some(SlotProgram::Unless(place))
            }
            _ => None,
        }
    }

    /// The program of `where(condition)` and the steps behind it.
    fn condition(
        &mut self,
        base: SlotId,
        condition: &Expression,
        rest: &[&Step],
    ) -> Option<SlotProgram> {
        let first = self.tree.first(base)?;
        let Some(test) = self.test(condition, first) else {
            return Some(SlotProgram::Unless(base));
        };
        let (is_of_first, rest) = match rest.split_first() {
            Some((step, rest)) if is_first(step) => (true, rest),
            _ => (false, rest),
        };
        let (test, then) = (Box::new(test), Box::new(self.steps(first, rest)?));
        let each = if is_of_first { None } else { self.each(base, condition, rest) };
        let each = each.map(Box::new);
        Some(SlotProgram::Where { base, test, then, is_of_first, each })
    }

    /// The same for each of several values.
    fn each(
        &mut self,
        base: SlotId,
        condition: &Expression,
        rest: &[&Step],
    ) -> Option<EachProgram> {
        // Other steps look at what comes of all values together.
        if self.lists == DEEPEST_LIST || !rest.iter().all(|step| step.is_for_each) {
            return None;
        }
        let (constants, lists, depth) = (self.constants, self.lists + 1, self.depth);
        let parts_left = &mut self.parts_left;
        let (list, (test, then)) = self.tree.list(base, 2, |tree| {
            let base = ProgramBase::default();
            let mut inner =
                Compiler { tree, constants, base, lists, depth, parts_left: *parts_left };
            let test = inner.test(condition, SlotTree::ROOT);
            let then = inner.steps(SlotTree::ROOT, rest);
            *parts_left = inner.parts_left;
            test.zip(then)
        })?;
        Some(EachProgram { list, test, then })
    }

    /// The program of `ofType(wanted)` and the steps behind it.
    fn of_type(&mut self, place: SlotId, wanted: &TypeName, rest: &[&Step]) -> Option<SlotProgram> {
        let (of, is_choice) = match (&self.tree.places()[place].step, self.tree.type_at(place)) {
            (SlotStep::Choice(_, Some(_)), of) => (of, true),
            (_, of) => (of, false),
        };
        match (of, wanted) {
            (Some(of), TypeName::Fhir(wanted)) if of.is(*wanted) => self.steps(place, rest),
            // It may be of a type that specializes the one that is known.
            (Some(_), _) if is_choice => Some(SlotProgram::Unless(place)),
            (Some(_), _) => Some(SlotProgram::Nothing),
            (None, TypeName::Fhir(wanted)) => match self.tree.of_type(place, *wanted) {
                Some(place) => self.steps(place, rest),
                None => Some(SlotProgram::Unless(place)),
            },
            (None, _) => Some(SlotProgram::Unless(place)),
        }
    }

    /// The condition that an expression says for what stands at a place. None of them can fail.
    pub(super) fn test(&mut self, expression: &Expression, this: SlotId) -> Option<SlotTest> {
        match expression {
            Expression::Literal(Literal::Boolean(value)) => Some(SlotTest::Always(*value)),
            Expression::Operation(first, operands) => {
                if let [Operand { operator, right, .. }] = &operands[..]
                    && operator.is_equality()
                {
                    let equal = self.equal(first, right, this)?;
                    return Some(match operator {
                        Operator::Equal => equal,
                        _ => SlotTest::Not(Box::new(equal)),
                    });
                }
                let mut tests = vec![self.test(first, this)?];
                for operand in operands {
                    tests.push(self.test(&operand.right, this)?);
                }
                match operands.first()?.operator {
                    Operator::And if are_all(operands, Operator::And) => Some(SlotTest::All(tests)),
                    Operator::Or if are_all(operands, Operator::Or) => Some(SlotTest::Any(tests)),
                    _ => None,
                }
            }
            _ => match self.path(expression, &[], this)? {
                SlotProgram::Truth(test) => Some(*test),
                _ => None,
            },
        }
    }

    /// The condition that a path gives one text.
    fn equal(&mut self, left: &Expression, right: &Expression, this: SlotId) -> Option<SlotTest> {
        let wanted = match right {
            Expression::Literal(Literal::Text(text)) => text.clone(),
            Expression::Constant(constant) => (self.constants)(&constant.name)?,
            _ => return None,
        };
        let program = self.program(left, this)?;
        let place = self.place_of(&program)?;
        let primitive = self.tree.type_at(place)?.primitive();
        (primitive == Some(Primitive::Text)).then_some(SlotTest::Equal(program, wanted))
    }
}

/// True for one `+`.
fn is_sum(operands: &[Operand]) -> bool {
    matches!(operands, [Operand { operator: Operator::Add, .. }])
}
