//! The scope of an export of all patients, found type by type instead of patient by patient.
//!
//! Its roots are all Patients and all versions in any compartment. An index lists the versions of a type, so
//! no version is looked up for itself, and what they reference stands in the store's notes. What else comes
//! along is as in `scope.rs`. What is found is a set of numbers, a bit for each; `all_files.rs` makes files of it.

use super::provenance::is_about;
use super::scope::ExportScope;
use super::seq_set::SeqSet;
use super::versions::{FoundVersions, for_each_of};
use super::whole::Whole;
use crate::error::Result;
use crate::store::Selection;

impl ExportScope<'_> {
    /// All versions that are exported with all patients, as far as the filters accept them.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled; where the store cannot be read.
    pub fn versions_of_all(&mut self) -> Result<FoundVersions> {
        let Whole { roots, count, types, provenances, strays } =
            Whole::read(self.snapshot, &self.cohort)?;
        self.progress.begin(count);
        self.progress.advance(count)?;
        let whole_types = types.iter().filter(|name| !strays.contains(*name)).cloned().collect();
        let mut found = FoundVersions { roots, others: SeqSet::default(), types, whole_types };
        if self.references.are_followed() {
            self.references.use_notes(&self.cohort, &strays)?;
            self.references.follow_each_once();
        }
        for seq in provenances.iter() {
            if is_about(&self.cohort.view, seq, |target| found.roots.contains(target))? {
                self.bring_along(seq, &mut found)?;
            }
        }
        if self.references.are_followed() {
            self.follow_all(&mut found)?;
        }
        Ok(found)
    }

    /// Brings along what the references of the roots include.
    fn follow_all(&mut self, found: &mut FoundVersions) -> Result<()> {
        let mut keys = SeqSet::default();
        self.cohort.view.for_each_reference(|seq, key| {
            if found.roots.contains(seq) {
                keys.insert(key);
            }
            Ok(())
        })?;
        for key in keys.iter() {
            self.progress.advance(0)?;
            if let Some(seq) = self.references.include_noted(&self.cohort, key)? {
                self.bring_along(seq, found)?;
            }
        }
        let must_read = |name: &&String| self.references.must_read(name);
        for resource_type in &found.types.iter().filter(must_read).cloned().collect::<Vec<_>>() {
            let all = Selection::all(resource_type, self.snapshot);
            for_each_of(self.snapshot, &all, &mut |row| {
                let mut open = Vec::new();
                if found.roots.contains(row.seq) {
                    self.progress.advance(0)?;
                    self.references.read(&self.cohort, row.seq, &mut open)?;
                }
                open.into_iter().try_for_each(|seq| self.bring_along(seq, found))
            })?;
        }
        Ok(())
    }

    /// Brings along a version, and what its references include.
    fn bring_along(&mut self, seq: i64, found: &mut FoundVersions) -> Result<()> {
        let mut open = vec![seq];
        while let Some(seq) = open.pop() {
            if found.contains(seq) {
                continue;
            }
            if let Some(version) = self.references.follow(&self.cohort, seq, &mut open)? {
                found.others.insert(seq);
                found.types.insert(version.resource_type);
            }
        }
        Ok(())
    }
}
