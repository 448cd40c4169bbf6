//! Tests of views over resources. The plain runner of the evaluator's tests is their judge.

mod faults;
mod made;
mod official;
mod properties;
mod quick;
mod starter;

use serde_json::Value;

use super::{ViewDefinition, ViewError, ViewValue};
use crate::fhir::json::Tree;
use crate::fhir::path::tests::view::{Row, of_tree};

/// The rows of a resource.
fn rows(view: &ViewDefinition, resource: &Tree<'_>) -> Result<Vec<Row>, ViewError> {
    let mut rows = Vec::new();
    view.rows::<ViewError>(resource, &mut |row| {
        rows.push(row_of(view, row));
        Ok(())
    })?;
    Ok(rows)
}

/// A row as the judge has it: by the names of its columns.
fn row_of(view: &ViewDefinition, row: &[&ViewValue<'_>]) -> Row {
    assert_eq!(row.len(), view.columns().len());
    let values = row.iter().map(|value| plain_json(value));
    view.columns().iter().map(|column| column.name.clone()).zip(values).collect()
}

/// A value as JSON, in which numbers are equal whatever their lexemes.
fn plain_json(value: &ViewValue<'_>) -> Value {
    let mut json = String::new();
    value.write_json(&mut json);
    of_tree(&Tree::parse(&json).unwrap())
}
