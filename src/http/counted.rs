//! Bodies whose bytes are counted: for the audit, and for a length that a client must know first.

use std::io::{self, Write};

use super::authenticated::DownloadNote;
use crate::error::Result;

/// Writes a body, and completes its note.
///
/// # Errors
/// Those of `write`.
pub fn noted(
    note: Option<DownloadNote>,
    out: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    let mut counter = ByteCounter { out, bytes: 0 };
    let written = write(&mut counter);
    if let Some(note) = note {
        note.complete(counter.bytes, written.is_ok());
    }
    written
}

/// How many bytes `write` writes.
///
/// # Errors
/// Those of `write`.
pub fn length_of(write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<u64> {
    let mut counter = ByteCounter { out: &mut io::sink(), bytes: 0 };
    write(&mut counter)?;
    Ok(counter.bytes)
}

/// Counts the bytes on their way to `out`.
struct ByteCounter<'a> {
    out: &'a mut dyn Write,
    bytes: u64,
}

impl Write for ByteCounter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
