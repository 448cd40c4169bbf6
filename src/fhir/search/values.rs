//! The values that a parameter finds in a resource.
//!
//! The one place where a search meets FHIRPath.

use super::definition::SearchParameter;
use crate::fhir::json::Tree;
use crate::fhir::path::{Item, PathContext};
use crate::time::Instant;

/// A resource that is held against a search.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'t> {
    /// Its logical id.
    pub id: &'t str,
    /// When its version was stored.
    pub last_updated: Instant,
    /// Its body.
    pub body: &'t Tree<'t>,
}

/// A value that a parameter found.
#[derive(Clone, Debug)]
pub(super) struct Found<'t> {
    pub(super) tree: &'t Tree<'t>,
    item: Item<'t>,
}

static TRUE: Tree<'static> = Tree::Bool(true);
static FALSE: Tree<'static> = Tree::Bool(false);

/// Finds the values of a parameter in a body. An element that has extensions alone is no value.
///
/// # Errors
/// Why the expression cannot be evaluated.
pub(super) fn values<'t>(
    parameter: &SearchParameter,
    body: &'t Tree<'t>,
) -> Result<Vec<Found<'t>>, String> {
    evaluate(parameter, PathContext::of(body))
}

/// Finds the values of a component in what its composite parameter found.
///
/// # Errors
/// Why the expression cannot be evaluated.
pub(super) fn values_within<'t>(
    component: &SearchParameter,
    body: &'t Tree<'t>,
    focus: &Found<'t>,
) -> Result<Vec<Found<'t>>, String> {
    evaluate(component, PathContext::of(body).at(focus.item.clone()))
}

fn evaluate<'t>(
    parameter: &SearchParameter,
    context: PathContext<'_, 't>,
) -> Result<Vec<Found<'t>>, String> {
    let of = |what: &dyn std::fmt::Display| format!("{}: {what}", parameter.expression);
    let items = parameter.path()?.evaluate(&context).map_err(|error| of(&error))?;
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let tree = match &item {
            Item::Element { tree: Tree::Null, .. } => continue,
            Item::Element { tree, .. } => *tree,
            Item::Boolean(true) => &TRUE,
            Item::Boolean(false) => &FALSE,
            _ => return Err(of(&"computed numbers and texts are not compared")),
        };
        found.push(Found { tree, item });
    }
    Ok(found)
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
