//! FHIRPath over JSON text: what an expression finds in a resource.
//!
//! <https://hl7.org/fhirpath/N1/> and <https://hl7.org/fhir/R4/fhirpath.html>, as far as search
//! parameters and SQL on FHIR views need them. An expression is read once ([`Path::parse`]) and
//! evaluated over any number of resources, each a [`Tree`](super::json::Tree) that borrows from its
//! text. Not here: quantities with units, arithmetic with dates, regular expressions, terminology,
//! and resources other than the one at hand.

mod boundary;
mod decimal;
mod equality;
mod error;
mod evaluate;
mod function;
mod functions;
mod inference;
mod item;
mod lexer;
mod navigate;
mod node;
mod operators;
mod parser;
mod path_context;
mod plain;
mod reference;
mod root_members;
mod syntax;
mod temporal;
#[cfg(test)]
pub(super) mod tests;
mod types;

pub use decimal::Decimal;
pub use error::PathError;
pub use item::Item;
pub use path_context::PathContext;
pub use root_members::RootMembers;
pub use types::{Primitive, Type, type_at};

use std::ops::ControlFlow;

use evaluate::Evaluation;
use node::Node;
use plain::plain_steps;
use syntax::{Constant, Expression};

/// An expression that has been read.
#[derive(Clone, Debug)]
pub struct Path {
    expression: Expression,
    constants: Vec<Constant>,
    /// Whether `plain.rs` evaluates it.
    is_plain: bool,
}

impl Path {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// The text is no expression; calls a function that there is not, or with a wrong number of
    /// arguments; or names a type that there is not. The error has the column and the reason.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        let (expression, constants) = parser::parse(text)?;
        let is_plain = plain_steps(&expression).is_some();
        Ok(Path { expression, constants, is_plain })
    }

    /// Checks that every `%name` of the expression is among the names that are known.
    ///
    /// # Errors
    ///
    /// A name is not known. The error has its column.
    pub fn check_constants(&self, is_known: impl Fn(&str) -> bool) -> Result<(), PathError> {
        match self.constants.iter().find(|constant| !is_known(&constant.name)) {
            None => Ok(()),
            Some(constant) => {
                let reason = format!("there is no constant `%{}`", constant.name);
                Err(PathError::new(constant.column, reason))
            }
        }
    }

    /// Adds the members of a resource that the expression looks at, from the resource itself or from something in it.
    /// False where it may look at the resource as a whole.
    pub fn add_root_members(&self, members: &mut RootMembers, is_from_root: bool) -> bool {
        members.add_expression(&self.expression, is_from_root)
    }

    /// Evaluates the expression. A resource that `resolve()` finds and that is not at hand is left
    /// out of the result.
    ///
    /// # Errors
    ///
    /// An operator or a function gets several values where it takes one, or a value of a type that
    /// it does not take; a constant has no value; or the evaluation takes too many steps.
    pub fn evaluate<'t>(&self, context: &PathContext<'_, 't>) -> Result<Vec<Item<'t>>, PathError> {
        let mut found = Vec::new();
        self.find(context, &mut found)?;
        Ok(found)
    }

    /// Does the same, and adds what the expression gives to a list.
    ///
    /// # Errors
    ///
    /// Those of [`Path::evaluate`].
    pub fn find<'t>(
        &self,
        context: &PathContext<'_, 't>,
        found: &mut Vec<Item<'t>>,
    ) -> Result<(), PathError> {
        let evaluation = Evaluation::new(context);
        let (true, Expression::Path(_, steps)) = (self.is_plain, &self.expression) else {
            let nodes = evaluation.of_whole(&self.expression)?;
            found.extend(nodes.into_iter().filter_map(Node::into_item));
            return Ok(());
        };
        let mut each = |node: Node<'t>| {
            found.extend(node.into_item());
            Ok(ControlFlow::Continue(()))
        };
        evaluation.walk(steps, context.focus.clone(), &mut each).map(|_| ())
    }
}
