//! What an evaluation is given: the resource, where paths begin in it, and the values of constants.

use super::item::Item;
use super::node::{Element, Node};
use crate::fhir::json::Tree;

/// What an expression is evaluated for. One context serves any number of expressions.
#[derive(Clone, Debug)]
pub struct PathContext<'c, 't> {
    pub(super) resource: Element<'t>,
    pub(super) focus: Node<'t>,
    pub(super) constants: &'c [(&'c str, Item<'t>)],
    pub(super) row_index: i64,
}

impl<'c, 't> PathContext<'c, 't> {
    /// A whole resource, without constants. `%rowIndex` is 0.
    pub fn of(resource: &'t Tree<'t>) -> PathContext<'c, 't> {
        let resource = Element::of_resource(resource);
        PathContext { resource, focus: Node::Element(resource), constants: &[], row_index: 0 }
    }

    /// The same with an item of the resource as the focus, from which paths begin. `%resource` and
    /// contained resources stay those of the whole resource.
    pub fn at(self, focus: Item<'t>) -> PathContext<'c, 't> {
        PathContext { focus: Node::from_item(&focus), ..self }
    }

    /// The same with the values of `%name`.
    pub fn with_constants(self, constants: &'c [(&'c str, Item<'t>)]) -> PathContext<'c, 't> {
        PathContext { constants, ..self }
    }

    /// The same with the value of `%rowIndex`.
    pub fn with_row_index(self, row_index: i64) -> PathContext<'c, 't> {
        PathContext { row_index, ..self }
    }
}
