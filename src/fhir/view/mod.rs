//! SQL on FHIR: flat rows of resources, as a ViewDefinition says.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html>, version 2.0 and the ballot of
//! 3.0. [`ViewDefinition::read`] (`read.rs`, `part.rs`) checks a view, [`ViewDefinition::columns`]
//! (`column.rs`) says what its rows have, [`ViewDefinition::rows`] (`rows.rs`) makes them of one resource
//! after the other. How rows are written and kept is not said here.

mod column;
mod constant;
mod definition;
mod error;
mod part;
mod read;
mod rows;
#[cfg(test)]
mod tests;
mod value;

pub use column::{ColumnKind, ColumnTag, ViewColumn};
pub use definition::{ViewAbout, ViewDefinition, ViewIdentifier};
pub use error::ViewError;
pub use value::ViewValue;
