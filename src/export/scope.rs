//! The scope of an export of patients: their compartments, and what it takes to read these.
//!
//! Around the versions of the patients ([`Cohort::roots`]) come the Provenance resources about them,
//! and the resources that any of these reference and that are about no patient. The filter is
//! applied last, to each version on its own, so the scope does not depend on it; so are the filters of types, which
//! what comes along must meet too.
//!
//! `all_patients.rs` does the same for all patients at once, type by type, and `all_blocks.rs` for their blocks.

use std::collections::HashSet;

use super::cohort::Cohort;
use super::deletions::was_about;
use super::filtered::FilteredTypes;
use super::progress::JobProgress;
use super::provenance::ProvenanceIndex;
use super::references::References;
use super::request::{ExportRequest, Level};
use super::versions::{VersionsByType, insert};
use crate::error::Result;
use crate::fhir::provenance::PROVENANCE;
use crate::store::{Snapshot, Tombstone, VersionHeader, VersionSize};

/// Finds the versions and deletions in scope.
pub struct ExportScope<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) request: &'a ExportRequest,
    pub(super) progress: &'a JobProgress,
    pub cohort: Cohort<'a>,
    pub(super) filtered: &'a FilteredTypes<'a>,
    /// Those about the roots, where these are found one by one.
    pub(super) provenances: ProvenanceIndex,
    pub(super) references: References<'a>,
}

impl<'a> ExportScope<'a> {
    /// The scope of `request` in `snapshot`.
    ///
    /// # Errors
    /// As [`Cohort::new`].
    pub fn new(
        snapshot: &'a Snapshot,
        request: &'a ExportRequest,
        filtered: &'a FilteredTypes<'a>,
        progress: &'a JobProgress,
    ) -> Result<ExportScope<'a>> {
        let cohort = Cohort::new(snapshot, request, filtered)?;
        let references = References::new(&request.filter);
        let provenances = if cohort.is_limited() {
            ProvenanceIndex::read_about(snapshot, &cohort.view, &cohort.roots()?)?
        } else if request.organize_by_patient {
            ProvenanceIndex::read(snapshot)?
        } else {
            // `all_patients.rs` finds them.
            ProvenanceIndex::default()
        };
        Ok(ExportScope { snapshot, request, progress, cohort, filtered, provenances, references })
    }

    /// Ends the read transaction; the next lookup begins one.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn pause(&self) -> Result<()> {
        self.cohort.view.pause()
    }

    /// Counts the roots as the steps of the job.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn begin(&self) -> Result<()> {
        self.progress.begin(self.cohort.roots()?.len() as u64);
        Ok(())
    }

    /// All versions that are exported, where not all patients are.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled; where the store cannot be read.
    pub fn versions(&mut self) -> Result<VersionsByType> {
        let roots = self.cohort.roots()?;
        self.progress.begin(roots.len() as u64);
        self.versions_around(&roots)
    }

    /// The versions that are exported because of `roots`, which are in order and distinct.
    ///
    /// # Errors
    /// As [`ExportScope::versions`].
    pub fn versions_around(&mut self, roots: &[i64]) -> Result<VersionsByType> {
        let mut versions = VersionsByType::new();
        self.visit_around(roots, &mut |version| insert(&mut versions, version))?;
        for rows in versions.values_mut() {
            rows.sort_unstable();
        }
        self.complete(&mut versions)?;
        Ok(versions)
    }

    /// Calls `take` with each version around `roots` that the filter accepts.
    fn visit_around(&mut self, roots: &[i64], take: &mut dyn FnMut(VersionHeader)) -> Result<()> {
        let mut open = self.provenances.about(roots);
        for seq in roots {
            self.progress.step()?;
            self.visit(*seq, &mut open, take)?;
        }
        self.visit_open(open, |seq| roots.binary_search(&seq).is_ok(), take)
    }

    /// Calls `take` with the `open` versions and those that their references include, as far as the filter
    /// accepts them; not with roots.
    pub(super) fn visit_open(
        &mut self,
        mut open: Vec<i64>,
        is_root: impl Fn(i64) -> bool,
        take: &mut dyn FnMut(VersionHeader),
    ) -> Result<()> {
        let mut included = HashSet::new();
        while let Some(seq) = open.pop() {
            if !is_root(seq) && included.insert(seq) {
                self.visit(seq, &mut open, take)?;
            }
        }
        Ok(())
    }

    fn visit(
        &mut self,
        seq: i64,
        open: &mut Vec<i64>,
        take: &mut dyn FnMut(VersionHeader),
    ) -> Result<()> {
        if let Some(version) = self.references.follow(&self.cohort, seq, open)?
            && !self.request.associates(&version.resource_type)
            && self.request.filter.accepts(&version)
        {
            take(version);
        }
        Ok(())
    }

    /// Leaves out what the filters of types do not find, then adds what is associated with the rest.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled; where the store cannot be read.
    pub fn complete(&self, versions: &mut VersionsByType) -> Result<()> {
        self.pause()?;
        self.filtered.retain(versions)?;
        self.associate(versions)
    }

    /// Adds the Provenance resources that `includeAssociatedData` asks for, if it is given.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn associate(&self, versions: &mut VersionsByType) -> Result<()> {
        if self.request.associated.is_none() {
            return Ok(());
        }
        let mut exported: Vec<i64> = versions.values().flatten().map(|row| row.seq).collect();
        exported.sort_unstable();
        let index = ProvenanceIndex::read_about(self.snapshot, &self.cohort.view, &exported)?;
        let provenances = self.associated(&index, exported)?;
        if !provenances.is_empty() {
            versions.insert(PROVENANCE.to_owned(), provenances);
        }
        Ok(())
    }

    /// The Provenance resources that `includeAssociatedData` asks for with the `exported` versions, in order.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn associated(
        &self,
        index: &ProvenanceIndex,
        mut exported: Vec<i64>,
    ) -> Result<Vec<VersionSize>> {
        let Some(associated) = self.request.associated else { return Ok(Vec::new()) };
        exported.sort_unstable();
        let mut provenances = Vec::new();
        for seq in index.associated(&exported, associated) {
            if let Some(version) = self.cohort.view.version(seq)? {
                provenances.push(VersionSize { seq, size: version.size });
            }
        }
        Ok(provenances)
    }

    /// The deletions that the export tells, oldest first. Call this after
    /// [`ExportScope::versions`], which follows the references to deleted resources.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn deletions(&mut self) -> Result<Vec<Tombstone>> {
        let mut deletions = self.references.deletions();
        for tombstone in self.request.filter.deletions(&self.cohort.view)? {
            if self.request.level == Level::System || was_about(&self.cohort, &tombstone)? {
                deletions.push(tombstone);
            }
        }
        deletions.sort_by_key(|tombstone| tombstone.ended);
        deletions.dedup();
        Ok(deletions)
    }
}
