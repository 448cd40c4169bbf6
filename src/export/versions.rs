//! Versions that an export found: lists by type where they are few, sets of numbers where they may be all that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::seq_set::SeqSet;
use crate::error::Result;
use crate::store::{Selection, Snapshot, VersionHeader, VersionSize};

/// So many versions are in memory at once where there may be very many.
const AT_ONCE: usize = 4096;

/// The versions that are exported, by type.
pub type VersionsByType = BTreeMap<String, Vec<VersionSize>>;

/// The versions that an export of all patients holds, before its filter: two bits for each version of the store.
pub struct FoundVersions {
    /// Patients, and versions in any compartment.
    pub roots: SeqSet,
    /// What comes along with them.
    pub others: SeqSet,
    /// The types of all these.
    pub types: BTreeSet<String>,
    /// Those of the types of which all versions are roots.
    pub whole_types: BTreeSet<String>,
}

impl FoundVersions {
    /// True if a version is among these.
    pub fn contains(&self, seq: i64) -> bool {
        self.roots.contains(seq) || self.others.contains(seq)
    }
}

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
    let mut all = Vec::new();
    snapshot.for_each_seq(&Selection::all(resource_type, snapshot), |seq| all.push(seq))?;
    Ok(all)
}

/// Calls `each` with every version of a selection, in order. No transaction of it is open then.
///
/// # Errors
/// Those of `each`; where the store cannot be read.
pub fn for_each_of(
    snapshot: &Snapshot,
    selection: &Selection,
    each: &mut dyn FnMut(VersionSize) -> Result<()>,
) -> Result<()> {
    let mut rest = selection.clone();
    let mut rows = Vec::new();
    loop {
        rows.clear();
        snapshot.for_each_size(&rest, |row| {
            rows.push(row);
            if rows.len() < AT_ONCE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        rows.iter().try_for_each(|row| each(*row))?;
        match rows.last() {
            Some(last) if rows.len() == AT_ONCE => rest.first = last.seq + 1,
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::resource::Parsed;
    use crate::store::{Stamping, Store};

    #[test]
    fn versions_are_given_once_each_however_many_are_in_memory_at_once() {
        for count in [0, 1, AT_ONCE, AT_ONCE + 1] {
            let store = Store::in_memory().unwrap();
            let mut writer = store.writer().unwrap();
            writer.begin(None, 0).unwrap();
            for n in 0..count {
                let line = format!("{{\"resourceType\":\"Patient\",\"id\":\"{n}\"}}");
                let Ok(Parsed::Resource(resource)) = Parsed::parse(&line, None) else {
                    panic!("no resource");
                };
                writer.put(&resource, Stamping::Keep, &[], None).unwrap();
            }
            writer.commit().unwrap();
            drop(writer);
            let snapshot = store.snapshot().unwrap();
            let selection = Selection::all("Patient", &snapshot);
            let mut given = Vec::new();
            let mut each = |row| {
                given.push(row);
                Ok(())
            };
            for_each_of(&snapshot, &selection, &mut each).unwrap();
            assert_eq!(given.len(), count);
            assert_eq!(given, snapshot.sizes(&selection).unwrap());
        }
    }
}
