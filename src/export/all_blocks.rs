//! The blocks of all patients: what stands in them is found type by type, instead of block by block.
//!
//! Its roots are those of `all_patients.rs`, with their lengths. For each patient an index lists which of them are about
//! the patient, and another what they reference. What else comes along is as in `scope.rs`.

use super::block_lines::{BlockLine, BlockLines};
use super::scope::ExportScope;
use super::seq_set::SeqSet;
use super::shape::Lengths;
use super::versions::{VersionsByType, insert};
use super::whole::Whole;
use crate::error::Result;
use crate::fhir::compartment::PATIENT;
use crate::fhir::provenance::PROVENANCE;
use crate::store::{Selection, VersionSize};

/// What all blocks are made of.
pub struct AllBlocks {
    /// All Patients, and all versions in any compartment.
    roots: SeqSet,
    /// Those of them whose bodies are read for their references.
    read: SeqSet,
    /// The lengths of those of them that are exported.
    lines: LineLengths,
}

impl AllBlocks {
    /// Finds it, in a scope of all patients. From now on the store's notes tell references.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled; where the store cannot be read.
    pub fn read(scope: &mut ExportScope<'_>, lengths: &Lengths<'_>) -> Result<AllBlocks> {
        let Whole { roots, count, types, strays, .. } = Whole::read(scope.snapshot, &scope.cohort)?;
        scope.references.use_notes(&scope.cohort, &strays)?;
        scope.progress.begin(count);
        let mut read = SeqSet::default();
        for resource_type in types.iter().filter(|name| scope.references.must_read(name)) {
            let all = Selection::all(resource_type, scope.snapshot);
            scope.snapshot.for_each_seq(&all, |seq| {
                if roots.contains(seq) {
                    read.insert(seq);
                }
            })?;
        }
        scope.pause()?;
        let mut lines = LineLengths::default();
        let request = scope.request;
        for resource_type in &types {
            if request.filter.accepts_type(resource_type) && !request.associates(resource_type) {
                let is_root = |seq| roots.contains(seq);
                let mut add = |row: VersionSize| lines.insert(row.seq, row.size);
                scope.for_each_length(resource_type, lengths, &is_root, &mut add)?;
            }
        }
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
        let mut lines = BlockLines::new(own, &roots);
        let mut exported = Vec::new();
        for seq in &roots {
            if let Some(length) = self.lines.of(*seq) {
                lines.add_root(*seq, length);
                exported.push(*seq);
            }
        }
        if scope.request.associated.is_some() {
            exported.extend(others.values().flatten().map(|row| row.seq));
            let provenances = scope.associated(&scope.provenances, exported)?;
            others.insert(PROVENANCE.to_owned(), provenances);
        }
        for (resource_type, rows) in &others {
            for row in rows {
                lines.add(resource_type, row.seq, lengths.of(resource_type, row.seq, row.size)?);
            }
        }
        Ok(lines.in_order())
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

/// The lengths of lines by the numbers of their versions, in four bytes for each number.
#[derive(Default)]
struct LineLengths(Vec<u32>);

impl LineLengths {
    /// Notes the length of a line. No body is longer than SQLite takes, which is less than 4 GiB.
    fn insert(&mut self, seq: i64, length: u64) {
        let at = usize::try_from(seq).unwrap_or_default();
        if at >= self.0.len() {
            self.0.resize(at + 1, 0);
        }
        self.0[at] = u32::try_from(length).unwrap_or(u32::MAX);
    }

    /// The length of the line of a version; `None` for one that has no line.
    fn of(&self, seq: i64) -> Option<u64> {
        let length = self.0.get(usize::try_from(seq).ok()?)?;
        (*length > 0).then_some(u64::from(*length))
    }
}
