//! Versions that an export found one by one, by their types.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::store::{Selection, Snapshot, VersionHeader, VersionSize};

/// The versions that are exported, by type.
pub type VersionsByType = BTreeMap<String, Vec<VersionSize>>;

/// Adds a version to those of its type.
pub fn insert(versions: &mut VersionsByType, version: VersionHeader) {
    let row = VersionSize { seq: version.seq, size: version.size };
    match versions.get_mut(&version.resource_type) {
        Some(rows) => rows.push(row),
        None => drop(versions.insert(version.resource_type, vec![row])),
    }
}

/// True if a version is among these, which are in order.
pub fn holds(versions: &VersionsByType, version: &VersionHeader) -> bool {
    let rows = versions.get(&version.resource_type);
    rows.is_some_and(|rows| rows.binary_search_by_key(&version.seq, |row| row.seq).is_ok())
}

/// The numbers of all versions of a type, in order.
///
/// # Errors
/// Where the store cannot be read.
pub fn all_of(snapshot: &Snapshot, resource_type: &str) -> Result<Vec<i64>> {
    let all = snapshot.sizes(&Selection::all(resource_type, snapshot))?;
    Ok(all.into_iter().map(|row| row.seq).collect())
}
