//! The values that an evaluation works with, and how FHIRPath sees them.
//!
//! <https://hl7.org/fhir/R4/fhirpath.html#types>: an element of a primitive type acts as the value it
//! has.

use std::borrow::Cow;

use super::decimal::Decimal;
use super::item::Item;
use super::syntax::{SystemType, TypeName};
use super::temporal::TemporalKind;
use super::types::{Primitive, Type};
use crate::fhir::json::Tree;

/// A value of a collection.
#[derive(Clone, Debug)]
pub enum Node<'t> {
    Element(Element<'t>),
    /// A resource that a reference names and that is not at hand: only its type is known.
    Target(&'t str),
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    Text(Cow<'t, str>),
    Temporal(TemporalKind, Cow<'t, str>),
}

/// A value found in the tree.
#[derive(Clone, Copy, Debug)]
pub struct Element<'t> {
    pub tree: &'t Tree<'t>,
    /// The object that has the id and the extensions of a primitive value.
    pub sibling: Option<&'t Tree<'t>>,
    pub of: ElementOf<'t>,
}

/// What is known of an element's type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ElementOf<'t> {
    Type(Type),
    /// A resource type that R4 does not define.
    Resource(&'t str),
    Unknown,
}

/// A value as FHIRPath computes with it.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    Boolean(bool),
    Integer(i64),
    Decimal(Cow<'a, Decimal>),
    Text(&'a str),
    Temporal(TemporalKind, &'a str),
    /// An object.
    Object(&'a Tree<'a>),
    /// An element that has no value, only extensions; or a resource that is not at hand.
    Nothing,
}

impl<'t> Node<'t> {
    /// A value that whoever asks for the evaluation gives.
    pub fn from_item(item: &Item<'t>) -> Node<'t> {
        match item {
            Item::Element { tree, sibling, type_name } => {
                let of = type_name.as_deref().and_then(Type::named).map(ElementOf::Type);
                let of = of.or_else(|| type_of_resource(tree)).unwrap_or(ElementOf::Unknown);
                Node::Element(Element { tree, sibling: *sibling, of })
            }
            Item::Boolean(value) => Node::Boolean(*value),
            Item::Integer(value) => Node::Integer(*value),
            Item::Decimal(value) => Node::Decimal(value.clone()),
            Item::Text(value) => Node::Text(value.clone()),
            Item::Temporal(kind, value) => Node::Temporal(*kind, value.clone()),
        }
    }

    /// The value as a result; `None` for a resource that is not at hand.
    pub fn into_item(self) -> Option<Item<'t>> {
        Some(match self {
            Node::Element(Element { tree, sibling, of }) => {
                let type_name = match of {
                    ElementOf::Type(of) => Some(Cow::Borrowed(of.name())),
                    ElementOf::Resource(name) => Some(Cow::Owned(name.to_owned())),
                    ElementOf::Unknown => None,
                };
                Item::Element { tree, sibling, type_name }
            }
            Node::Target(_) => return None,
            Node::Boolean(value) => Item::Boolean(value),
            Node::Integer(value) => Item::Integer(value),
            Node::Decimal(value) => Item::Decimal(value),
            Node::Text(value) => Item::Text(value),
            Node::Temporal(kind, value) => Item::Temporal(kind, value),
        })
    }

    /// The value as FHIRPath computes with it.
    pub fn value(&self) -> Value<'_> {
        match self {
            Node::Element(element) => element.value(),
            Node::Target(_) => Value::Nothing,
            Node::Boolean(value) => Value::Boolean(*value),
            Node::Integer(value) => Value::Integer(*value),
            Node::Decimal(value) => Value::Decimal(Cow::Borrowed(value)),
            Node::Text(value) => Value::Text(value),
            Node::Temporal(kind, value) => Value::Temporal(*kind, value),
        }
    }

    /// True where the value is of a type, or of one that specializes it.
    pub fn is_of(&self, wanted: &TypeName) -> bool {
        match (self, wanted) {
            (Node::Element(element), TypeName::Fhir(wanted)) => element.is_of(*wanted),
            (Node::Element(element), TypeName::Resource(wanted)) => {
                matches!(element.of, ElementOf::Resource(name) if name == wanted)
            }
            (Node::Element(_), TypeName::System(_)) => false,
            // Most are of the very type.
            (Node::Target(name), TypeName::Fhir(wanted)) if *name == wanted.name() => true,
            (Node::Target(name), TypeName::Fhir(wanted)) => {
                Type::named(name).map_or(wanted.is_any_resource(), |of| of.is(*wanted))
            }
            (Node::Target(name), TypeName::Resource(wanted)) => name == wanted,
            (_, TypeName::System(wanted)) => self.system_type() == Some(*wanted),
            _ => false,
        }
    }

    /// The type of a value that is no element.
    fn system_type(&self) -> Option<SystemType> {
        Some(match self {
            Node::Element(_) | Node::Target(_) => return None,
            Node::Boolean(_) => SystemType::Boolean,
            Node::Integer(_) => SystemType::Integer,
            Node::Decimal(_) => SystemType::Decimal,
            Node::Text(_) => SystemType::String,
            Node::Temporal(TemporalKind::Date, _) => SystemType::Date,
            Node::Temporal(TemporalKind::DateTime, _) => SystemType::DateTime,
            Node::Temporal(TemporalKind::Time, _) => SystemType::Time,
        })
    }
}

impl<'t> Element<'t> {
    /// A resource, of the type that it names itself.
    pub fn of_resource(tree: &'t Tree<'t>) -> Element<'t> {
        let of = type_of_resource(tree).unwrap_or(ElementOf::Unknown);
        Element { tree, sibling: None, of }
    }

    /// The value of a primitive element, or the object.
    pub fn value(&self) -> Value<'t> {
        let primitive = match self.of {
            ElementOf::Type(of) => of.primitive(),
            _ => None,
        };
        match self.tree {
            Tree::Null => Value::Nothing,
            Tree::Bool(value) => Value::Boolean(*value),
            Tree::Number(lexeme) => number(lexeme, primitive),
            Tree::Text(text) => match primitive {
                Some(Primitive::Date) => Value::Temporal(TemporalKind::Date, text),
                Some(Primitive::DateTime) => Value::Temporal(TemporalKind::DateTime, text),
                Some(Primitive::Time) => Value::Temporal(TemporalKind::Time, text),
                _ => Value::Text(text),
            },
            tree => Value::Object(tree),
        }
    }

    /// True where the element is of a type. An element whose type is not known is of each primitive
    /// type whose form its value has.
    fn is_of(&self, wanted: Type) -> bool {
        let primitive = match self.of {
            ElementOf::Type(of) => return of.is(wanted),
            ElementOf::Resource(_) => return wanted.is_any_resource(),
            ElementOf::Unknown => wanted.primitive(),
        };
        match (self.value(), primitive) {
            (Value::Boolean(_), Some(Primitive::Boolean))
            | (Value::Integer(_), Some(Primitive::Integer | Primitive::Decimal))
            | (Value::Decimal(_), Some(Primitive::Decimal))
            | (Value::Text(_), Some(Primitive::Text)) => true,
            (Value::Text(text), Some(primitive)) => {
                let kind = TemporalKind::of_form(text);
                match primitive {
                    Primitive::Date => kind == Some(TemporalKind::Date),
                    Primitive::DateTime => {
                        matches!(kind, Some(TemporalKind::Date | TemporalKind::DateTime))
                    }
                    Primitive::Time => kind == Some(TemporalKind::Time),
                    _ => false,
                }
            }
            _ => false,
        }
    }
}

/// The value of a number in JSON.
fn number<'t>(lexeme: &'t str, primitive: Option<Primitive>) -> Value<'t> {
    let is_decimal = primitive == Some(Primitive::Decimal);
    let integer = if is_decimal { None } else { lexeme.parse().ok().map(Value::Integer) };
    let decimal = || Decimal::parse(lexeme).map(|decimal| Value::Decimal(Cow::Owned(decimal)));
    // A number whose exponent has no place in 32 bits.
    integer.or_else(decimal).unwrap_or(Value::Text(lexeme))
}

/// The type that a resource names itself; `None` for what is no resource.
pub fn type_of_resource<'t>(tree: &'t Tree<'t>) -> Option<ElementOf<'t>> {
    let name = tree.get("resourceType")?.as_text()?;
    Some(Type::named(name).map_or(ElementOf::Resource(name), ElementOf::Type))
}
