//! A stream of text cut into pieces: blocks of whole lines for NDJSON, one document otherwise.

use std::io::Read;

use memchr::{memchr, memchr_iter, memrchr};
use serde::de::IgnoredAny;

use crate::error::{Error, Result};

/// Lines are handed on in blocks of about this many bytes.
const BLOCK: usize = 1 << 20;
/// A line longer than this is likely to be all there is.
const LONG: usize = 8 << 20;
/// A document or a line beyond this is not taken: SQLite keeps no larger resource, and a larger
/// Bundle would not fit in memory on the machines this is for.
const MAX_DOCUMENT: usize = 1 << 30;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// A piece of an input.
pub enum Piece {
    /// Whole lines, each an item of its own; the first one's number, from 1.
    Lines { first_line: u64, text: Vec<u8> },
    /// One or several JSON texts that may go over many lines; the first line's number.
    Document { first_line: u64, text: Vec<u8> },
    /// A member of an archive that is not FHIR JSON by its name.
    Skipped,
    /// A part that cannot be read: where (0: as a whole) and why.
    Damage { line: u64, reason: String },
}

impl Piece {
    /// Bytes of its text.
    pub fn bytes(&self) -> usize {
        match self {
            Piece::Lines { text, .. } | Piece::Document { text, .. } => text.len(),
            Piece::Skipped | Piece::Damage { .. } => 0,
        }
    }

    /// What the operating system, or the unpacking, says of a part that cannot be read.
    pub(super) fn damage(line: u64, error: std::io::Error) -> Piece {
        let reason = match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "ends in the middle; is it truncated?".to_owned(),
            _ => Error::io("cannot be read", error).to_string(),
        };
        Piece::Damage { line, reason }
    }
}

/// Reads text to its end. NDJSON is what is named so, and what has a whole JSON text on its first
/// line; a one-line document is NDJSON of one line.
///
/// `size` is how many bytes there are, or 0 where that is not known.
pub(super) fn read(
    name: &str,
    size: u64,
    from: impl Read,
    visit: &mut dyn FnMut(&str, Piece) -> Result<()>,
) -> Result<()> {
    let mut reader = Reader {
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
    match is_named_ndjson(name) || reader.starts_with_a_whole_line() {
        true => reader.lines(name, visit),
        false => reader.document(name, visit),
    }
}

fn is_named_ndjson(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.ends_with(".ndjson") || name.ends_with(".jsonl")
}

struct Reader<R> {
    from: R,
    /// How many bytes there are in all, or 0; no more than may be taken.
    size: usize,
    /// Blank lines at the beginning that were let go of.
    blank_lines: u64,
    /// What was read and not handed on yet.
    buffer: Vec<u8>,
    ended: bool,
    /// Why it ended too early: told when what came before has been handed on.
    failed: Option<std::io::Error>,
}

impl<R: Read> Reader<R> {
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

    /// Reads until the buffer has a line break at or behind `from`; its place.
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

    /// Takes the memory for all that there is at once: growing needs it twice.
    fn make_room(&mut self) {
        self.buffer.reserve_exact((self.size + 1).saturating_sub(self.buffer.len()));
    }

    /// True if the first line that is not blank is a JSON text of its own, or is broken within
    /// itself: then the next one deserves its own chance. A line that merely ends too early begins
    /// a document.
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
            // A block of blank lines at once: there may be many.
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

    fn document(
        mut self,
        name: &str,
        visit: &mut dyn FnMut(&str, Piece) -> Result<()>,
    ) -> Result<()> {
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

    fn lines(mut self, name: &str, visit: &mut dyn FnMut(&str, Piece) -> Result<()>) -> Result<()> {
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
                // Only a last line may lack its end, and not one that was cut off.
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
