//! What an evaluation is given: the resource, where paths begin in it, and the values of constants.

use std::cell::Cell;

use super::error::PathError;
use super::item::Item;
use super::node::{Element, Node};
use crate::fhir::json::Tree;

/// What an expression is evaluated for. One context serves any number of expressions.
#[derive(Clone, Debug)]
pub struct PathContext<'c, 't> {
    pub(super) resource: Element<'t>,
    pub(super) focus: Node<'t>,
    pub(super) constants: &'c [PathConstant<'t>],
    pub(super) row_index: i64,
    pub(super) steps_left: Option<&'c Cell<usize>>,
}

/// A value that expressions call `%name`.
#[derive(Clone, Debug)]
pub struct PathConstant<'t> {
    name: &'t str,
    value: Node<'t>,
}

impl<'t> PathConstant<'t> {
    /// A constant of a name, without `%`.
    pub fn new(name: &'t str, value: &Item<'t>) -> PathConstant<'t> {
        PathConstant { name, value: Node::from_item(value) }
    }

    /// True for the name of the constant.
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name
    }
}

impl<'c, 't> PathContext<'c, 't> {
    /// A whole resource, without constants. `%rowIndex` is 0.
    pub fn of(resource: &'t Tree<'t>) -> PathContext<'c, 't> {
        let resource = Element::of_resource(resource);
        let focus = Node::Element(resource);
        PathContext { resource, focus, constants: &[], row_index: 0, steps_left: None }
    }

    /// The same with an item of the resource as the focus, from which paths begin. `%resource` and
    /// contained resources stay those of the whole resource.
    pub fn at(self, focus: Item<'t>) -> PathContext<'c, 't> {
        PathContext { focus: Node::from_item(&focus), ..self }
    }

    /// The same with the values of `%name`.
    pub fn with_constants(self, constants: &'c [PathConstant<'t>]) -> PathContext<'c, 't> {
        PathContext { constants, ..self }
    }

    /// The same with the steps that all evaluations may take together. Without it each has its own.
    pub fn with_steps(self, steps_left: &'c Cell<usize>) -> PathContext<'c, 't> {
        PathContext { steps_left: Some(steps_left), ..self }
    }

    /// The same with the value of `%rowIndex`.
    pub fn with_row_index(self, row_index: i64) -> PathContext<'c, 't> {
        PathContext { row_index, ..self }
    }

    /// The value of a constant that stands at a column of an expression.
    pub(super) fn constant(&self, name: &str, column: usize) -> Result<&'c Node<'t>, PathError> {
        let known = self.constants.iter().find(|known| known.is_named(name));
        let none = || PathError::new(column, format!("there is no constant `%{name}`"));
        known.map(|known| &known.value).ok_or_else(none)
    }
}
