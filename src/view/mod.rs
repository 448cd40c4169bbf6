//! The forms in which the rows of views are written: CSV, NDJSON, a JSON array, Parquet.
//!
//! <https://sql-on-fhir.org/ig/operations.html>. [`ViewFormat`] (`format.rs`) names the forms, and
//! [`ViewWriter`] (`writer.rs`) writes a file. A [`RowBatch`] (`batch.rs`) has rows that other threads
//! make. `body_file.rs` writes whole resources as Parquet. `csv.rs`, `json.rs`, `parquet_columns.rs` and `parquet_file.rs` are the forms. Few rows are kept;
//! those that wait for a slow reader are in a [`RowBuffer`] (`row_buffer.rs`).
//! Which rows there are is not said here.

mod batch;
#[cfg(feature = "parquet")]
mod body_file;
mod csv;
mod format;
mod json;
#[cfg(feature = "parquet")]
mod parquet_columns;
#[cfg(feature = "parquet")]
mod parquet_file;
mod row_buffer;
#[cfg(test)]
mod tests;
mod writer;
mod writer_error;

pub use batch::RowBatch;
#[cfg(feature = "parquet")]
pub(crate) use body_file::{BodyBatch, BodyFileWriter};
pub use format::ViewFormat;
pub use row_buffer::RowBuffer;
pub use writer::ViewWriter;
