//! The files of an export of all patients. Their versions are known as a set of numbers.
//!
//! The store lists the versions of each type, so they are not kept in memory. Where all versions of a type are about
//! patients, its files are ranges as in an export of everything. Else they list their versions, in a byte or two each.

use super::attachments::dangling;
use super::by_type::{of_selection, of_versions, stem};
use super::file::{File, Purpose};
use super::made::MadeTexts;
use super::parts::FileParts;
use super::scope::ExportScope;
use super::seq_set::SeqSet;
use super::shape::Lengths;
use super::versions::{FoundVersions, VersionsByType, for_each_of};
use crate::error::Result;
use crate::fhir::outcome::Issue;
use crate::fhir::provenance::PROVENANCE;
use crate::store::{Reach, VersionHeader, VersionSize};

/// So many texts are made before the next versions are looked at.
const MADE_AT_ONCE: usize = 1 << 16;

/// The files of the versions that were found in a scope, as far as its filters accept them. Notices are added.
///
/// # Errors
/// `Gone` if the job is cancelled; where the store cannot be read.
pub fn of_found(
    scope: &ExportScope<'_>,
    found: &FoundVersions,
    notices: &mut Vec<Issue>,
) -> Result<Vec<File>> {
    let ExportScope { snapshot, request, progress, filtered, .. } = *scope;
    let lengths = Lengths::new(&request.shape, snapshot)?;
    let needs_exported = request.associated.is_some() || request.shape.attachments_base.is_some();
    let mut exported = SeqSet::default();
    let mut files = Vec::new();
    for resource_type in &found.types {
        if !request.filter.accepts_type(resource_type) || request.associates(resource_type) {
            continue;
        }
        let selection = request.filter.selection(resource_type, 0, snapshot.seq());
        // What users may see can change, and then a range may hold other versions.
        let is_range = found.whole_types.contains(resource_type)
            && !filtered.has(resource_type)
            && snapshot.reach() == Reach::Everything;
        let is_of_any_time = selection.since.is_none() && selection.until.is_none();
        let parts = if is_range && (is_of_any_time || request.shape.must_be_made(resource_type)) {
            if needs_exported {
                snapshot.for_each_seq(&selection, |seq| exported.insert(seq))?;
            }
            of_selection(snapshot, request, &selection, &lengths, progress)?
        } else {
            let mut parts = match is_range {
                true => FileParts::ranges(&request.limits, &selection),
                false => FileParts::lists(&request.limits),
            };
            let is_found = |seq| found.contains(seq);
            scope.for_each_length(resource_type, &lengths, &is_found, &mut |row| {
                exported.insert(row.seq);
                parts.add(row.seq, row.size);
            })?;
            parts
        };
        files.extend(parts.files(Purpose::Output, &stem(resource_type), Some(resource_type)));
    }
    if request.associated.is_some() {
        let provenances = scope.associated_with(exported.iter().collect())?;
        provenances.iter().for_each(|row| exported.insert(row.seq));
        let provenances = VersionsByType::from([(PROVENANCE.to_owned(), provenances)]);
        files.extend(of_versions(
            snapshot,
            provenances,
            &request.limits,
            &request.shape,
            progress,
        )?);
        files.sort_by(|one, other| one.resource_type.cmp(&other.resource_type));
    }
    if request.shape.attachments_base.is_some() {
        let is_exported = |version: &VersionHeader| exported.contains(version.seq);
        notices.extend(dangling(snapshot, [0..=snapshot.seq()], is_exported)?);
    }
    Ok(files)
}

impl ExportScope<'_> {
    /// Calls `each` with the number and the length of each version of a type that was found and that the filters accept, in
    /// order. Lengths for which texts are made are made on all cores.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled; where the store cannot be read.
    pub(super) fn for_each_length(
        &self,
        resource_type: &str,
        lengths: &Lengths<'_>,
        is_found: &dyn Fn(i64) -> bool,
        each: &mut dyn FnMut(VersionSize),
    ) -> Result<()> {
        let ExportScope { snapshot, request, progress, filtered, .. } = *self;
        let selection = request.filter.selection(resource_type, 0, snapshot.seq());
        let made = MadeTexts { snapshot, shape: &request.shape, progress };
        let must_be_made = request.shape.must_be_made(resource_type);
        let mut waiting = Vec::new();
        let mut take = |row: VersionSize| {
            // The resources were counted, or the blocks that they stand in will be.
            progress.advance(0)?;
            if !is_found(row.seq) {
                return Ok(());
            }
            if !must_be_made {
                let size = lengths.of(resource_type, row.seq, row.size)?;
                each(VersionSize { size, ..row });
                return Ok(());
            }
            waiting.push(row);
            if waiting.len() == MADE_AT_ONCE {
                made.of_rows(resource_type, &waiting, each)?;
                waiting.clear();
            }
            Ok(())
        };
        if filtered.has(resource_type) {
            filtered.for_each(&selection, &mut take)?;
        } else {
            for_each_of(snapshot, &selection, &mut take)?;
        }
        made.of_rows(resource_type, &waiting, each)
    }
}
