//! The members of a zip.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use ::zip::ZipArchive;
use ::zip::result::ZipError;

use super::archive::{Archive, ArchiveMember, MemberKind, MemberReader, read_members};
use super::piece::{Piece, PieceVisitor};
use super::stream::{BUFFER, UnpackedInput, Unpacking};
use crate::error::Result;

/// The longest target of a link that is read, in bytes.
const LINK: u64 = 4096;

struct ZipFile<R> {
    archive: ZipArchive<BufReader<R>>,
    /// How much all members together unpack to. Several may share their packed bytes.
    unpacking: Rc<Unpacking>,
}

/// Reads the members of a zip, in the order of their names.
pub(super) fn read(
    name: &str,
    mut from: impl Read + Seek,
    read_member: MemberReader,
    visit: PieceVisitor<'_>,
) -> Result<()> {
    let unpacking = Rc::new(Unpacking::default());
    match from.seek(SeekFrom::End(0)).and_then(|length| from.rewind().map(|()| length)) {
        Ok(length) => unpacking.packed.set(length),
        Err(error) => return visit(name, Piece::damage(0, error)),
    }
    let mut archive = match ZipArchive::new(BufReader::with_capacity(BUFFER, from)) {
        Ok(archive) => archive,
        Err(error) => return visit(name, Piece::refused(fault(error))),
    };
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let name = match archive.name_for_index(index) {
            Some(Ok(name)) => name.into_owned(),
            Some(Err(_)) => format!("member-{index}.json"),
            None => continue,
        };
        if name.ends_with('/') {
            continue;
        }
        let kind = match archive.by_index_raw(index) {
            Ok(file) if file.is_symlink() => None,
            _ => Some(MemberKind::File),
        };
        let kind = kind.unwrap_or_else(|| {
            let mut target = String::new();
            let link = archive.by_index(index).ok();
            link.map(|file| file.take(LINK).read_to_string(&mut target));
            MemberKind::Link { target }
        });
        members.push(ArchiveMember { name, index, kind });
    }
    read_members(name, members, &mut ZipFile { archive, unpacking }, read_member, visit)
}

impl<R: Read + Seek> Archive for ZipFile<R> {
    fn open(&mut self, index: usize) -> std::result::Result<Box<dyn Read + '_>, String> {
        let unpacking = self.unpacking.clone();
        match self.archive.by_index(index) {
            // The sizes in a zip may be wrong; nothing here relies on them.
            Ok(file) => Ok(Box::new(UnpackedInput { inner: file, unpacking })),
            Err(error) => Err(fault(error)),
        }
    }
}

fn fault(error: ZipError) -> String {
    match error {
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
            format!("{error}; unpack it first")
        }
        error => error.to_string(),
    }
}
