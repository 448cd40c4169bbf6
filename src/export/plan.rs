//! The files of an export, worked out: which versions, how many, how many bytes.
//!
//! An export of everything reads no body for that, only an index. One of patients reads theirs, for
//! what they reference; one with `_elements` reads all, for how long they will be.

use std::io::Write;
use std::num::NonZeroU64;

use super::blocks;
use super::file::{Content, File, Purpose};
use super::lines;
use super::request::{ExportRequest, Level};
use super::rows::{self, Block};
use super::scope::{Picks, Scope};
use super::shape::{Lengths, Shape};
use super::work::Work;
use crate::error::Result;
use crate::fhir::outcome::{Issue, OperationOutcome};
use crate::store::{Row, Selection, Snapshot, Tombstone};

/// The files of an export: its resources in the order of their types, what was deleted, what is to
/// be said.
pub struct Plan {
    /// What they are cut from.
    pub snapshot: Snapshot,
    /// The files; no one is empty.
    pub files: Vec<File>,
    pub(super) is_organized: bool,
    pub(super) has_since: bool,
    shape: Shape,
}

impl Plan {
    /// Plans what `request` asks of `snapshot`.
    ///
    /// # Errors
    /// `NotFound` for a Group that is not there, `Invalid` for one that lists nobody; where the store
    /// cannot be read.
    pub fn new(snapshot: Snapshot, request: &ExportRequest) -> Result<Plan> {
        Plan::work(snapshot, request, &Work::default())
    }

    /// The same for somebody who wants to know how far it is, or may call it off.
    pub(super) fn work(snapshot: Snapshot, request: &ExportRequest, work: &Work) -> Result<Plan> {
        let shape = Shape::of(request);
        let limits = Limits::of(request);
        let mut notices = request.notices.clone();
        let mut files = Vec::new();
        let deleted = {
            let by_range = request.level == Level::System && !request.organize_by_patient;
            let is_plain = by_range && request.associated.is_none() && request.since.is_none();
            let mut scope = match is_plain {
                true => None,
                false => Some(Scope::new(&snapshot, request, work)?),
            };
            if request.organize_by_patient {
                let scope = scope.as_mut().expect("made for all but plain requests");
                files = blocks::plan(&snapshot, request, scope, &limits, &shape, &mut notices)?;
            } else if by_range {
                if let Some(scope) = &scope {
                    scope.pause()?;
                }
                files = ranges(&snapshot, request, scope.as_ref(), &limits, &shape, work)?;
            } else if let Some(scope) = &mut scope {
                let picks = scope.picks()?;
                scope.pause()?;
                files = picked(&snapshot, picks, &limits, &shape, work)?;
            }
            if let Some(scope) = &mut scope {
                notices.extend(scope.notices());
            }
            scope.map_or(Ok(Vec::new()), |mut scope| scope.deleted())?
        };
        files.extend(bundles(&deleted, &limits));
        files.extend(outcomes(&notices));
        Ok(Plan {
            snapshot,
            files,
            is_organized: request.organize_by_patient,
            has_since: request.since.is_some(),
            shape,
        })
    }

    /// Writes the lines of one of its files: NDJSON, `file.bytes` bytes of it.
    ///
    /// # Errors
    /// `Io` where `out` refuses, `Damaged` where the store no longer has all of it.
    pub fn write(&self, file: &File, out: &mut dyn Write) -> Result<()> {
        lines::write(&self.snapshot, file, &self.shape, 0..file.bytes, out)
    }
}

/// When a file is full.
pub(super) struct Limits {
    lines: Option<NonZeroU64>,
    bytes: Option<NonZeroU64>,
}

impl Limits {
    fn of(request: &ExportRequest) -> Limits {
        Limits { lines: request.resources_per_file, bytes: request.maximum_file_size }
    }

    fn are_none(&self) -> bool {
        self.lines.is_none() && self.bytes.is_none()
    }

    /// True where a file of so many lines and bytes has room for that many more.
    pub(super) fn allow(&self, count: u64, bytes: u64, more: u64, more_bytes: u64) -> bool {
        self.lines.is_none_or(|most| count + more <= most.get())
            && self.bytes.is_none_or(|most| bytes + more_bytes <= most.get())
    }
}

/// A file in the making: some lines after each other.
#[derive(Default)]
struct Part {
    seqs: Vec<i64>,
    first: i64,
    last: i64,
    count: u64,
    bytes: u64,
}

/// Lines put into as few files as the limits allow.
struct Parts<'a> {
    limits: &'a Limits,
    lists: bool,
    parts: Vec<Part>,
}

impl Parts<'_> {
    fn add(&mut self, seq: i64, length: u64) {
        let fits = |part: &Part| self.limits.allow(part.count, part.bytes, 1, length + 1);
        if !self.parts.last().is_some_and(fits) {
            self.parts.push(Part { first: seq, ..Part::default() });
        }
        let Some(part) = self.parts.last_mut() else { return };
        part.last = seq;
        part.count += 1;
        part.bytes += length + 1;
        if self.lists {
            part.seqs.push(seq);
        }
    }

    fn files(
        self,
        purpose: Purpose,
        stem: &str,
        resource_type: &str,
        content: impl Fn(&Part) -> Content,
    ) -> Vec<File> {
        let several = self.parts.len() > 1;
        let made = self.parts.iter().enumerate().map(|(index, part)| File {
            purpose,
            name: name(stem, several.then_some(index + 1)),
            resource_type: Some(resource_type.to_owned()),
            count: part.count,
            bytes: part.bytes,
            continues_in: None,
            content: content(part),
        });
        made.collect()
    }
}

/// What the names of a type's files begin with: its name, but for a type that is called like another
/// file of an export.
fn stem(resource_type: &str) -> String {
    match resource_type {
        "deleted" | "error" | "blocks" => format!("{resource_type}-resources"),
        _ => resource_type.to_owned(),
    }
}

/// `Patient.ndjson`, or `Patient.001.ndjson` where there are several.
pub(super) fn name(stem: &str, part: Option<usize>) -> String {
    match part {
        None => format!("{stem}.ndjson"),
        Some(part) => format!("{stem}.{part:03}.ndjson"),
    }
}

fn listed(part: &Part) -> Content {
    Content::Rows(rows::encode(&[Block { patient: None, seqs: part.seqs.clone() }]))
}

/// What an export of everything is, type by type, but for Provenance that was asked for otherwise.
pub(super) fn selections(snapshot: &Snapshot, request: &ExportRequest) -> Result<Vec<Selection>> {
    let is_replaced = |name: &str| request.associated.is_some() && name == "Provenance";
    let types = snapshot.types()?.into_iter();
    let wanted = types.filter(|name| request.wants(name) && !is_replaced(name));
    let selection = |name: String| Selection {
        since: request.since,
        until: request.until,
        ..Selection::all(&name, snapshot)
    };
    Ok(wanted.map(selection).collect())
}

/// An export of everything: files are ranges, but for Provenance that was asked for otherwise.
fn ranges(
    snapshot: &Snapshot,
    request: &ExportRequest,
    scope: Option<&Scope<'_>>,
    limits: &Limits,
    shape: &Shape,
    work: &Work,
) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut returned = Picks::new();
    for selection in selections(snapshot, request)? {
        let resource_type = selection.resource_type.clone();
        let range = |part: &Part| {
            Content::Range(Selection { first: part.first, last: part.last, ..selection.clone() })
        };
        let parts = of_range(snapshot, &selection, limits, shape, work)?;
        files.extend(parts.files(Purpose::Output, &stem(&resource_type), &resource_type, range));
        if request.associated.is_some() {
            returned.insert(resource_type, snapshot.list(&selection)?);
        }
    }
    if let Some(scope) = scope.filter(|_| request.associated.is_some()) {
        scope.associate(&mut returned)?;
        returned.retain(|resource_type, _| resource_type == "Provenance");
        files.extend(picked(snapshot, returned, limits, shape, work)?);
        files.sort_by(|one, other| one.resource_type.cmp(&other.resource_type));
    }
    Ok(files)
}

fn of_range<'a>(
    snapshot: &Snapshot,
    selection: &Selection,
    limits: &'a Limits,
    shape: &Shape,
    work: &Work,
) -> Result<Parts<'a>> {
    let mut parts = Parts { limits, lists: false, parts: Vec::new() };
    let Some(total) = snapshot.total(selection)? else { return Ok(parts) };
    let must_be_made = shape.must_be_made(&selection.resource_type);
    if limits.are_none() && !must_be_made {
        parts.parts.push(Part {
            first: total.first,
            last: total.last,
            count: total.count,
            bytes: shape.bytes_of(snapshot, selection, &total)?,
            ..Part::default()
        });
        return Ok(parts);
    }
    work.begin(total.count);
    let view = snapshot.view()?;
    let lengths = Lengths::new(shape, &view)?;
    for Row { seq, size } in snapshot.list(selection)? {
        work.step()?;
        parts.add(seq, lengths.of(&selection.resource_type, seq, size)?);
    }
    Ok(parts)
}

/// Files of versions that were picked one by one.
fn picked(
    snapshot: &Snapshot,
    picks: Picks,
    limits: &Limits,
    shape: &Shape,
    work: &Work,
) -> Result<Vec<File>> {
    let view = snapshot.view()?;
    let lengths = Lengths::new(shape, &view)?;
    let mut files = Vec::new();
    for (resource_type, picks) in picks {
        let mut parts = Parts { limits, lists: true, parts: Vec::new() };
        for Row { seq, size } in picks {
            work.step()?;
            parts.add(seq, lengths.of(&resource_type, seq, size)?);
        }
        files.extend(parts.files(Purpose::Output, &stem(&resource_type), &resource_type, listed));
    }
    Ok(files)
}

/// Files of Bundles that say what was deleted.
fn bundles(deleted: &[Tombstone], limits: &Limits) -> Vec<File> {
    let mut parts = Parts { limits, lists: true, parts: Vec::new() };
    for Tombstone { seq, resource_type, id, .. } in deleted {
        parts.add(*seq, lines::deletion(resource_type, id).len() as u64);
    }
    parts.files(Purpose::Deleted, "deleted", "Bundle", listed)
}

/// A file of one OperationOutcome for each thing that is to be said.
fn outcomes(notices: &[Issue]) -> Option<File> {
    let lines: Vec<u8> = notices
        .iter()
        .flat_map(|issue| OperationOutcome::of(std::slice::from_ref(issue)).to_line())
        .collect();
    (!notices.is_empty()).then(|| File {
        purpose: Purpose::Error,
        name: name("error", None),
        resource_type: Some("OperationOutcome".to_owned()),
        count: notices.len() as u64,
        bytes: lines.len() as u64,
        continues_in: None,
        content: Content::Text(String::from_utf8(lines).unwrap_or_default()),
    })
}
