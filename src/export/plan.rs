//! The files of an export, computed: which rows, how many, how many bytes. No body is read.

use std::io::Write;
use std::ops::ControlFlow;

use super::lines;
use super::request::Request;
use crate::error::Result;
use crate::store::{Row, Selection, Snapshot};

/// One file of an export: a range of one type's versions in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub(crate) selection: Selection,
    /// Resources, which is lines.
    pub count: u64,
    /// Bytes, line ends included: the `Content-Length` of the file.
    pub bytes: u64,
    /// Which of its type's files it is, from 1; `None` where it is the only one.
    pub part: Option<u32>,
}

/// The files of an export, each of one type, in the order of types.
pub struct Plan {
    /// What they are cut from.
    pub snapshot: Snapshot,
    /// The files; no one is empty.
    pub files: Vec<File>,
}

impl File {
    /// The type of every resource in it.
    pub fn resource_type(&self) -> &str {
        &self.selection.resource_type
    }
}

impl Plan {
    /// Writes the lines of one of its files: NDJSON, `file.bytes` bytes of it.
    ///
    /// # Errors
    /// `Io` where `out` refuses, `Damaged` where the store no longer has all of it.
    pub fn write(&self, file: &File, out: &mut dyn Write) -> Result<()> {
        lines::write(&self.snapshot, &file.selection, 0..file.bytes, out)
    }

    /// Plans what `request` asks of `snapshot`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn new(snapshot: Snapshot, request: &Request) -> Result<Plan> {
        let mut files = Vec::new();
        for resource_type in snapshot.types()? {
            if request.types.as_ref().is_some_and(|types| !types.contains(&resource_type)) {
                continue;
            }
            let mut selection = Selection {
                resource_type,
                since: request.since,
                until: request.until,
                first: 0,
                last: snapshot.seq(),
            };
            let Some(total) = snapshot.total(&selection)? else {
                continue;
            };
            (selection.first, selection.last) = (total.first, total.last);
            match request.resources_per_file {
                Some(most) if total.count > most.get() => {
                    files.extend(split(&snapshot, &selection, most.get())?);
                }
                _ => files.push(File {
                    selection,
                    count: total.count,
                    bytes: total.bytes + total.count,
                    part: None,
                }),
            }
        }
        Ok(Plan { snapshot, files })
    }
}

fn split(snapshot: &Snapshot, selection: &Selection, most: u64) -> Result<Vec<File>> {
    let mut files: Vec<File> = Vec::new();
    snapshot.rows(selection, |Row { seq, size }| {
        match files.last_mut() {
            Some(file) if file.count < most => {
                file.count += 1;
                file.bytes += size + 1;
                file.selection.last = seq;
            }
            _ => files.push(File {
                selection: Selection { first: seq, last: seq, ..selection.clone() },
                count: 1,
                bytes: size + 1,
                part: Some(files.len() as u32 + 1),
            }),
        }
        ControlFlow::Continue(())
    })?;
    Ok(files)
}
