//! The members of an archive, read in the order in which a folder of the same files would be. Nothing is
//! written under a member's name, so absolute names and names with `..` do no harm.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::Read;

use super::file_name::{is_attachment_folder, is_fhir_json, is_hidden, is_ndjson, reading_order};
use super::form::begins_a_resource;
use super::piece::{Piece, PieceVisitor};
use super::stream::peek;
use crate::error::Result;

/// A member of an archive.
pub(super) struct ArchiveMember {
    pub(super) name: String,
    /// Its number in the archive.
    pub(super) index: usize,
    pub(super) kind: MemberKind,
}

/// What a member is.
pub(super) enum MemberKind {
    File,
    /// Another name for what `target` names.
    Link {
        target: String,
    },
    /// A file that cannot be read, and why.
    Unreadable(&'static str),
}

/// Reads the text of a member, which may be compressed; the first argument is its place.
pub(super) type MemberReader = fn(&str, Box<dyn Read + '_>, PieceVisitor<'_>) -> Result<()>;

/// An archive whose members can be read in any order.
pub(super) trait Archive {
    /// Opens a member; the error is the reason why it cannot be read.
    fn open(&mut self, index: usize) -> std::result::Result<Box<dyn Read + '_>, String>;
}

/// Reads the members that are FHIR JSON, and reports the others.
pub(super) fn read_members(
    archive_name: &str,
    mut members: Vec<ArchiveMember>,
    archive: &mut dyn Archive,
    read_member: MemberReader,
    visit: PieceVisitor<'_>,
) -> Result<()> {
    let names: BTreeSet<String> = members.iter().map(|member| plain(&member.name)).collect();
    members.sort_by(|a, b| in_folder_order(&a.name, &b.name).then(a.index.cmp(&b.index)));
    let mut attachments: BTreeMap<String, u64> = BTreeMap::new();
    for member in members {
        let parts: Vec<&str> = member.name.split('/').collect();
        let (file, folders) = parts.split_last().unwrap_or((&"", &[]));
        if parts.iter().any(|part| is_left_out(part)) {
            continue;
        }
        let place = format!("{archive_name}/{}", member.name);
        if let Some(folder) = attachment_folder(&member.name) {
            *attachments.entry(folder.to_owned()).or_default() += 1;
            continue;
        }
        match member.kind {
            MemberKind::Unreadable(reason) if is_fhir_json(file) => {
                visit(&place, Piece::refused(reason))?;
            }
            MemberKind::Link { target } if is_fhir_json(file) => {
                let beside = folders.iter().chain([&target.as_str()]).copied().collect::<Vec<_>>();
                let is_here =
                    names.contains(&plain(&target)) || names.contains(&plain(&beside.join("/")));
                visit(
                    &place,
                    if is_here {
                        let reason = format!("a link to {target}, which is read itself");
                        Piece::Remark { reason }
                    } else {
                        Piece::refused(format!("a link to {target}, which is not in the archive"))
                    },
                )?;
            }
            MemberKind::Unreadable(_) | MemberKind::Link { .. } => visit(&place, Piece::Skipped)?,
            MemberKind::File => match archive.open(member.index) {
                Err(reason) if is_fhir_json(file) => visit(&place, Piece::refused(reason))?,
                Err(_) => visit(&place, Piece::Skipped)?,
                Ok(from) if is_fhir_json(file) => read_member(&place, from, visit)?,
                Ok(from) => match peek(from) {
                    (head, from) if begins_a_resource(&head) => {
                        read_member(&place, Box::new(from), visit)?;
                    }
                    _ => visit(&place, Piece::Skipped)?,
                },
            },
        }
    }
    for (folder, files) in attachments {
        visit(&format!("{archive_name}/{folder}"), Piece::Attachments { files })?;
    }
    Ok(())
}

/// True for a member that is neither hidden nor an attachment.
pub(super) fn is_wanted(name: &str) -> bool {
    !name.split('/').any(is_left_out) && attachment_folder(name).is_none()
}

/// True for the hidden parts of a name, and for what macOS adds.
fn is_left_out(part: &str) -> bool {
    is_hidden(OsStr::new(part)) || part == "__MACOSX"
}

/// The folder of attachments in which a file lies that is not NDJSON.
fn attachment_folder(name: &str) -> Option<&str> {
    let mut end = 0;
    let (folders, file) = name.rsplit_once('/')?;
    for part in folders.split('/') {
        end += part.len();
        if is_attachment_folder(OsStr::new(part)) && !is_ndjson(file) {
            return Some(&name[..end]);
        }
        end += 1;
    }
    None
}

/// The order in which a walk through the folders would meet two files.
fn in_folder_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('/'), b.split('/'));
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) => match reading_order(OsStr::new(a), OsStr::new(b)) {
                Ordering::Equal => {}
                order => return order,
            },
            (a, b) => return a.is_some().cmp(&b.is_some()),
        }
    }
}

/// A name without `.`, `..` and the first slash.
fn plain(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
