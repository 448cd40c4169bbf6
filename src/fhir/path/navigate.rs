//! From a value to its elements, as FHIR writes them in JSON.
//!
//! <https://hl7.org/fhir/R4/json.html>: elements that repeat are lists, the extensions of a primitive
//! value stand in a member beside it (`_birthDate`), and the name of a choice element ends in its
//! type (`valueQuantity`).

use std::ops::ControlFlow;

use super::error::PathError;
use super::node::{Element, ElementOf, Node, type_of_resource};
use super::syntax::Member;
use super::types::{ElementType, Type};
use crate::fhir::json::Tree;

/// The value of an element that has extensions alone.
static NO_VALUE: Tree<'static> = Tree::Null;

/// Whether more values are wanted; or why there are none.
pub type Flow = Result<ControlFlow<()>, PathError>;

/// More values are wanted.
pub const GO_ON: Flow = Ok(ControlFlow::Continue(()));

/// Adds the elements of a name that a value has.
pub fn navigate<'t>(node: &Node<'t>, member: &Member, found: &mut Vec<Node<'t>>) {
    // This fails only where what it calls does.
    let _ = for_each_child(node, member, &mut |child| {
        found.push(child);
        GO_ON
    });
}

/// Calls `each` with the elements of a name that a value has, until it breaks off.
///
/// # Errors
///
/// Those of `each`.
pub fn for_each_child<'t>(
    node: &Node<'t>,
    member: &Member,
    each: &mut dyn FnMut(Node<'t>) -> Flow,
) -> Flow {
    let Node::Element(element) = node else { return GO_ON };
    if member.named_type.as_ref().is_some_and(|named| node.is_of(named)) {
        return each(node.clone());
    }
    let declared = match (element.of, member.element) {
        (ElementOf::Type(of), Some(name)) => of.element(name),
        _ => None,
    };
    let is_choice = match declared {
        Some(declared) => declared == ElementType::Choice,
        None => member.is_choice_stem,
    };
    // A primitive value has its id and its extensions in the object beside it.
    let object = match (element.tree, element.sibling) {
        (Tree::Object(_), _) => element.tree,
        (_, Some(sibling)) if matches!(member.name.as_str(), "id" | "extension") => sibling,
        _ => return GO_ON,
    };
    let (mut value, mut sibling, mut of) = (None, None, None);
    let first = member.name.as_bytes().first();
    for (name, tree) in object.members() {
        let is_sibling = name.starts_with('_');
        let name = if is_sibling { &name[1..] } else { name };
        // The first character tells most names apart.
        if name.as_bytes().first() != first {
            continue;
        }
        let Some(rest) = name.strip_prefix(member.name.as_str()) else { continue };
        let choice = match rest {
            "" => None,
            _ if !is_choice => continue,
            suffix => match Type::of_suffix(suffix) {
                None => continue,
                of => of,
            },
        };
        // The last member of a name counts; a choice element is of one type.
        of = choice;
        match is_sibling {
            true => sibling = Some(tree),
            false => value = Some(tree),
        }
    }
    let of = of.or(match declared {
        Some(ElementType::One(of)) => Some(of),
        _ => None,
    });
    each_value(value, sibling, of, each)
}

/// Calls `each` with the values of an element, each with what stands beside it.
fn each_value<'t>(
    value: Option<&'t Tree<'t>>,
    sibling: Option<&'t Tree<'t>>,
    of: Option<Type>,
    each: &mut dyn FnMut(Node<'t>) -> Flow,
) -> Flow {
    let values = value.map(Tree::values).unwrap_or_default();
    let siblings = sibling.map(Tree::values).unwrap_or_default();
    for at in 0..values.len().max(siblings.len()) {
        // A null stands for what the other list has at this place.
        let sibling = siblings.get(at).filter(|sibling| matches!(sibling, Tree::Object(_)));
        let tree = values.get(at).unwrap_or(&NO_VALUE);
        if !matches!(tree, Tree::Null) || sibling.is_some() {
            let child = Node::Element(Element { tree, sibling, of: of_child(tree, of) });
            if each(child)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    GO_ON
}

/// The type of an element: that of its definition, or that which a resource names itself.
fn of_child<'t>(tree: &'t Tree<'t>, declared: Option<Type>) -> ElementOf<'t> {
    match declared {
        Some(of) if !of.is_any_resource() => ElementOf::Type(of),
        _ => type_of_resource(tree).or(declared.map(ElementOf::Type)).unwrap_or(ElementOf::Unknown),
    }
}
