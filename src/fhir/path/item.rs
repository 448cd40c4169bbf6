//! What an evaluation finds.

use std::borrow::Cow;

use super::decimal::Decimal;
use super::temporal::TemporalKind;
use crate::fhir::json::Tree;

/// A value that an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Item<'t> {
    /// A value found in the resource.
    Element {
        /// The value; [`Tree::Null`] for an element that has extensions alone.
        tree: &'t Tree<'t>,
        /// The object that has the id and the extensions of a primitive value: that of `_birthDate`.
        sibling: Option<&'t Tree<'t>>,
        /// The name of its type where that is known: `Patient`, `dateTime`, and for a part of a
        /// type that has no name of its own its path, `Patient.contact`.
        type_name: Option<Cow<'static, str>>,
    },
    /// A computed value that is true or false.
    Boolean(bool),
    /// A computed whole number.
    Integer(i64),
    /// A computed decimal.
    Decimal(Decimal),
    /// A computed text.
    Text(Cow<'t, str>),
    /// A computed date, dateTime or time, as FHIR writes it.
    Temporal(TemporalKind, Cow<'t, str>),
}

impl<'t> Item<'t> {
    /// A resource, or an element whose type is not known.
    #[cfg(test)]
    pub fn of(tree: &'t Tree<'t>) -> Item<'t> {
        Item::Element { tree, sibling: None, type_name: None }
    }

    /// An element of a type: a constant of a view, `valueDate`.
    pub fn of_type(tree: &'t Tree<'t>, type_name: impl Into<Cow<'static, str>>) -> Item<'t> {
        Item::Element { tree, sibling: None, type_name: Some(type_name.into()) }
    }
}
