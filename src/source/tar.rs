//! The members of a tar: a table of where each one lies, so that they can be read in any order.
//!
//! <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html>. The crate reads headers. The
//! walk from header to header is here, because a member may be cut off, and a header may ask for all
//! memory.

use std::io::{BufReader, Error, ErrorKind, Read, Result as IoResult, Seek, SeekFrom, Write, sink};

use ::tar::{EntryType, Header, PaxExtensions};

use super::archive::{Archive, ArchiveMember, MemberKind, MemberReader, is_wanted, read_members};
use super::file_name::is_fhir_json;
use super::form::{HEAD, begins_a_resource};
use super::piece::{Piece, PieceVisitor};
use super::stream::{BUFFER, no_room, temporary_file};
use crate::error::Result;

const BLOCK: usize = 512;
/// The longest extended header that is read, in bytes. It holds a name.
const LONGEST_HEADER: u64 = 1 << 20;
/// The place of the mark in an extended sparse header that says that another one follows.
const IS_EXTENDED: usize = 504;
const SPARSE: &str = "is stored sparse, which is not read; unpack the archive first";
const VOLUME: &str = "is one part of an archive of several volumes; unpack that first";

/// Where the text of a member lies, and whether the archive ends in the middle of it.
struct TarExtent {
    start: u64,
    size: u64,
    is_cut: bool,
}

/// Takes the text of a member: its stream, size and name; `None` for a member without use. Says where it
/// lies, and why nothing behind it can be read.
type Taker<'a, R> = &'a mut dyn FnMut(&mut R, u64, Option<&str>) -> (TarExtent, IoResult<()>);

/// What was found in a tar.
#[derive(Default)]
struct TarTable {
    members: Vec<ArchiveMember>,
    extents: Vec<TarExtent>,
}

/// What the headers before a member say about it.
#[derive(Default)]
struct ExtendedHeader {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    is_sparse: bool,
}

/// A tar, or the members of one in a temporary file.
struct TarFile<R> {
    from: R,
    extents: Vec<TarExtent>,
}

/// Reads a tar that is a file.
pub(super) fn read_file(
    name: &str,
    mut from: impl Read + Seek,
    read_member: MemberReader,
    visit: PieceVisitor<'_>,
) -> Result<()> {
    let length = match from.seek(SeekFrom::End(0)).and_then(|end| from.rewind().map(|()| end)) {
        Ok(length) => length,
        Err(error) => return visit(name, Piece::damage(0, error)),
    };
    let mut table = TarTable::default();
    let ended = table.fill(&mut from, &mut |from, size, _| {
        let start = from.stream_position().unwrap_or(length);
        let there = size.min(length.saturating_sub(start));
        let end = start.saturating_add(padded(size)).min(length);
        let went_on = if there < size {
            Err(ErrorKind::UnexpectedEof.into())
        } else {
            from.seek(SeekFrom::Start(end)).map(drop)
        };
        (TarExtent { start, size: there, is_cut: there < size }, went_on)
    });
    finish(name, TarFile { from, extents: table.extents }, table.members, ended, read_member, visit)
}

/// Reads a tar that comes as a stream. What may be FHIR JSON goes to a temporary file first, because
/// members are read in the order of their names.
pub(super) fn read_stream(
    name: &str,
    from: impl Read,
    read_member: MemberReader,
    visit: PieceVisitor<'_>,
) -> Result<()> {
    let mut kept = match temporary_file() {
        Ok(file) => file,
        Err(error) => return visit(name, Piece::refused(error.to_string())),
    };
    let mut table = TarTable::default();
    let (mut end, mut full) = (0, None);
    let mut from = BufReader::with_capacity(BUFFER, from);
    let ended = table.fill(&mut from, &mut |from, size, wanted| {
        let mut text = from.by_ref().take(size);
        let start = end;
        let mut head = Vec::new();
        let mut read = Ok(());
        if let Some(member) = wanted {
            read = text.by_ref().take(HEAD as u64).read_to_end(&mut head).map(drop);
            if is_fhir_json(member) || begins_a_resource(&head) {
                read = read
                    .and_then(|()| copy(&mut (&head[..]).chain(&mut text), &mut kept, &mut full));
                end += size - text.limit();
            }
        }
        let pad = padded(size) - size;
        let went_on = read.and_then(|()| copy(&mut text, &mut sink(), &mut full)).and_then(|()| {
            if text.limit() > 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
        });
        let is_cut = went_on.is_err();
        let mut rest = vec![0; usize::try_from(pad).unwrap_or(0)];
        let went_on = went_on.and_then(|()| from.read_exact(&mut rest));
        (TarExtent { start, size: end - start, is_cut }, went_on)
    });
    match full {
        Some(error) => visit(name, no_room(error)),
        None => finish(
            name,
            TarFile { from: kept, extents: table.extents },
            table.members,
            ended,
            read_member,
            visit,
        ),
    }
}

/// Copies to the end; `full` takes the error of a write.
fn copy(from: &mut dyn Read, to: &mut dyn Write, full: &mut Option<Error>) -> IoResult<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if let Err(error) = to.write_all(&buffer[..read]) {
            *full = Some(error);
            return Err(ErrorKind::StorageFull.into());
        }
    }
}

/// Reads the members, then reports an archive that did not end well.
fn finish(
    name: &str,
    mut archive: TarFile<impl Read + Seek>,
    members: Vec<ArchiveMember>,
    ended: IoResult<()>,
    read_member: MemberReader,
    visit: PieceVisitor<'_>,
) -> Result<()> {
    read_members(name, members, &mut archive, read_member, visit)?;
    match ended {
        Ok(()) => Ok(()),
        Err(error) => visit(name, Piece::damage(0, error)),
    }
}

impl TarTable {
    /// Walks from header to header.
    ///
    /// # Errors
    /// Where the tar ends too early or is damaged. What was found before stays.
    fn fill<R: Read>(&mut self, from: &mut R, take: Taker<'_, R>) -> IoResult<()> {
        let mut extended = ExtendedHeader::default();
        let mut saw_end = false;
        loop {
            let mut header = Header::new_old();
            match read_block(from, header.as_mut_bytes()) {
                Ok(false) if saw_end => return Ok(()),
                Ok(true) => {}
                Ok(false) => return Err(ErrorKind::UnexpectedEof.into()),
                Err(error) => return Err(error),
            }
            if header.as_bytes().iter().all(|b| *b == 0) {
                saw_end = true;
                continue;
            }
            if !has_right_checksum(&header) {
                // Behind the end may stand anything, such as another archive.
                return if saw_end {
                    Ok(())
                } else {
                    Err(damaged("a header has a wrong checksum"))
                };
            }
            saw_end = false;
            let size = extended.size.map_or_else(|| header.entry_size(), Ok)?;
            match header.entry_type() {
                EntryType::GNULongName => extended.name = Some(text(from, size)?),
                EntryType::GNULongLink => extended.link = Some(text(from, size)?),
                EntryType::XHeader => extended.read(&text(from, header.entry_size()?)?)?,
                EntryType::XGlobalHeader => drop(text(from, header.entry_size()?)?),
                entry_type => {
                    let about = std::mem::take(&mut extended);
                    if entry_type == EntryType::GNUSparse {
                        skip_sparse_headers(&header, from)?;
                    }
                    self.add(&header, about, size, from, take)?;
                }
            }
        }
    }

    /// Adds the member of a header.
    fn add<R: Read>(
        &mut self,
        header: &Header,
        about: ExtendedHeader,
        size: u64,
        from: &mut R,
        take: Taker<'_, R>,
    ) -> IoResult<()> {
        let name = about.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let name = to_text(&name);
        let link = about.link.or_else(|| header.link_name_bytes().map(|link| link.into_owned()));
        let kind = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous if name.ends_with('/') => None,
            EntryType::Regular | EntryType::Continuous if about.is_sparse => {
                Some(MemberKind::Unreadable(SPARSE))
            }
            EntryType::Regular | EntryType::Continuous => Some(MemberKind::File),
            EntryType::GNUSparse => Some(MemberKind::Unreadable(SPARSE)),
            EntryType::Link | EntryType::Symlink => {
                Some(MemberKind::Link { target: to_text(&link.unwrap_or_default()) })
            }
            entry_type if entry_type.as_byte() == b'M' => Some(MemberKind::Unreadable(VOLUME)),
            _ => None,
        };
        let wanted = matches!(kind, Some(MemberKind::File)) && is_wanted(&name);
        let (extent, went_on) = take(from, size, wanted.then_some(name.as_str()));
        if let Some(kind) = kind {
            self.members.push(ArchiveMember { name, index: self.extents.len(), kind });
            self.extents.push(extent);
        }
        went_on
    }
}

impl ExtendedHeader {
    /// Reads the records of a pax header.
    fn read(&mut self, records: &[u8]) -> IoResult<()> {
        for record in PaxExtensions::new(records) {
            let record = record?;
            match record.key_bytes() {
                b"path" | b"GNU.sparse.name" => self.name = Some(record.value_bytes().to_owned()),
                b"linkpath" => self.link = Some(record.value_bytes().to_owned()),
                b"size" => {
                    let size = record.value().ok().and_then(|value| value.parse().ok());
                    self.size = Some(size.ok_or_else(|| damaged("a size is no number"))?);
                }
                key if key.starts_with(b"GNU.sparse.") => self.is_sparse = true,
                _ => {}
            }
        }
        Ok(())
    }
}

impl<R: Read + Seek> Archive for TarFile<R> {
    fn open(&mut self, index: usize) -> std::result::Result<Box<dyn Read + '_>, String> {
        let TarExtent { start, size, is_cut } = self.extents[index];
        self.from.seek(SeekFrom::Start(start)).map_err(|error| error.to_string())?;
        let text = BufReader::with_capacity(BUFFER, (&mut self.from).take(size));
        Ok(if is_cut { Box::new(text.chain(CutOff)) } else { Box::new(text) })
    }
}

/// The end of a text that was cut off.
struct CutOff;

impl Read for CutOff {
    fn read(&mut self, _: &mut [u8]) -> IoResult<usize> {
        Err(ErrorKind::UnexpectedEof.into())
    }
}

/// Reads a block; false at the end of the stream.
fn read_block(from: &mut impl Read, block: &mut [u8]) -> IoResult<bool> {
    let mut read = 0;
    while read < block.len() {
        match from.read(&mut block[read..]) {
            Ok(0) if read == 0 => return Ok(false),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(more) => read += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Reads the text of an extended header, without the zeros at its end.
fn text(from: &mut impl Read, size: u64) -> IoResult<Vec<u8>> {
    if size > LONGEST_HEADER {
        return Err(damaged("a header is too long"));
    }
    let size = usize::try_from(size).unwrap_or(0);
    let mut text = vec![0; size.next_multiple_of(BLOCK)];
    from.read_exact(&mut text)?;
    text.truncate(size);
    while text.last() == Some(&0) {
        text.pop();
    }
    Ok(text)
}

/// Skips the headers that list the parts of a sparse file, which its size does not count.
fn skip_sparse_headers(header: &Header, from: &mut impl Read) -> IoResult<()> {
    let mut follows = header.as_gnu().is_some_and(|header| header.is_extended());
    while follows {
        let mut block = [0; BLOCK];
        from.read_exact(&mut block)?;
        follows = block[IS_EXTENDED] == 1;
    }
    Ok(())
}

fn has_right_checksum(header: &Header) -> bool {
    let bytes = header.as_bytes();
    let sum = bytes[..148].iter().chain(&bytes[156..]).map(|b| u32::from(*b)).sum::<u32>();
    header.cksum().is_ok_and(|written| written == sum + 8 * u32::from(b' '))
}

fn padded(size: u64) -> u64 {
    size.checked_next_multiple_of(BLOCK as u64).unwrap_or(u64::MAX)
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not a valid tar: {what}"))
}

fn to_text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
