//! Cuts lines into files: a new file begins where a limit is reached.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>, `_minimumFileSize` and
//! `_maximumFileSize`. Files of one type hold a line for each version. Files organized by patient
//! hold blocks: a header line, then the patient's versions. The header stands again where a block
//! goes on in the next file.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::file::{Content, File, Purpose};
use super::rows::BlockEncoder;
use crate::fhir::parameters::header;
use crate::store::{Selection, TypeTotal};

/// The size of files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileLimits {
    /// A file should have this many bytes at least. It changes nothing: files are as large as the
    /// other limits allow.
    pub minimum_file_size: Option<NonZeroU64>,
    /// A file has this many bytes at most, unless a single resource has more.
    pub maximum_file_size: Option<NonZeroU64>,
    /// A file has this many resources at most.
    pub resources_per_file: Option<NonZeroU64>,
}

impl FileLimits {
    /// True if no limit ever begins a new file.
    pub(super) fn are_none(&self) -> bool {
        self.resources_per_file.is_none() && self.maximum_file_size.is_none()
    }

    /// True if a part has room for so many more resources and bytes.
    fn have_room(&self, part: &FilePart, resources: u64, bytes: u64) -> bool {
        self.resources_per_file.is_none_or(|most| part.count + resources <= most.get())
            && self.maximum_file_size.is_none_or(|most| part.bytes + bytes <= most.get())
    }
}

/// One file in the making.
#[derive(Default)]
struct FilePart {
    /// The versions, if they are listed one by one.
    rows: BlockEncoder,
    /// The number of the first version.
    first: i64,
    /// The number of the last version.
    last: i64,
    /// The lines that are no headers.
    count: u64,
    bytes: u64,
    /// Lines after the last header.
    lines_in_block: u64,
    /// True if the next file goes on with the last block.
    continues: bool,
}

/// Lines, cut into as few files as the limits allow.
pub struct FileParts<'a> {
    limits: &'a FileLimits,
    /// The range of versions, if files are ranges of it instead of lists.
    range: Option<Selection>,
    /// The patient whose block is under way.
    patient: Option<String>,
    parts: Vec<FilePart>,
}

impl<'a> FileParts<'a> {
    /// Files that list their versions.
    pub fn lists(limits: &'a FileLimits) -> FileParts<'a> {
        FileParts { limits, range: None, patient: None, parts: Vec::new() }
    }

    /// Files that are ranges of a selection: all versions in it are added, in order.
    pub fn ranges(limits: &'a FileLimits, selection: &Selection) -> FileParts<'a> {
        FileParts { range: Some(selection.clone()), ..FileParts::lists(limits) }
    }

    /// Adds the whole selection as one file of `bytes` bytes.
    pub fn add_all(&mut self, total: &TypeTotal, bytes: u64) {
        let TypeTotal { count, first, last, .. } = *total;
        self.parts.push(FilePart { first, last, count, bytes, ..FilePart::default() });
    }

    /// Adds the line of a version; `length` does not count the line end.
    pub fn add(&mut self, seq: i64, length: u64) {
        let is_listed = self.range.is_none();
        let part = self.with_room(seq, length + 1);
        part.last = seq;
        part.count += 1;
        part.bytes += length + 1;
        part.lines_in_block += 1;
        if is_listed {
            part.rows.add(seq);
        }
    }

    /// Adds a patient's block of lines: whole if a file has room for it, else over as many files as
    /// it takes.
    pub fn add_block(&mut self, patient: &str, lines: &[(i64, u64)]) {
        if lines.is_empty() {
            return;
        }
        let bytes = header_size(patient) + lines.iter().map(|(_, length)| length + 1).sum::<u64>();
        let has_room = |part: &FilePart| self.limits.have_room(part, lines.len() as u64, bytes);
        if !self.parts.last().is_some_and(has_room) {
            self.parts.push(FilePart::default());
        }
        self.patient = Some(patient.to_owned());
        if let Some(part) = self.parts.last_mut() {
            part.begin_block(self.patient.as_deref());
        }
        for (seq, length) in lines {
            self.add(*seq, *length);
        }
    }

    /// The last part if it has room for a line, else a new one. The first line of a block always
    /// has room.
    fn with_room(&mut self, seq: i64, bytes: u64) -> &mut FilePart {
        let has_room =
            |part: &FilePart| part.lines_in_block == 0 || self.limits.have_room(part, 1, bytes);
        if !self.parts.last().is_some_and(has_room) {
            if let (Some(part), Some(_)) = (self.parts.last_mut(), &self.patient) {
                part.continues = true;
            }
            let mut part = FilePart { first: seq, ..FilePart::default() };
            part.begin_block(self.patient.as_deref());
            self.parts.push(part);
        }
        self.parts.last_mut().expect("there is one, or it was just added")
    }

    /// The files. Their names begin with `stem`.
    pub fn files(self, purpose: Purpose, stem: &str, resource_type: Option<&str>) -> Vec<File> {
        let several = self.parts.len() > 1;
        let name = |index: usize| file_name(stem, several.then_some(index + 1));
        let made = self.parts.into_iter().enumerate().map(|(index, part)| File {
            purpose,
            name: name(index),
            resource_type: resource_type.map(str::to_owned),
            count: part.count,
            bytes: part.bytes,
            continues_in: part.continues.then(|| name(index + 1)),
            content: match &self.range {
                Some(range) => Content::Range(Selection {
                    first: part.first,
                    last: part.last,
                    ..range.clone()
                }),
                None => Content::Rows(part.rows.finish()),
            },
        });
        made.collect()
    }
}

impl FilePart {
    /// Begins a block: under the header of a patient, or without a header.
    fn begin_block(&mut self, patient: Option<&str>) {
        self.rows.begin(patient);
        self.lines_in_block = 0;
        // A header is no resource: clients compare `count` with the lines that are none.
        if let Some(patient) = patient {
            self.bytes += header_size(patient);
        }
    }
}

/// The bytes of a block's header line.
pub fn header_size(patient: &str) -> u64 {
    header(patient).len() as u64 + 1
}

/// `Patient.ndjson`, or `Patient.001.ndjson` if there are several.
pub fn file_name(stem: &str, part: Option<usize>) -> String {
    match part {
        None => format!("{stem}.ndjson"),
        Some(part) => format!("{stem}.{part:03}.ndjson"),
    }
}
