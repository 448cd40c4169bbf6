//! Tests of the forms: golden output, and Parquet read back.

mod forms;
#[cfg(feature = "parquet")]
mod parquet_files;
#[cfg(feature = "parquet")]
mod properties;

use super::{ViewFormat, ViewWriter};
use crate::error::Error;
use crate::fhir::json::Tree;
use crate::fhir::view::{ViewDefinition, ViewValue};

/// The rows of resources in a form.
fn written(view: &str, resources: &[&str], format: ViewFormat) -> Vec<u8> {
    resources_written(view, resources, format, None)
}

/// The first rows of resources in a form.
fn written_first(view: &str, resources: &[&str], format: ViewFormat, rows: u64) -> Vec<u8> {
    resources_written(view, resources, format, Some(rows))
}

/// In batches of one resource each, or the first rows of one batch.
fn resources_written(
    view: &str,
    resources: &[&str],
    format: ViewFormat,
    first: Option<u64>,
) -> Vec<u8> {
    let view = ViewDefinition::read(&Tree::parse(view).unwrap()).unwrap();
    let mut out = Vec::new();
    let mut writer = ViewWriter::new(format, view.columns(), &mut out).unwrap();
    let mut batch = writer.new_batch()();
    for resource in resources {
        let resource = Tree::parse(resource).unwrap();
        let add = &mut |row: &[&ViewValue<'_>]| {
            batch.add(row);
            Ok(())
        };
        view.rows::<Error>(&resource, add).unwrap();
        if first.is_none() {
            writer.append(&mut batch).unwrap();
        }
    }
    if let Some(first) = first {
        batch.keep_first(first);
    }
    writer.append(&mut batch).unwrap();
    writer.finish().unwrap();
    out
}
