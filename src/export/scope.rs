//! The scope of an export of patients: their compartments, and what it takes to read these.
//!
//! Around the versions of the patients ([`Cohort::roots`]) come the Provenance resources about them,
//! and the resources that any of these reference and that are about no patient. The filter is
//! applied last, to each version on its own, so the scope does not depend on it.

use std::collections::HashSet;

use super::cohort::Cohort;
use super::deletions::was_about;
use super::progress::JobProgress;
use super::provenance::ProvenanceIndex;
use super::references::References;
use super::request::{ExportRequest, Level};
use super::versions::{VersionsByType, insert};
use crate::error::Result;
use crate::store::{Snapshot, Tombstone, VersionHeader, VersionSize};

/// Finds the versions and deletions in scope.
pub struct ExportScope<'a> {
    request: &'a ExportRequest,
    progress: &'a JobProgress,
    pub cohort: Cohort<'a>,
    provenances: ProvenanceIndex,
    references: References<'a>,
}

impl<'a> ExportScope<'a> {
    /// The scope of `request` in `snapshot`.
    ///
    /// # Errors
    /// As [`Cohort::new`].
    pub fn new(
        snapshot: &'a Snapshot,
        request: &'a ExportRequest,
        progress: &'a JobProgress,
    ) -> Result<ExportScope<'a>> {
        let cohort = Cohort::new(snapshot, request)?;
        let needs_provenances = request.level != Level::System
            || request.associated.is_some()
            || request.organize_by_patient;
        let provenances = if needs_provenances {
            ProvenanceIndex::read(snapshot, &cohort.view)?
        } else {
            ProvenanceIndex::default()
        };
        let references = References::new(&request.filter);
        Ok(ExportScope { request, progress, cohort, provenances, references })
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

    /// All versions that are exported.
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
        self.associate(&mut versions)?;
        Ok(versions)
    }

    /// Calls `take` with each version around `roots` that the filter accepts.
    fn visit_around(&mut self, roots: &[i64], take: &mut dyn FnMut(VersionHeader)) -> Result<()> {
        let mut open = self.provenances.about(roots);
        let mut included = HashSet::new();
        for seq in roots {
            self.progress.step()?;
            self.visit(*seq, &mut open, take)?;
        }
        while let Some(seq) = open.pop() {
            if roots.binary_search(&seq).is_err() && included.insert(seq) {
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

    /// Adds the Provenance resources that `includeAssociatedData` asks for, if it is given.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn associate(&self, versions: &mut VersionsByType) -> Result<()> {
        let Some(associated) = self.request.associated else { return Ok(()) };
        let mut exported: Vec<i64> = versions.values().flatten().map(|row| row.seq).collect();
        exported.sort_unstable();
        let mut provenances = Vec::new();
        for seq in self.provenances.associated(&exported, associated) {
            if let Some(version) = self.cohort.view.version(seq)? {
                provenances.push(VersionSize { seq, size: version.size });
            }
        }
        if !provenances.is_empty() {
            versions.insert("Provenance".to_owned(), provenances);
        }
        Ok(())
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
