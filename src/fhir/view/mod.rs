//! SQL on FHIR: flat rows of resources, as a ViewDefinition says.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html>, version 2.0 and the ballot of
//! 3.0. [`ViewDefinition::read`] (`read.rs`, `part.rs`) checks a view, [`ViewDefinition::columns`]
//! (`column.rs`) says what its rows have, [`ViewDefinition::rows`] (`rows.rs`) makes them of one resource
//! after the other. `quick.rs` makes those of ordinary resources in one pass over their text. `select.rs` has the parts
//! of a view. `bound.rs` says what their values are for a database, `kept.rs` has the views of a store.
//! `starter.rs` has the ready ones. How rows are written and kept is not said here.

mod bound;
mod column;
mod constant;
mod definition;
mod error;
mod kept;
mod part;
mod product;
mod quick;
mod read;
mod rows;
mod select;
mod starter;
#[cfg(test)]
mod tests;
mod value;

pub use bound::{BoundValue, bound};
pub use column::{ColumnKind, ColumnTag, ViewColumn};
pub use definition::{ViewAbout, ViewDefinition, ViewIdentifier};
pub use error::ViewError;
pub use kept::{KeptView, KeptViews, MadeViewRows, ViewText};
pub use rows::MOST_ROWS;
pub use starter::STARTER_VIEWS;
pub use value::ViewValue;
