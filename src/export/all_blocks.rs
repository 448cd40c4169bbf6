//! The blocks of all patients: what stands in them is found type by type, instead of block by block.
//!
//! Its roots are those of `all_patients.rs`, with their lengths. For each patient an index lists which of them are about
//! the patient, and another what they reference. What else comes along is as in `scope.rs`.

use super::by_patient::{BlockLine, place};
use super::made::MadeTexts;
use super::scope::ExportScope;
use super::seq_set::SeqSet;
use super::shape::Lengths;
use super::versions::{VersionsByType, insert};
use super::whole::Whole;
use crate::error::Result;
use crate::fhir::compartment::PATIENT;
use crate::fhir::provenance::PROVENANCE;
use crate::store::VersionSize;

/// What all blocks are made of.
pub struct AllBlocks {
    /// All Patients, and all versions in any compartment.
    roots: SeqSet,
    /// Those of them whose bodies are read for their references.
    read: SeqSet,
    /// Those of them that are exported, with their lengths in place of their sizes, in order.
    lines: Vec<VersionSize>,
}

impl AllBlocks {
    /// Finds it, in a scope of all patients. From now on the store's notes tell references.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled; where the store cannot be read.
    pub fn read(scope: &mut ExportScope<'_>, lengths: &Lengths<'_>) -> Result<AllBlocks> {
        let Whole { roots: mut versions, strays, .. } = Whole::read(scope.snapshot, &scope.cohort)?;
        scope.references.use_notes(&scope.cohort, &strays)?;
        scope.progress.begin(versions.values().map(|rows| rows.len() as u64).sum());
        let (mut roots, mut read) = (SeqSet::default(), SeqSet::default());
        for (resource_type, rows) in &versions {
            rows.iter().for_each(|row| roots.insert(row.seq));
            if scope.references.must_read(resource_type) {
                rows.iter().for_each(|row| read.insert(row.seq));
            }
        }
        scope.keep_accepted(&mut versions, &roots)?;
        scope.pause()?;
        scope.filtered.retain(&mut versions)?;
        let lines = lines_of(scope, lengths, versions)?;
        Ok(AllBlocks { roots, read, lines })
    }

    /// The lines of a patient's block, in order.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled; where the store cannot be read.
    pub fn block(
        &self,
        scope: &mut ExportScope<'_>,
        lengths: &Lengths<'_>,
        patient: &str,
    ) -> Result<Vec<BlockLine>> {
        let own = scope.cohort.view.find(PATIENT, patient)?;
        let mut roots = scope.cohort.roots_of_block(patient)?;
        roots.retain(|seq| self.roots.contains(*seq));
        scope.progress.advance(roots.len() as u64)?;
        let open = self.around(scope, patient, own, &roots)?;
        let mut others = VersionsByType::new();
        let is_root = |seq| roots.binary_search(&seq).is_ok();
        scope.visit_open(open, is_root, &mut |version| insert(&mut others, version))?;
        others.values_mut().for_each(|rows| rows.sort_unstable());
        scope.filtered.retain(&mut others)?;
        let mut lines = Vec::with_capacity(roots.len());
        for seq in &roots {
            if let Ok(at) = self.lines.binary_search_by_key(seq, |line| line.seq) {
                lines.push(self.lines[at]);
            }
        }
        if scope.request.associated.is_some() {
            let exported = lines.iter().chain(others.values().flatten()).map(|row| row.seq);
            let provenances = scope.associated(&scope.provenances, exported.collect())?;
            others.insert(PROVENANCE.to_owned(), provenances);
        }
        let place_of_root = |line: VersionSize| (place(own, &roots, "", line.seq), line.size);
        let mut placed: Vec<_> = lines.into_iter().map(place_of_root).collect();
        for (resource_type, rows) in &others {
            for row in rows {
                let length = lengths.of(resource_type, row.seq, row.size)?;
                placed.push((place(own, &roots, resource_type, row.seq), length));
            }
        }
        placed.sort_unstable();
        Ok(placed.into_iter().map(|((.., seq), length)| (seq, length)).collect())
    }

    /// The Provenance resources about the roots of a block, and what the roots reference; perhaps repeated.
    fn around(
        &self,
        scope: &mut ExportScope<'_>,
        patient: &str,
        own: Option<i64>,
        roots: &[i64],
    ) -> Result<Vec<i64>> {
        let mut open = scope.provenances.about(roots);
        let ExportScope { cohort, references, .. } = scope;
        if !references.are_followed() {
            return Ok(open);
        }
        let mut keys = Vec::new();
        for (seq, key) in cohort.view.references_in_compartment_of(patient)? {
            if roots.binary_search(&seq).is_ok() {
                keys.push(key);
            }
        }
        // A Patient need not be in its own compartment.
        if let Some(own) = own {
            keys.extend(cohort.view.references_of(own)?);
        }
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            open.extend(references.include_noted(cohort, key)?);
        }
        for seq in roots.iter().filter(|seq| self.read.contains(**seq)) {
            references.read(cohort, *seq, &mut open)?;
        }
        Ok(open)
    }
}

/// The lengths of versions of all types, in the order of their numbers.
fn lines_of(
    scope: &ExportScope<'_>,
    lengths: &Lengths<'_>,
    versions: VersionsByType,
) -> Result<Vec<VersionSize>> {
    let ExportScope { snapshot, request, progress, .. } = *scope;
    let made = MadeTexts { snapshot, shape: &request.shape, progress };
    let mut lines = Vec::with_capacity(versions.values().map(Vec::len).sum());
    for (resource_type, rows) in versions {
        if request.shape.must_be_made(&resource_type) {
            made.of_rows(&resource_type, &rows, &mut |row| lines.push(row))?;
            continue;
        }
        for VersionSize { seq, size } in rows {
            lines.push(VersionSize { seq, size: lengths.of(&resource_type, seq, size)? });
        }
    }
    lines.sort_unstable();
    Ok(lines)
}
