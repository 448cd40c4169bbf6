//! Resources whose `meta.lastUpdated` lies after the import, reported once for each file.

use crate::fhir::name::short;
use crate::fhir::resource::Resource;

/// Those of the current file.
#[derive(Default)]
pub(super) struct AheadInFile {
    count: u64,
    /// The first one: its line, `Type/id` and time.
    first: Option<(u64, String, String)>,
}

impl AheadInFile {
    /// Counts one.
    pub(super) fn note(&mut self, line: u64, resource: &Resource) {
        self.count += 1;
        if self.first.is_none() {
            let name = format!("{}/{}", resource.resource_type, short(&resource.id));
            let time = resource.last_updated().ok().flatten().unwrap_or_default();
            self.first = Some((line, name, time.to_string()));
        }
    }

    /// Ends the file: the line to report at, and the report. `None` where there is none.
    pub(super) fn take(&mut self) -> Option<(u64, String)> {
        let AheadInFile { count, first } = std::mem::take(self);
        let (line, name, time) = first?;
        let what = if count == 1 { "resource has" } else { "resources have" };
        let report = format!(
            "{count} {what} a meta.lastUpdated after this import, first {name} ({time}); \
             for _since it counts as changed now"
        );
        Some((line, report))
    }
}
