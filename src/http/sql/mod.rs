//! SQL on FHIR over HTTP: `$sql-run` and `$sql-export`.
//!
//! <https://sql-on-fhir.org/ig/operations.html>. `input.rs` reads a request by the table in `parameter.rs`, `subject.rs` and
//! `artefact.rs` find what it is about, `filters.rs` makes an export of its filters, `row_body.rs` sends the rows.
//! `query.rs` has those of SQL, `plain.rs` those of SQL that the page brings.
//! `begin.rs` makes a job of a `$sql-export`, and `result.rs` has its result; in between it is a job like those of `$export`.

mod answer_form;
mod artefact;
mod begin;
mod bound_values;
mod definition;
mod filters;
mod input;
mod parameter;
#[cfg(feature = "page")]
mod plain;
#[cfg(feature = "page")]
mod plain_view;
mod query;
mod query_tables;
mod refusal;
mod result;
mod row_body;
mod run;
mod subject;

pub use begin::begin;
pub use definition::{sql_definition, sql_operations};
#[cfg(feature = "page")]
pub use plain::{
    PlainBounds, PlainCell, PlainRows, is_plain_open, plain_csv, plain_rows, plain_tables,
};
#[cfg(feature = "page")]
pub use plain_view::{CountedView, MOST_COUNTED, ViewPreview, counted_views, view_preview};
pub use result::{RESULT, result, see_result};
pub use run::run;
pub use subject::SubjectPlace;
