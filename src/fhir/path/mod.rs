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
mod logic;
mod navigate;
mod node;
mod operators;
mod parser;
mod path_context;
mod quick;
mod reference;
mod syntax;
mod temporal;
#[cfg(test)]
pub(super) mod tests;
mod types;
mod wanted_elements;

pub use decimal::Decimal;
pub use error::PathError;
pub use item::Item;
pub use path_context::{PathConstant, PathContext};
pub use quick::{
    QuickBuilder, QuickConstants, QuickList, QuickPath, QuickPlace, QuickPlan, QuickTest,
    QuickValue, Slots, Unusual,
};
pub use types::{Primitive, Type, type_at};
pub use wanted_elements::WantedElements;

use std::ops::ControlFlow;

use evaluate::Evaluation;
use node::Node;
use syntax::{Constant, Expression};

use super::json::{WantedAt, WantedMembers};

/// An expression that has been read.
#[derive(Clone, Debug)]
pub struct Path {
    expression: Expression,
    constants: Vec<Constant>,
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
        Ok(Path { expression, constants })
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

    /// Adds the elements of a resource that the expression looks at where it is evaluated for the value at a place.
    /// Returns the places at which the values that it gives may stand; there is always one, as the next expression
    /// looks at the resource also where it is evaluated for a computed value.
    pub fn add_wanted(&self, wanted: &mut WantedElements, at: WantedAt) -> Vec<WantedAt> {
        let places = wanted.add(&self.expression, at);
        if places.is_empty() { vec![WantedMembers::NOWHERE] } else { places }
    }

    /// Finds a quick form of the expression where it is evaluated for what stands at a place; `builder` gathers what it
    /// looks at. `constants` gives the texts of constants that are texts. `None` for an expression without such a form.
    pub fn quick(
        &self,
        builder: &mut QuickBuilder,
        at: QuickPlace,
        constants: &QuickConstants<'_>,
    ) -> Option<QuickPath> {
        builder.path(&self.expression, at, constants)
    }

    /// Finds a quick form of the expression as a condition.
    pub fn quick_test(
        &self,
        builder: &mut QuickBuilder,
        at: QuickPlace,
        constants: &QuickConstants<'_>,
    ) -> Option<QuickTest> {
        builder.test(&self.expression, at, constants)
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
        let mut each = |node: Node<'t>| {
            found.extend(node.into_item());
            Ok(ControlFlow::Continue(()))
        };
        evaluation.each_of_whole(&self.expression, &mut each).map(|_| ())
    }
}
