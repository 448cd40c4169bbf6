//! SQL on FHIR over HTTP: `$sql-run` and `$sql-export`.
//!
//! <https://sql-on-fhir.org/ig/operations.html>. `input.rs` reads a request by the table in `parameter.rs`, `subject.rs` and
//! `artefact.rs` find what it is about, `filters.rs` makes an export of its filters, `row_body.rs` sends the rows.

mod answer_form;
mod artefact;
mod filters;
mod input;
mod parameter;
mod refusal;
mod row_body;
mod run;
mod subject;

pub use run::run;
pub use subject::SubjectPlace;
