//! Unpacking gzip and zip, which are recognized by their first bytes, not by their names.

use std::fs::File;
use std::io::{BufReader, Chain, Cursor, Read, Seek, copy};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use super::file_name::is_fhir_json;
use super::piece::{Piece, PieceVisitor};
use super::text;
use crate::error::{Error, Result};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZIP: &[u8] = b"PK\x03\x04";
const EMPTY_ZIP: &[u8] = b"PK\x05\x06";
/// Bytes read from the disk at once.
const BUFFER: usize = 256 << 10;

/// A stream that reports the number of bytes read.
struct CountedInput<'a, R> {
    inner: R,
    progress: &'a dyn Fn(u64),
}

impl<R: Read> Read for CountedInput<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        (self.progress)(read as u64);
        Ok(read)
    }
}

impl<R: Seek> Seek for CountedInput<'_, R> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}

/// Reads `from`, packed or not. `path` is the file, where it is one.
pub(super) fn read(
    name: &str,
    path: Option<&Path>,
    from: Box<dyn Read + '_>,
    progress: &dyn Fn(u64),
    visit: PieceVisitor<'_>,
) -> Result<()> {
    let (magic, from) = match peek(CountedInput { inner: from, progress }) {
        Ok(peeked) => peeked,
        Err(error) => return visit(name, Piece::damage(0, error)),
    };
    if magic.starts_with(GZIP) {
        let (magic, inner) = match peek(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, from)))
        {
            Ok(peeked) => peeked,
            Err(error) => return visit(name, Piece::damage(0, error)),
        };
        return if is_zip(&magic) {
            read_zip_stream(name, inner, progress, visit)
        } else {
            text::read(name, 0, inner, visit)
        };
    }
    let is_file = |path: &Path| path.metadata().ok().filter(std::fs::Metadata::is_file);
    let size = path.and_then(is_file).map_or(0, |meta| meta.len());
    match (is_zip(&magic), path) {
        (true, Some(path)) if path.is_file() => match File::open(path) {
            Ok(file) => read_zip(name, CountedInput { inner: file, progress }, visit),
            Err(error) => visit(name, Piece::damage(0, error)),
        },
        (true, _) => read_zip_stream(name, from, progress, visit),
        (false, _) => text::read(name, size, from, visit),
    }
}

fn is_zip(magic: &[u8]) -> bool {
    magic.starts_with(ZIP) || magic.starts_with(EMPTY_ZIP)
}

/// A stream whose first bytes were read, and put back before it.
type Peeked<R> = Chain<Cursor<Vec<u8>>, R>;

/// Reads the first four bytes. Returns them and the whole stream.
fn peek<R: Read>(mut from: R) -> std::io::Result<(Vec<u8>, Peeked<R>)> {
    let mut magic = Vec::with_capacity(4);
    from.by_ref().take(4).read_to_end(&mut magic)?;
    Ok((magic.clone(), Cursor::new(magic).chain(from)))
}

/// Reads a zip that comes as a stream. Its table of contents is at its end, so it goes to a temporary
/// file first.
fn read_zip_stream(
    name: &str,
    mut from: impl Read,
    progress: &dyn Fn(u64),
    visit: PieceVisitor<'_>,
) -> Result<()> {
    let mut file = tempfile::tempfile().map_err(|error| Error::io("a temporary file", error))?;
    match copy(&mut from, &mut file).and_then(|_| file.rewind()) {
        Ok(()) => read_zip(name, CountedInput { inner: file, progress }, visit),
        Err(error) => visit(name, Piece::damage(0, error)),
    }
}

/// Reads the members of a zip, in the order of their names.
fn read_zip(name: &str, from: impl Read + Seek, visit: PieceVisitor<'_>) -> Result<()> {
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
        let is_hidden = member.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
        if member.ends_with('/') || is_hidden {
            continue;
        }
        let place = format!("{name}/{member}");
        if !is_fhir_json(&member) {
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
                // The sizes in a zip may be wrong.
                Ok((_, from)) => text::read(&place, 0, from, visit)?,
            },
        }
    }
    Ok(())
}
