//! What is packed, unpacked: gzip and zip, told by their first bytes and not by their names.

use std::fs::File;
use std::io::{BufReader, Chain, Cursor, Read, Seek, copy};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use super::text::{self, Piece};
use super::walk::is_ours;
use crate::error::{Error, Result};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZIP: &[u8] = b"PK\x03\x04";
const EMPTY_ZIP: &[u8] = b"PK\x05\x06";
/// Bytes read from the disk at once.
const BUFFER: usize = 256 << 10;

type Visit<'a> = &'a mut dyn FnMut(&str, Piece) -> Result<()>;

/// Counts what is read.
struct Counted<'a, R> {
    inner: R,
    progress: &'a dyn Fn(u64),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        (self.progress)(read as u64);
        Ok(read)
    }
}

/// Reads `from`, whatever it is packed in. `path` names the file where there is one to seek in.
pub(super) fn read(
    name: &str,
    path: Option<&Path>,
    from: Box<dyn Read + '_>,
    progress: &dyn Fn(u64),
    visit: Visit<'_>,
) -> Result<()> {
    let (magic, from) = match peek(Counted { inner: from, progress }) {
        Ok(peeked) => peeked,
        Err(error) => return visit(name, Piece::damage(0, error)),
    };
    if magic.starts_with(GZIP) {
        let (magic, inner) = match peek(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, from)))
        {
            Ok(peeked) => peeked,
            Err(error) => return visit(name, Piece::damage(0, error)),
        };
        return match is_zip(&magic) {
            true => spooled(name, inner, progress, visit),
            false => text::read(name, 0, inner, visit),
        };
    }
    let is_file = |path: &Path| path.metadata().ok().filter(std::fs::Metadata::is_file);
    let size = path.and_then(is_file).map_or(0, |meta| meta.len());
    match (is_zip(&magic), path) {
        (true, Some(path)) if path.is_file() => match File::open(path) {
            Ok(file) => members(name, Counted { inner: file, progress }, visit),
            Err(error) => visit(name, Piece::damage(0, error)),
        },
        (true, _) => spooled(name, from, progress, visit),
        (false, _) => text::read(name, size, from, visit),
    }
}

fn is_zip(magic: &[u8]) -> bool {
    magic.starts_with(ZIP) || magic.starts_with(EMPTY_ZIP)
}

/// A stream that was looked into.
type Peeked<R> = Chain<Cursor<Vec<u8>>, R>;

/// The first four bytes, and the whole stream as if they had not been read.
fn peek<R: Read>(mut from: R) -> std::io::Result<(Vec<u8>, Peeked<R>)> {
    let mut magic = Vec::with_capacity(4);
    from.by_ref().take(4).read_to_end(&mut magic)?;
    Ok((magic.clone(), Cursor::new(magic).chain(from)))
}

/// A zip that comes as a stream: its table of contents is at its end, so it goes to a file first.
fn spooled(
    name: &str,
    mut from: impl Read,
    progress: &dyn Fn(u64),
    visit: Visit<'_>,
) -> Result<()> {
    let mut file = tempfile::tempfile().map_err(|error| Error::io("a temporary file", error))?;
    match copy(&mut from, &mut file).and_then(|_| file.rewind()) {
        Ok(()) => members(name, Counted { inner: file, progress }, visit),
        Err(error) => visit(name, Piece::damage(0, error)),
    }
}

impl<R: Seek> Seek for Counted<'_, R> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}

/// The members of a zip in the order of their names.
fn members(name: &str, from: impl Read + Seek, visit: Visit<'_>) -> Result<()> {
    let broken =
        |error: zip::result::ZipError| Piece::Damage { line: 0, reason: error.to_string() };
    let mut archive = match ZipArchive::new(BufReader::with_capacity(BUFFER, from)) {
        Ok(archive) => archive,
        Err(error) => return visit(name, broken(error)),
    };
    let mut names: Vec<(String, usize)> = (0..archive.len())
        .filter_map(|index| Some((archive.name_for_index(index)?, index)))
        .map(|(name, index)| match name {
            Ok(name) => (name.into_owned(), index),
            Err(_) => (format!("member-{index}.json"), index),
        })
        .collect();
    names.sort();
    for (member, index) in names {
        let hidden = member.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
        if member.ends_with('/') || hidden {
            continue;
        }
        let place = format!("{name}/{member}");
        if !is_ours(&member) {
            visit(&place, Piece::Skipped)?;
            continue;
        }
        match archive.by_index(index) {
            Err(error) => visit(&place, broken(error))?,
            Ok(file) => match peek(file) {
                Err(error) => visit(&place, Piece::damage(0, error))?,
                Ok((magic, from)) if magic.starts_with(GZIP) => {
                    text::read(&place, 0, MultiGzDecoder::new(BufReader::new(from)), visit)?;
                }
                Ok((magic, _)) if is_zip(&magic) => {
                    let reason = "a zip inside a zip is not read; unpack it first".to_owned();
                    visit(&place, Piece::Damage { line: 0, reason })?;
                }
                // What a zip says of sizes is not believed.
                Ok((_, from)) => text::read(&place, 0, from, visit)?,
            },
        }
    }
    Ok(())
}
