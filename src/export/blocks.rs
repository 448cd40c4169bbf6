//! Files organized by patient: a header, the patient, and what is about them, patient by patient.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-output-file-organization>. A resource
//! about several patients is in the block of each, and so is what their resources reference. What is
//! in no block is left out, and that is said; so are Groups of several patients, whose lists would be in
//! the block of each.

use std::collections::HashSet;

use super::file::{Content, File, Purpose};
use super::plan::{Limits, name, selections};
use super::request::{ExportRequest, Level};
use super::rows::{self, Block};
use super::scope::{Picks, Scope};
use super::shape::{Lengths, Shape};
use crate::error::Result;
use crate::fhir::compartment::PATIENT;
use crate::fhir::outcome::Issue;
use crate::fhir::parameters::header;
use crate::store::Snapshot;

/// Plans the files.
pub(super) fn plan(
    snapshot: &Snapshot,
    request: &ExportRequest,
    scope: &mut Scope<'_>,
    limits: &Limits,
    shape: &Shape,
    notices: &mut Vec<Issue>,
) -> Result<Vec<File>> {
    let mut parts = Parts { limits, parts: vec![Part::default()] };
    let mut placed = HashSet::new();
    let patients = scope.patients()?;
    scope.begin()?;
    let view = snapshot.view()?;
    let lengths = Lengths::new(shape, &view)?;
    for patient in &patients {
        let lines = block(scope, &lengths, patient)?;
        placed.extend(lines.iter().map(|(seq, _)| *seq));
        parts.add(patient, &lines);
    }
    let left_out = left_out(snapshot, request, scope, &placed)?;
    if left_out > 0 {
        notices.push(Issue::information(format!(
            "left out, because organizeOutputBy=Patient has no place for what is about no patient and is \
             referenced by nothing that is: {left_out} of the resources asked for"
        )));
    }
    Ok(parts.files())
}

/// The versions of a patient's block with their lengths: the patient, what is about them, what these
/// reference.
fn block(scope: &mut Scope<'_>, lengths: &Lengths<'_>, patient: &str) -> Result<Vec<(i64, u64)>> {
    let own = scope.view.find(PATIENT, patient)?;
    let roots = scope.of_block(patient)?;
    let picks = scope.picks_around(&roots)?;
    // The patient, then what is about them, then Provenance, then what came along; each in order.
    let place = |resource_type: &str, seq: i64| match roots.binary_search(&seq) {
        Ok(_) => (Some(seq) != own, false, false, seq),
        Err(_) => (true, true, resource_type != "Provenance", seq),
    };
    let mut lines = Vec::new();
    for (resource_type, picks) in &picks {
        for pick in picks {
            let length = lengths.of(resource_type, pick.seq, pick.size)?;
            lines.push((place(resource_type, pick.seq), length));
        }
    }
    lines.sort_unstable();
    Ok(lines.into_iter().map(|((.., seq), length)| (seq, length)).collect())
}

/// How many resources were asked for and are in no block.
fn left_out(
    snapshot: &Snapshot,
    request: &ExportRequest,
    scope: &mut Scope<'_>,
    placed: &HashSet<i64>,
) -> Result<u64> {
    let mut all = Picks::new();
    if request.level == Level::System {
        for selection in selections(snapshot, request)? {
            all.insert(selection.resource_type.clone(), snapshot.list(&selection)?);
        }
        scope.associate(&mut all)?;
    } else {
        all = scope.picks_beside_patients()?;
    }
    Ok(all.values().flatten().filter(|pick| !placed.contains(&pick.seq)).count() as u64)
}

/// A file in the making.
#[derive(Default)]
struct Part {
    blocks: Vec<Block>,
    count: u64,
    bytes: u64,
    continues: bool,
}

struct Parts<'a> {
    limits: &'a Limits,
    parts: Vec<Part>,
}

impl Parts<'_> {
    /// Adds a block: whole where a file has room for it, else over as many files as it takes.
    fn add(&mut self, patient: &str, lines: &[(i64, u64)]) {
        if lines.is_empty() {
            return;
        }
        let header = header(patient).len() as u64 + 1;
        let whole = header + lines.iter().map(|(_, length)| length + 1).sum::<u64>();
        let Some(mut part) = self.parts.last_mut() else { return };
        let fits = self.limits.allow(part.count, part.bytes, lines.len() as u64 + 1, whole);
        if part.count > 0 && !fits {
            self.parts.push(Part::default());
            part = self.parts.last_mut().expect("just added");
        }
        part.begin(patient, header);
        for (seq, length) in lines {
            let is_begun = part.blocks.last().is_some_and(|block| !block.seqs.is_empty());
            if is_begun && !self.limits.allow(part.count, part.bytes, 1, length + 1) {
                part.continues = true;
                self.parts.push(Part::default());
                part = self.parts.last_mut().expect("just added");
                part.begin(patient, header);
            }
            part.count += 1;
            part.bytes += length + 1;
            if let Some(block) = part.blocks.last_mut() {
                block.seqs.push(*seq);
            }
        }
    }

    fn files(self) -> Vec<File> {
        let parts: Vec<Part> = self.parts.into_iter().filter(|part| part.count > 0).collect();
        let several = parts.len() > 1;
        let name = |index: usize| name("blocks", several.then_some(index + 1));
        let made = parts.iter().enumerate().map(|(index, part)| File {
            purpose: Purpose::Output,
            name: name(index),
            resource_type: None,
            count: part.count,
            bytes: part.bytes,
            continues_in: part.continues.then(|| name(index + 1)),
            content: Content::Rows(rows::encode(&part.blocks)),
        });
        made.collect()
    }
}

impl Part {
    fn begin(&mut self, patient: &str, header: u64) {
        self.blocks.push(Block { patient: Some(patient.to_owned()), seqs: Vec::new() });
        self.count += 1;
        self.bytes += header;
    }
}
