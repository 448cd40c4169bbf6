//! A stream of text, cut into pieces: blocks of whole lines for NDJSON, one document otherwise.

use std::io::Read;

use memchr::{memchr, memchr_iter, memrchr};
use serde::de::IgnoredAny;

use super::file_name::is_ndjson;
use super::piece::{Piece, PieceVisitor};
use crate::error::Result;

/// The approximate size of a block of lines, in bytes.
const BLOCK: usize = 1 << 20;
/// A line longer than this, in bytes, is probably the whole text.
const LONG: usize = 8 << 20;
/// The largest document or line that is taken, in bytes. SQLite keeps no larger resource, and a larger
/// Bundle needs more memory than small machines have.
const MAX_DOCUMENT: usize = 1 << 30;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads text to its end, as NDJSON or as a document. A text is NDJSON if its name says so, or if its
/// first line is a whole JSON text; a document of one line is NDJSON of one line.
///
/// `size` is the size of the text in bytes, or 0 where that is unknown.
pub(super) fn read(name: &str, size: u64, from: impl Read, visit: PieceVisitor<'_>) -> Result<()> {
    let mut reader = TextReader {
        blank_lines: 0,
        size: usize::try_from(size).unwrap_or(usize::MAX).min(MAX_DOCUMENT),
        from,
        buffer: Vec::with_capacity(BLOCK),
        ended: false,
        failed: None,
    };
    reader.fill(BOM.len());
    if reader.buffer.starts_with(BOM) {
        reader.buffer.drain(..BOM.len());
    }
    if reader.buffer.starts_with(&[0xff, 0xfe]) || reader.buffer.starts_with(&[0xfe, 0xff]) {
        let reason = "is UTF-16; FHIR JSON is UTF-8: convert it first (iconv -f UTF-16 -t UTF-8)";
        let reason = reason.to_owned();
        return visit(name, Piece::Damage { line: 0, reason });
    }
    if is_ndjson(name) || reader.starts_with_a_whole_line() {
        reader.lines(name, visit)
    } else {
        reader.document(name, visit)
    }
}

struct TextReader<R> {
    from: R,
    /// The size of the text in bytes, or 0; at most [`MAX_DOCUMENT`].
    size: usize,
    /// The number of blank lines at the beginning, which were dropped.
    blank_lines: u64,
    /// Text that was read and not handed on yet.
    buffer: Vec<u8>,
    ended: bool,
    /// The error that ended the text too early. It is reported after the text before it.
    failed: Option<std::io::Error>,
}

impl<R: Read> TextReader<R> {
    /// Reads until the buffer holds `enough` bytes or the end is reached.
    fn fill(&mut self, enough: usize) {
        while self.buffer.len() < enough && !self.ended {
            let missing = (enough - self.buffer.len()).max(BLOCK / 4) as u64;
            match self.from.by_ref().take(missing).read_to_end(&mut self.buffer) {
                Ok(read) => self.ended = read == 0,
                Err(error) => {
                    self.ended = true;
                    self.failed = Some(error);
                }
            }
        }
    }

    /// Reads until the buffer has a line break at or behind `from`, and returns its place.
    fn line_break(&mut self, mut from: usize) -> Option<usize> {
        loop {
            if let Some(at) = memchr(b'\n', &self.buffer[from..]) {
                return Some(from + at);
            }
            from = self.buffer.len();
            if self.ended || from > MAX_DOCUMENT {
                return None;
            }
            if from > LONG {
                self.make_room();
            }
            self.fill(from + BLOCK);
        }
    }

    /// Allocates memory for the whole text at once: a buffer that grows needs twice as much.
    fn make_room(&mut self) {
        self.buffer.reserve_exact((self.size + 1).saturating_sub(self.buffer.len()));
    }

    /// True if the first line that is not blank is a JSON text, or is wrong in itself: then the next
    /// lines may still be right. A line that merely ends too early begins a document.
    fn starts_with_a_whole_line(&mut self) -> bool {
        loop {
            let end = self.line_break(0);
            let line = self.buffer[..end.unwrap_or(self.buffer.len())].trim_ascii();
            if !line.is_empty() {
                return match serde_json::from_slice::<IgnoredAny>(line) {
                    Ok(_) => true,
                    Err(error) => !error.is_eof(),
                };
            }
            // Drops blank lines in blocks, since there may be many.
            let blank = self.buffer.iter().take_while(|b| b.is_ascii_whitespace()).count();
            match memrchr(b'\n', &self.buffer[..blank]) {
                Some(last) => {
                    self.blank_lines += memchr_iter(b'\n', &self.buffer[..=last]).count() as u64;
                    self.buffer.drain(..=last);
                }
                None => return true,
            }
        }
    }

    /// Hands on the whole text.
    fn document(mut self, name: &str, visit: PieceVisitor<'_>) -> Result<()> {
        self.make_room();
        self.fill(MAX_DOCUMENT + 1);
        match self.failed {
            Some(error) => visit(name, Piece::damage(0, error)),
            None if self.buffer.len() > MAX_DOCUMENT => visit(name, too_long(0)),
            None => {
                visit(name, Piece::Document { first_line: 1 + self.blank_lines, text: self.buffer })
            }
        }
    }

    /// Hands on blocks of whole lines.
    fn lines(mut self, name: &str, visit: PieceVisitor<'_>) -> Result<()> {
        let mut first_line = 1 + self.blank_lines;
        loop {
            self.fill(BLOCK);
            self.line_break(0);
            let end = match memrchr(b'\n', &self.buffer) {
                Some(at) => at + 1,
                None if self.buffer.len() > MAX_DOCUMENT => {
                    visit(name, too_long(first_line))?;
                    self.skip_line();
                    first_line += 1;
                    continue;
                }
                // The last line may lack its line break, but not where the text was cut off.
                None if self.failed.is_none() => self.buffer.len(),
                None => 0,
            };
            let rest = self.buffer.split_off(end);
            let text = std::mem::replace(&mut self.buffer, rest);
            let breaks = memchr_iter(b'\n', &text).count() as u64;
            if !text.is_empty() {
                visit(name, Piece::Lines { first_line, text })?;
            }
            first_line += breaks;
            if self.ended && (self.buffer.is_empty() || (end == 0 && self.failed.is_some())) {
                return match self.failed {
                    Some(error) => visit(name, Piece::damage(first_line, error)),
                    None => Ok(()),
                };
            }
        }
    }

    /// Throws the current line away.
    fn skip_line(&mut self) {
        loop {
            if let Some(at) = memchr(b'\n', &self.buffer) {
                self.buffer.drain(..=at);
                return;
            }
            self.buffer.clear();
            if self.ended {
                return;
            }
            self.fill(BLOCK);
        }
    }
}

fn too_long(line: u64) -> Piece {
    let reason = format!("longer than {} MiB; split it", MAX_DOCUMENT >> 20);
    Piece::Damage { line, reason }
}
