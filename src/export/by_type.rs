//! Files of one type each, and the files of deletions and notices.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#response---output-manifest>

use super::attachments::dangling;
use super::binaries::WithheldBinaries;
use super::file::{Content, File, Purpose};
use super::filtered::FilteredTypes;
use super::lines::deletion;
use super::made::MadeTexts;
use super::parts::{FileLimits, FileParts, file_name};
use super::progress::JobProgress;
use super::request::ExportRequest;
use super::scope::ExportScope;
use super::seq_set::SeqSet;
use super::shape::{Lengths, ResourceShape};
use super::versions::{VersionsByType, holds};
use crate::error::Result;
use crate::fhir::outcome::{Issue, OperationOutcome};
use crate::store::{Selection, Snapshot, Tombstone, VersionSize};

/// The files of an export of everything: ranges, except for types with a filter, for the Provenance that
/// `includeAssociatedData` asks for and where Binaries about patients are left out. Provenance takes a
/// `scope`.
///
/// # Errors
/// `Gone` if the job is cancelled; where the store cannot be read.
pub fn of_everything(
    snapshot: &Snapshot,
    request: &ExportRequest,
    filtered: &FilteredTypes<'_>,
    scope: Option<&ExportScope<'_>>,
    notices: &mut Vec<Issue>,
    progress: &JobProgress,
) -> Result<Vec<File>> {
    let ExportRequest { limits, shape, .. } = request;
    let withheld = WithheldBinaries::find(snapshot, request)?;
    let lengths = Lengths::new(shape, snapshot)?;
    let mut files = Vec::new();
    let mut exported = VersionsByType::new();
    // What the filters of types find, whatever the type.
    let mut found = SeqSet::default();
    for selection in request.selections(snapshot)? {
        let resource_type = selection.resource_type.clone();
        if filtered.has(&resource_type) {
            let mut parts = FileParts::lists(limits);
            let mut listed = Vec::new();
            filtered.for_each(&selection, &mut |version| {
                found.insert(version.seq);
                if withheld.has(version.seq) {
                    return Ok(());
                }
                if request.associated.is_some() {
                    listed.push(version);
                }
                let length = lengths.of(&resource_type, version.seq, version.size)?;
                parts.add(version.seq, length);
                Ok(())
            })?;
            files.extend(parts.files(Purpose::Output, &stem(&resource_type), Some(&resource_type)));
            exported.insert(resource_type, listed);
            continue;
        }
        let rest = withheld.rest(snapshot, &selection)?;
        if request.associated.is_some() {
            let versions = rest.clone().map_or_else(|| snapshot.sizes(&selection), Ok)?;
            exported.insert(resource_type.clone(), versions);
        }
        if let Some(rest) = rest {
            let rest = VersionsByType::from([(resource_type, rest)]);
            files.extend(of_versions(snapshot, rest, limits, shape, progress)?);
            continue;
        }
        let parts = of_selection(snapshot, request, &selection, &lengths, progress)?;
        files.extend(parts.files(Purpose::Output, &stem(&resource_type), Some(&resource_type)));
    }
    let accepts = |resource_type: &str, seq| !filtered.has(resource_type) || found.contains(seq);
    notices.extend(withheld.notices(snapshot, request, &accepts)?);
    let scope = scope.filter(|_| request.associated.is_some());
    if let Some(scope) = scope {
        scope.associate(&mut exported)?;
        exported.retain(|resource_type, _| request.associates(resource_type));
    }
    if shape.attachments_base.is_some() {
        notices.extend(dangling(snapshot, [0..=snapshot.seq()], |version| {
            if request.associates(&version.resource_type) {
                holds(&exported, version)
            } else {
                request.filter.accepts(version) && accepts(&version.resource_type, version.seq)
            }
        })?);
    }
    if scope.is_some() {
        files.extend(of_versions(snapshot, exported, limits, shape, progress)?);
        files.sort_by(|one, other| one.resource_type.cmp(&other.resource_type));
    }
    Ok(files)
}

fn of_selection<'a>(
    snapshot: &Snapshot,
    request: &'a ExportRequest,
    selection: &Selection,
    lengths: &Lengths<'_>,
    progress: &JobProgress,
) -> Result<FileParts<'a>> {
    let ExportRequest { limits, shape, .. } = request;
    let mut parts = FileParts::ranges(limits, selection);
    let Some(total) = snapshot.total(selection)? else { return Ok(parts) };
    if limits.are_none() && !shape.must_be_made(&selection.resource_type) {
        parts.add_all(&total, shape.bytes_of(snapshot, selection, &total)?);
        return Ok(parts);
    }
    progress.begin(total.count);
    if shape.must_be_made(&selection.resource_type) {
        let made = MadeTexts { snapshot, shape, progress };
        made.of_selection(selection, &mut |version| parts.add(version.seq, version.size))?;
        return Ok(parts);
    }
    for VersionSize { seq, size } in snapshot.sizes(selection)? {
        progress.step()?;
        parts.add(seq, lengths.of(&selection.resource_type, seq, size)?);
    }
    Ok(parts)
}

/// The files of versions that were found one by one.
///
/// # Errors
/// `Gone` if the job is cancelled; where the store cannot be read.
pub fn of_versions(
    snapshot: &Snapshot,
    versions: VersionsByType,
    limits: &FileLimits,
    shape: &ResourceShape,
    progress: &JobProgress,
) -> Result<Vec<File>> {
    let lengths = Lengths::new(shape, snapshot)?;
    let mut files = Vec::new();
    for (resource_type, rows) in versions {
        let mut parts = FileParts::lists(limits);
        if shape.must_be_made(&resource_type) {
            let made = MadeTexts { snapshot, shape, progress };
            made.of_rows(&resource_type, &rows, &mut |row| parts.add(row.seq, row.size))?;
        } else {
            for VersionSize { seq, size } in rows {
                progress.step()?;
                parts.add(seq, lengths.of(&resource_type, seq, size)?);
            }
        }
        files.extend(parts.files(Purpose::Output, &stem(&resource_type), Some(&resource_type)));
    }
    Ok(files)
}

/// What the names of a type's files begin with: the type, unless another file has that name.
fn stem(resource_type: &str) -> String {
    match resource_type {
        "deleted" | "error" | "blocks" => format!("{resource_type}-resources"),
        _ => resource_type.to_owned(),
    }
}

/// The files of `deleted`: one Bundle for each deletion.
pub fn of_deletions(deletions: &[Tombstone], limits: &FileLimits) -> Vec<File> {
    let mut parts = FileParts::lists(limits);
    for Tombstone { seq, resource_type, id, .. } in deletions {
        parts.add(*seq, deletion(resource_type, id).len() as u64);
    }
    parts.files(Purpose::Deleted, "deleted", Some("Bundle"))
}

/// The file of `error`: one OperationOutcome for each notice. `None` if there are no notices.
pub fn of_notices(notices: &[Issue]) -> Option<File> {
    let lines: Vec<u8> = notices
        .iter()
        .flat_map(|issue| OperationOutcome::of(std::slice::from_ref(issue)).to_line())
        .collect();
    (!notices.is_empty()).then(|| File {
        purpose: Purpose::Error,
        name: file_name("error", None),
        resource_type: Some("OperationOutcome".to_owned()),
        count: notices.len() as u64,
        bytes: lines.len() as u64,
        continues_in: None,
        content: Content::Text(String::from_utf8(lines).unwrap_or_default()),
    })
}
