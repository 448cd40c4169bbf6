//! Streams: counted, bounded, looked at before they are read, or kept in a temporary file.

use std::cell::Cell;
use std::fs::File;
use std::io::{Chain, Cursor, ErrorKind, Read, Seek};
use std::rc::Rc;

use super::form::HEAD;
use super::piece::Piece;
use crate::error::{Error, Result};

/// Bytes read from the disk at once.
pub(super) const BUFFER: usize = 256 << 10;

/// A stream that reports the number of bytes read.
pub(super) struct CountedInput<'a, R> {
    pub(super) inner: R,
    pub(super) progress: &'a dyn Fn(u64),
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

/// The most bytes that any input may unpack to, and the most bytes for each packed one beyond them. FHIR JSON
/// compresses to a tenth, the same resource over and over to a hundredth.
const MOST_UNPACKED: u64 = 256 << 20;
const MOST_RATIO: u64 = 400;

/// What was read of packed data, and what it unpacked to.
#[derive(Default)]
pub(super) struct Unpacking {
    pub(super) packed: Cell<u64>,
    unpacked: Cell<u64>,
}

/// The packed side of an [`Unpacking`].
pub(super) struct PackedInput<R> {
    pub(super) inner: R,
    pub(super) unpacking: Rc<Unpacking>,
}

impl<R: Read> Read for PackedInput<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let packed = &self.unpacking.packed;
        packed.set(packed.get() + read as u64);
        Ok(read)
    }
}

/// The unpacked side of an [`Unpacking`]. It fails where a few bytes unpack to very many: such a decompression
/// bomb would fill the disk, or take for ever.
pub(super) struct UnpackedInput<R> {
    pub(super) inner: R,
    pub(super) unpacking: Rc<Unpacking>,
}

impl<R: Read> Read for UnpackedInput<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Unpacking { packed, unpacked } = &*self.unpacking;
        if unpacked.get() > MOST_UNPACKED.max(packed.get().saturating_mul(MOST_RATIO)) {
            return Err(std::io::Error::other(format!(
                "it unpacks to more than {} MiB and {MOST_RATIO} times its size, as a decompression bomb does; \
                 unpack it yourself if it is none",
                MOST_UNPACKED >> 20
            )));
        }
        let read = self.inner.read(buffer)?;
        unpacked.set(unpacked.get() + read as u64);
        Ok(read)
    }
}

/// A stream whose first bytes were read, and put back before it.
pub(super) type Peeked<R> = Chain<Cursor<Vec<u8>>, FailedInput<R>>;

/// A stream that fails first, where looking at its first bytes failed.
pub(super) struct FailedInput<R> {
    error: Option<std::io::Error>,
    inner: R,
}

impl<R: Read> Read for FailedInput<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.inner.read(buffer),
        }
    }
}

/// Reads the first [`HEAD`] bytes. Returns them and the whole stream.
pub(super) fn peek<R: Read>(mut inner: R) -> (Vec<u8>, Peeked<R>) {
    let mut head = Vec::new();
    let read = inner.by_ref().take(HEAD as u64).read_to_end(&mut head);
    let rest = FailedInput { error: read.err(), inner };
    (head.clone(), Cursor::new(head).chain(rest))
}

/// A file without a name, which goes when it is closed.
///
/// # Errors
/// `Io` where the folder for temporary files takes none.
pub(super) fn temporary_file() -> Result<File> {
    tempfile::tempfile().map_err(|error| Error::io("a temporary file", error))
}

/// What is reported where an archive could not be copied to a temporary file.
pub(super) fn no_room(error: std::io::Error) -> Piece {
    if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        let folder = std::env::temp_dir();
        return Piece::refused(format!(
            "there is no room in {} to unpack it; unpack it yourself and import the folder, or set TMPDIR",
            folder.display()
        ));
    }
    Piece::damage(0, error)
}
