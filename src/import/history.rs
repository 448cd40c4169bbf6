//! Versions of a history Bundle: which of them the store has had already.
//!
//! <https://hl7.org/fhir/R4/http.html#history>

use std::collections::HashMap;

use crate::error::Result;
use crate::fhir::resource::Resource;
use crate::fhir::view::MadeViewRows;
use crate::store::Writer;

/// One version of a resource.
pub(super) struct HistoryVersion {
    /// Its line in the file.
    pub(super) line: u64,
    pub(super) resource_type: String,
    pub(super) id: String,
    /// The resource; `None` where this version is a deletion.
    pub(super) resource: Option<Box<Resource>>,
    /// True where that holds references that have to be looked up.
    pub(super) is_open: bool,
    /// The rows of views that were made of it.
    pub(super) rows: Option<MadeViewRows>,
}

/// Says of each version, from the oldest to the newest, whether the store has had it: all up to the
/// last one that equals the current state. So a history that is imported again changes nothing.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn known(writer: &mut Writer<'_>, versions: &[HistoryVersion]) -> Result<Vec<bool>> {
    let mut reached: HashMap<(&str, &str), usize> = HashMap::new();
    for (index, HistoryVersion { resource_type, id, resource, .. }) in versions.iter().enumerate() {
        let is_current = match resource {
            Some(resource) => {
                writer.current_hash(resource_type, id)?.as_deref() == Some(&resource.hash[..])
            }
            None => writer.was_deleted(resource_type, id)?,
        };
        if is_current {
            reached.insert((resource_type, id), index);
        }
    }
    let is_known = |(index, version): (usize, &HistoryVersion)| {
        let key = (version.resource_type.as_str(), version.id.as_str());
        reached.get(&key).is_some_and(|reached| index <= *reached)
    };
    Ok(versions.iter().enumerate().map(is_known).collect())
}
