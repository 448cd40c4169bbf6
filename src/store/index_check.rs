//! What `fhirlite check` looks for in the indexes of search parameters: their rows must be those that the bodies give.

use rusqlite::Connection;

use super::index::ParameterRow;
use super::index_rows::has_entries;
use super::sql::one;
use crate::error::Result;
use crate::fhir::search::{IndexedParameters, SearchParameter};

/// What is wrong with a version for which [`is_indexed`] is false.
pub(super) const NOT_INDEXED: &str =
    "search_key or search_range does not match what the indexed parameters find in the body";

/// True where a version has the rows of the parameters that are indexed up to it. What a filling has yet to do, and what
/// is being removed, may be there or not.
pub(super) fn is_indexed(
    conn: &Connection,
    parameters: &[ParameterRow],
    seq: i64,
    resource_type: &str,
    body: &str,
) -> Result<bool> {
    let is_due = |row: &&ParameterRow| {
        row.resource_type == resource_type && row.is_kept() && (seq <= row.filled || seq > row.last)
    };
    let due = parameters.iter().filter(is_due);
    let due: Vec<_> =
        due.map(|row| (row.key, resource_type.to_owned(), row.code.clone())).collect();
    if due.is_empty() {
        return Ok(true);
    }
    let keys: Vec<i64> = due.iter().map(|(key, ..)| *key).collect();
    let entries = IndexedParameters::new(due).entries(resource_type, body);
    has_entries(conn, seq, &keys, &entries)
}

/// What is wrong with the indexed parameters as such.
pub(super) fn index_faults(conn: &Connection, parameters: &[ParameterRow]) -> Result<Vec<String>> {
    let is_none =
        |row: &&ParameterRow| SearchParameter::of(&row.resource_type, &row.code).is_none();
    let unknown = parameters.iter().filter(is_none).map(|row| {
        let ParameterRow { resource_type, code, .. } = row;
        format!("search_parameter has {resource_type} {code}, which is no search parameter")
    });
    let mut faults: Vec<String> = unknown.collect();
    for table in ["search_key", "search_range"] {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE parameter NOT IN (SELECT key FROM search_parameter)"
        );
        let rows: u64 = one(conn, &sql, (), |row| row.get(0))?;
        if rows > 0 {
            faults.push(format!("{rows} rows of {table} belong to no indexed parameter"));
        }
    }
    Ok(faults)
}
