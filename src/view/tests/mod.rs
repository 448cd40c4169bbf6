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
    let view = ViewDefinition::read(&Tree::parse(view).unwrap()).unwrap();
    let mut out = Vec::new();
    let mut writer = ViewWriter::new(format, view.columns(), &mut out).unwrap();
    for resource in resources {
        let resource = Tree::parse(resource).unwrap();
        let mut batch = writer.new_batch()();
        let add = &mut |row: &[&ViewValue<'_>]| {
            batch.add(row);
            Ok(())
        };
        view.rows::<Error>(&resource, add).unwrap();
        writer.append(&mut batch).unwrap();
    }
    writer.finish().unwrap();
    out
}
