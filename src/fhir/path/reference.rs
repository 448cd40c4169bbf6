//! Which resource a reference names, by its text alone.
//!
//! <https://hl7.org/fhir/R4/references.html#literal>: relative and absolute references, with and
//! without a version, and fragments that name a contained resource. `urn:uuid:` and searches name no
//! resource here, and nothing is fetched.

use super::node::{Element, Node};
use crate::fhir::json::Tree;
use crate::fhir::name::literal_reference;

/// The text of a reference: that of a Reference, or a URL itself.
pub fn text_of<'t>(node: &Node<'t>) -> Option<&'t str> {
    let Node::Element(element) = node else { return None };
    match element.tree {
        Tree::Text(text) => Some(text),
        tree => tree.get("reference")?.as_text(),
    }
}

/// The resource that a reference names: the contained one itself, or the type of one elsewhere.
pub fn resolve<'t>(node: &Node<'t>, resource: &'t Tree<'t>) -> Option<Node<'t>> {
    let text = text_of(node)?;
    let Some(fragment) = text.strip_prefix('#') else {
        return literal_reference(text).map(|(_, (type_name, _))| Node::Target(type_name));
    };
    let tree = if fragment.is_empty() {
        resource
    } else {
        let is_named = |tree: &&Tree<'_>| tree.get("id").and_then(Tree::as_text) == Some(fragment);
        resource.get("contained")?.values().iter().find(is_named)?
    };
    Some(Node::Element(Element::of_resource(tree)))
}
