//! Which resource a reference names, by its text alone, and the keys by which views join them.
//!
//! <https://hl7.org/fhir/R4/references.html#literal>: relative and absolute references, with and
//! without a version, and fragments that name a contained resource. `urn:uuid:` and searches name no
//! resource here, and nothing is fetched.

use std::borrow::Cow;

use super::node::{Element, Node};
use super::syntax::TypeName;
use crate::fhir::json::Tree;
use crate::fhir::name::{literal_reference, without_version};

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

/// The key of the resource that a reference names.
pub fn reference_key<'t>(node: &Node<'t>, wanted: Option<&TypeName>) -> Option<Node<'t>> {
    key_of(text_of(node)?, wanted).map(|key| Node::Text(Cow::Borrowed(key)))
}

/// The key of the resource that the text of a reference names, as `getResourceKey()` gives it: the id. A resource
/// of another server has its URL as its key, and what cannot be resolved has none.
pub fn key_of<'t>(text: &'t str, wanted: Option<&TypeName>) -> Option<&'t str> {
    let (base, (type_name, id)) = literal_reference(text)?;
    if wanted.is_some_and(|wanted| !Node::Target(type_name).is_of(wanted)) {
        return None;
    }
    Some(if base.is_empty() { id } else { without_version(text).0 })
}

/// The id of a resource, under which references find it.
pub fn resource_key<'t>(node: &Node<'t>) -> Option<Node<'t>> {
    let Node::Element(element) = node else { return None };
    element.tree.get("resourceType")?;
    element.tree.get("id")?.as_text().map(|id| Node::Text(Cow::Borrowed(id)))
}
