//! Bytes that are too many to wait in memory until a client takes them: they wait in a file.
//!
//! The file has no name, lies in the system's folder for temporary files, and is gone when it is closed.

use std::fs::File;
use std::io::{self, Seek, Write, copy};

use crate::error::{Error, Kind, Result};

/// Bodies of more than so many bytes wait for their client in a file.
pub const LARGE: usize = 8 << 20;

/// Bytes in a file without a name.
pub struct SpilledBytes {
    file: File,
    length: u64,
}

impl SpilledBytes {
    /// Writes these bytes, one part behind the other.
    ///
    /// # Errors
    /// `Io` where the folder for temporary files is full or cannot be written.
    pub fn of(parts: &[&[u8]]) -> Result<SpilledBytes> {
        let refused = |error| {
            let folder = std::env::temp_dir();
            let place = format!("the folder for temporary files, {} (TMPDIR)", folder.display());
            let error = Error::io(place, error);
            // Whatever is wrong with it is the server's fault, not the client's.
            let kind = if error.kind() == Kind::Full { Kind::Full } else { Kind::Io };
            Error::new(kind, error.to_string())
        };
        let mut file = tempfile::tempfile().map_err(refused)?;
        for part in parts {
            file.write_all(part).map_err(refused)?;
        }
        file.rewind().map_err(refused)?;
        let length = parts.iter().map(|part| part.len() as u64).sum();
        Ok(SpilledBytes { file, length })
    }

    /// The number of bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Writes all of the bytes to `out`.
    ///
    /// # Errors
    /// Where `out` refuses, or the file cannot be read.
    pub fn write_to(mut self, out: &mut dyn Write) -> io::Result<()> {
        copy(&mut self.file, out).map(drop)
    }
}
