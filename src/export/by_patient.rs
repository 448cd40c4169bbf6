//! Files organized by patient: for each patient a header, the patient, then the patient's resources.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-output-file-organization>. A resource
//! about several patients stands in the block of each, and so does a resource that several of them
//! reference. A Group of several patients stands in no block, since each block would then list the
//! others. What stands in no block is left out, and a notice gives its number.

use super::all_blocks::AllBlocks;
use super::attachments::dangling_of;
use super::file::{File, Purpose};
use super::parts::FileParts;
use super::request::{ExportRequest, Level};
use super::scope::ExportScope;
use super::seq_set::SeqSet;
use super::shape::Lengths;
use super::versions::VersionsByType;
use crate::error::Result;
use crate::fhir::compartment::PATIENT;
use crate::fhir::outcome::Issue;
use crate::fhir::provenance::PROVENANCE;
use crate::store::Snapshot;

/// Plans the files. A notice is added if something is left out.
///
/// # Errors
/// `Gone` if the job is cancelled; where the store cannot be read.
pub fn plan(
    snapshot: &Snapshot,
    request: &ExportRequest,
    scope: &mut ExportScope<'_>,
    notices: &mut Vec<Issue>,
) -> Result<Vec<File>> {
    let mut parts = FileParts::lists(&request.limits);
    let mut placed = SeqSet::default();
    let patients = scope.cohort.patients()?;
    let lengths = Lengths::new(&request.shape, snapshot)?;
    let all = if scope.cohort.is_limited() {
        scope.begin()?;
        None
    } else {
        Some(AllBlocks::read(scope, &lengths)?)
    };
    for patient in &patients {
        let lines = match &all {
            Some(all) => all.block(scope, &lengths, patient)?,
            None => block(scope, &lengths, patient)?,
        };
        lines.iter().for_each(|(seq, _)| placed.insert(*seq));
        parts.add_block(patient, &lines);
    }
    drop(all);
    let left_out = left_out(snapshot, request, scope, &placed)?;
    if left_out > 0 {
        notices.push(Issue::information(format!(
            "{left_out} of the resources asked for are left out: with organizeOutputBy=Patient each \
             resource is in the block of a patient, and these belong to no single patient"
        )));
    }
    if request.shape.attachments_base.is_some() {
        let seqs: Vec<i64> = placed.iter().collect();
        notices.extend(dangling_of(snapshot, &scope.cohort, &seqs)?);
    }
    Ok(parts.files(Purpose::Output, "blocks", None))
}

/// The number and the length of a version in a block.
pub type BlockLine = (i64, u64);

/// The lines of a patient's block, in order.
fn block(
    scope: &mut ExportScope<'_>,
    lengths: &Lengths<'_>,
    patient: &str,
) -> Result<Vec<BlockLine>> {
    let own = scope.cohort.view.find(PATIENT, patient)?;
    let roots = scope.cohort.roots_of_block(patient)?;
    let versions = scope.versions_around(&roots)?;
    let mut lines = Vec::new();
    for (resource_type, rows) in &versions {
        for row in rows {
            let length = lengths.of(resource_type, row.seq, row.size)?;
            lines.push((place(own, &roots, resource_type, row.seq), length));
        }
    }
    lines.sort_unstable();
    Ok(lines.into_iter().map(|((.., seq), length)| (seq, length)).collect())
}

/// Where a version stands in its block, for sorting: the patient, the resources about the patient, which are the
/// roots, Provenance, then the resources that all these reference; each in order.
pub fn place(
    own: Option<i64>,
    roots: &[i64],
    resource_type: &str,
    seq: i64,
) -> (bool, bool, bool, i64) {
    match roots.binary_search(&seq) {
        Ok(_) => (Some(seq) != own, false, false, seq),
        Err(_) => (true, true, resource_type != PROVENANCE, seq),
    }
}

/// The number of resources that the request asks for and that stand in no block.
fn left_out(
    snapshot: &Snapshot,
    request: &ExportRequest,
    scope: &mut ExportScope<'_>,
    placed: &SeqSet,
) -> Result<u64> {
    let mut all = VersionsByType::new();
    if request.level == Level::System {
        for selection in request.selections(snapshot)? {
            all.insert(selection.resource_type.clone(), snapshot.sizes(&selection)?);
        }
        scope.complete(&mut all)?;
    } else {
        let roots = scope.cohort.roots_in_no_block()?;
        all = scope.versions_around(&roots)?;
    }
    Ok(all.values().flatten().filter(|row| !placed.contains(row.seq)).count() as u64)
}
