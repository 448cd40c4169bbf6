//! Plain paths: they only go from element to element, and are evaluated without lists between their steps.
//!
//! `name.family`, `code.coding.code.first()`, `value.ofType(Quantity).value`, `subject.getReferenceKey()`: most
//! columns of views and many search parameters are such. They give what `evaluate.rs` gives for them.

use std::ops::ControlFlow;

use super::evaluate::{Evaluation, reference_key};
use super::function::Function;
use super::functions::resource_key;
use super::navigate::{Flow, for_each_child};
use super::node::Node;
use super::syntax::{Action, Expression, Literal, Step};

/// The most steps of a plain path: each is a call within the one before.
const MOST_STEPS: usize = 32;

/// The steps of a plain path; `None` for any other expression.
pub fn plain_steps(expression: &Expression) -> Option<&[Step]> {
    let Expression::Path(start, steps) = expression else { return None };
    let is_plain = |step: &Step| match &step.action {
        Action::Member(_) | Action::OfType(_) | Action::ReferenceKey(_) => true,
        Action::Call(Function::ResourceKey, _) => true,
        _ => place(step).is_some(),
    };
    let begins_plain = matches!(**start, Expression::This | Expression::Context);
    (begins_plain && steps.len() <= MOST_STEPS && steps.iter().all(is_plain)).then_some(steps)
}

/// The place that a step takes: `first()`, `[2]`.
fn place(step: &Step) -> Option<usize> {
    match &step.action {
        Action::Call(Function::First, _) => Some(0),
        Action::At(Expression::Literal(Literal::Integer(place))) => usize::try_from(*place).ok(),
        _ => None,
    }
}

impl<'t> Evaluation<'_, '_, 't> {
    /// Calls `each` with what the steps of a plain path find from a value, until it breaks off.
    ///
    /// # Errors
    ///
    /// Those of `each`; the evaluation takes too many steps.
    pub fn walk(
        &self,
        steps: &[Step],
        from: Node<'t>,
        each: &mut dyn FnMut(Node<'t>) -> Flow,
    ) -> Flow {
        let mut from = from;
        let mut rest = steps;
        while let Some((at, place)) =
            rest.iter().enumerate().find_map(|(at, step)| Some((at, place(step)?)))
        {
            let (mut before, mut found) = (place, None);
            let _ = self.walk_on(&rest[..at], from, &mut |node| {
                if before > 0 {
                    before -= 1;
                    return Ok(ControlFlow::Continue(()));
                }
                found = Some(node);
                Ok(ControlFlow::Break(()))
            })?;
            let Some(node) = found else { return Ok(ControlFlow::Continue(())) };
            (from, rest) = (node, &rest[at + 1..]);
        }
        self.walk_on(rest, from, each)
    }

    /// The same for steps that take each value for itself.
    fn walk_on(
        &self,
        steps: &[Step],
        from: Node<'t>,
        each: &mut dyn FnMut(Node<'t>) -> Flow,
    ) -> Flow {
        let Some((step, rest)) = steps.split_first() else { return each(from) };
        // What is looked at, and the step, as other paths count them.
        self.count(2, step.column)?;
        let next = match &step.action {
            Action::Member(member) => {
                return for_each_child(&from, member, &mut |child| self.walk_on(rest, child, each));
            }
            Action::OfType(wanted) => from.is_of(wanted).then_some(from),
            Action::ReferenceKey(wanted) => reference_key(&from, wanted.as_ref()),
            // The only call of a value by itself that a plain path has.
            _ => resource_key(&from),
        };
        match next {
            Some(next) => self.walk_on(rest, next, each),
            None => Ok(ControlFlow::Continue(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Item, Path, PathContext, parser};
    use super::*;
    use crate::fhir::json::Tree;

    const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"a","status":"final","code":{"coding":[{"code":"a"},{"display":"b"},{"code":"c","_code":{"extension":[{"url":"u","valueString":"x"}]}}]},
        "category":[{"coding":[{"code":"1"},{"code":"2"}]},{},{"coding":[{"code":"3"}]}],"valueQuantity":{"value":1.50,"unit":"kg"},"subject":{"reference":"Patient/p"},
        "performer":[{"reference":"Practitioner/a"},{"reference":"https://example.org/fhir/Organization/b"},{"display":"c"}],"effectiveDateTime":"2020-01-01","_issued":{"id":"i"},
        "contained":[{"resourceType":"Patient","id":"p"}]}"#;

    #[test]
    fn plain_paths_give_what_all_paths_give() {
        let tree = Tree::parse(OBSERVATION).unwrap();
        let context = PathContext::of(&tree);
        for path in [
            "id",
            "Observation.id",
            "Patient.id",
            "code.coding.code",
            "code.coding.code.first()",
            "code.coding.code[1]",
            "code.coding.code[7]",
            "code.coding[1].display",
            "code.coding.code.extension.value.ofType(string)",
            "category.coding.code",
            "category.first().coding.code.first()",
            "category[2].coding.first().code",
            "value",
            "value.ofType(Quantity).value",
            "value.ofType(string)",
            "effective.ofType(dateTime)",
            "issued.id",
            "subject.getReferenceKey(Patient)",
            "subject.getReferenceKey(Group)",
            "performer.getReferenceKey()",
            "performer.getReferenceKey().first()",
            "contained.getResourceKey()",
            "getResourceKey()",
            "contained.ofType(Patient).id",
            "nothing.at.all",
        ] {
            let (expression, _) = parser::parse(path).unwrap();
            assert!(plain_steps(&expression).is_some(), "{path}");
            let nodes = Evaluation::new(&context).of_whole(&expression).unwrap();
            let wanted: Vec<Item<'_>> = nodes.into_iter().filter_map(Node::into_item).collect();
            assert_eq!(Path::parse(path).unwrap().evaluate(&context).unwrap(), wanted, "{path}");
        }
        for path in
            ["code.coding.where(code = 'a').code", "1 + 1", "$this.id | status", "code.exists()"]
        {
            assert!(plain_steps(&parser::parse(path).unwrap().0).is_none(), "{path}");
        }
    }
}
