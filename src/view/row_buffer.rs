//! Bytes that a writer of rows has written, and that wait for a reader who may be slow.

use std::io::{self, Write};
use std::mem::take;
use std::sync::{Arc, Mutex};

use super::writer_error::unwritten;
use crate::error::Result;
use crate::sync::lock;

/// Bytes of rows that wait. Clones share them: one is that of the writer, another that of whoever takes them.
#[derive(Clone, Default)]
pub struct RowBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for RowBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl RowBuffer {
    /// Takes the bytes out.
    pub fn take(&self) -> Vec<u8> {
        take(&mut lock(&self.0))
    }

    /// How many bytes wait.
    pub fn length(&self) -> usize {
        lock(&self.0).len()
    }

    /// Writes the bytes that wait to `out`.
    ///
    /// # Errors
    ///
    /// The output cannot be written.
    pub fn send(&self, out: &mut dyn Write) -> Result<()> {
        out.write_all(&self.take()).map_err(unwritten)
    }
}
