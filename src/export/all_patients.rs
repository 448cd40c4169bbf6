//! The scope of an export of all patients, found type by type instead of patient by patient.
//!
//! Its roots are all Patients and all versions in any compartment. An index lists the versions of a type, so
//! no version is looked up for itself, and what they reference stands in the store's notes. What else comes
//! along is as in `scope.rs`.

use super::provenance::is_about;
use super::scope::ExportScope;
use super::seq_set::SeqSet;
use super::versions::{VersionsByType, insert};
use super::whole::Whole;
use crate::error::Result;

impl ExportScope<'_> {
    /// All versions that are exported, with all patients.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled; where the store cannot be read.
    pub fn versions_of_all(&mut self) -> Result<VersionsByType> {
        let Whole { roots: mut versions, provenances, strays } =
            Whole::read(self.snapshot, &self.cohort)?;
        self.progress.begin(versions.values().map(|rows| rows.len() as u64).sum());
        let mut roots = SeqSet::default();
        for row in versions.values().flatten() {
            self.progress.step()?;
            roots.insert(row.seq);
        }
        let mut open = Vec::new();
        for seq in provenances {
            if is_about(&self.cohort.view, seq, |target| roots.contains(target))? {
                open.push(seq);
            }
        }
        if self.references.are_followed() {
            self.references.use_notes(&self.cohort, &strays)?;
            self.follow_all(&versions, &roots, &mut open)?;
        }
        self.keep_accepted(&mut versions, &roots)?;
        let mut others = VersionsByType::new();
        self.visit_open(open, |seq| roots.contains(seq), &mut |version| {
            insert(&mut others, version);
        })?;
        for (resource_type, rows) in others {
            let all = versions.entry(resource_type).or_default();
            all.extend(rows);
            all.sort_unstable();
        }
        self.complete(&mut versions)?;
        Ok(versions)
    }

    /// Adds to `open` what the references of the roots include.
    fn follow_all(
        &mut self,
        versions: &VersionsByType,
        roots: &SeqSet,
        open: &mut Vec<i64>,
    ) -> Result<()> {
        let mut keys = SeqSet::default();
        self.cohort.view.for_each_reference(|seq, key| {
            if roots.contains(seq) {
                keys.insert(key);
            }
            Ok(())
        })?;
        for key in keys.iter() {
            open.extend(self.references.include_noted(&self.cohort, key)?);
        }
        for (resource_type, rows) in versions {
            if self.references.must_read(resource_type) {
                for row in rows {
                    self.references.read(&self.cohort, row.seq, open)?;
                }
            }
        }
        Ok(())
    }

    /// Leaves of the roots those that the filter accepts.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn keep_accepted(
        &self,
        versions: &mut VersionsByType,
        roots: &SeqSet,
    ) -> Result<()> {
        let filter = &self.request.filter;
        versions.retain(|name, rows| {
            !rows.is_empty() && filter.accepts_type(name) && !self.request.associates(name)
        });
        if filter.since.is_none() && filter.until.is_none() {
            return Ok(());
        }
        for (resource_type, rows) in versions.iter_mut() {
            *rows =
                self.snapshot.sizes(&filter.selection(resource_type, 0, self.snapshot.seq()))?;
            rows.retain(|row| roots.contains(row.seq));
        }
        versions.retain(|_, rows| !rows.is_empty());
        Ok(())
    }
}
