//! A stream of text, cut into pieces: blocks of whole lines where each line is an item, and whole JSON
//! texts where they have several lines.
//!
//! The form may change from text to text: files are joined, pretty-printed or not, with line breaks
//! between them or without. Only one text that is too large, or wrong, is ever given up.

use std::io::Read;

use memchr::{memchr, memchr_iter, memrchr};
use serde::Deserialize;
use serde::de::{Error as _, IgnoredAny};
use serde_json::StreamDeserializer;
use serde_json::de::SliceRead;

use super::piece::{Piece, PieceVisitor};
use crate::error::Result;
use crate::fhir::json::fault;

/// The approximate size of a block of lines, in bytes.
const BLOCK: usize = 1 << 20;
/// A line or text longer than this, in bytes, is probably the whole input.
const LONG: usize = 8 << 20;
/// The largest text or line that is taken, in bytes. SQLite keeps no larger resource, and a larger
/// Bundle needs more memory than small machines have.
const MAX_TEXT: usize = 1 << 30;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads text to its end.
///
/// `size` is the size of the text in bytes, or 0 where that is unknown.
pub(super) fn read(name: &str, size: u64, from: impl Read, visit: PieceVisitor<'_>) -> Result<()> {
    let reader = TextReader {
        from,
        size: usize::try_from(size).unwrap_or(usize::MAX).min(MAX_TEXT),
        buffer: Vec::with_capacity(BLOCK),
        at: 0,
        line: 1,
        ended: false,
        failed: None,
    };
    reader.read(name, visit)
}

struct TextReader<R> {
    from: R,
    /// The size of the text in bytes, or 0; at most [`MAX_TEXT`].
    size: usize,
    /// Text that was read. What is before `at` was handed on.
    buffer: Vec<u8>,
    at: usize,
    /// The number of the line at `at`.
    line: u64,
    ended: bool,
    /// The error that ended the text too early. It is reported after the text before it.
    failed: Option<std::io::Error>,
}

/// What begins at a place.
enum TextEnd {
    /// A JSON text of this many bytes.
    At(usize),
    /// A JSON text whose end is not there.
    Open(serde_json::Error),
    /// No JSON.
    Wrong(serde_json::Error),
}

impl<R: Read> TextReader<R> {
    fn read(mut self, name: &str, visit: PieceVisitor<'_>) -> Result<()> {
        loop {
            self.fill(BLOCK);
            self.skip_space();
            if self.rest().is_empty() && !self.ended {
                continue;
            }
            let lines = self.whole_lines();
            if lines > 0 {
                self.hand_on(lines, name, visit, |first_line, text| Piece::Lines {
                    first_line,
                    text,
                })?;
                continue;
            }
            if self.rest().is_empty() || (self.failed.is_some() && !self.begins_text()) {
                return match self.failed {
                    Some(error) => visit(name, Piece::damage(self.line, error)),
                    None => Ok(()),
                };
            }
            if self.begins_text() {
                self.texts(name, visit)?;
            } else {
                visit(name, too_long(self.line))?;
                self.skip_line();
            }
        }
    }

    /// The text that was not handed on yet.
    fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// Reads until `enough` bytes are there or the end is reached.
    fn fill(&mut self, enough: usize) {
        if self.rest().len() < enough && !self.ended && self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        while self.buffer.len() - self.at < enough && !self.ended {
            let missing = (enough - self.rest().len()).max(BLOCK / 4) as u64;
            match self.from.by_ref().take(missing).read_to_end(&mut self.buffer) {
                Ok(read) => self.ended = read == 0,
                Err(error) => {
                    self.ended = true;
                    self.failed = Some(error);
                }
            }
        }
    }

    /// Allocates memory for the whole text at once: a buffer that grows needs twice as much.
    fn make_room(&mut self) {
        self.buffer.reserve_exact((self.size + 1).saturating_sub(self.buffer.len()));
    }

    /// Reads until a line break is there, at or behind `from`, and returns its place.
    fn line_break(&mut self, mut from: usize) -> Option<usize> {
        loop {
            if let Some(at) = memchr(b'\n', &self.rest()[from..]) {
                return Some(from + at);
            }
            from = self.rest().len();
            if self.ended || from > MAX_TEXT {
                return None;
            }
            if from > LONG {
                self.make_room();
            }
            self.fill(from + BLOCK);
        }
    }

    /// The length of the lines that are items each, as far as they are there. The last line may lack
    /// its line break, but not where the text was cut off.
    fn whole_lines(&mut self) -> usize {
        if self.line_break(0).is_none() && !self.ended {
            return 0;
        }
        let rest = &self.buffer[self.at..];
        let end = match memrchr(b'\n', rest) {
            _ if self.ended && self.failed.is_none() => rest.len(),
            Some(last) => last + 1,
            None => 0,
        };
        let mut at = 0;
        while at < end {
            let next = memchr(b'\n', &rest[at..end]).map_or(end, |length| at + length + 1);
            if !is_item(&rest[at..next]) {
                // Brackets in strings may look like those of a text that goes on.
                let is_item = matches!(text_end(&rest[at..next]), TextEnd::At(length)
                    if rest[at + length..next].trim_ascii().is_empty());
                if !is_item {
                    return at;
                }
            }
            at = next;
        }
        end
    }

    /// True where the rest begins as a JSON text of several lines does.
    fn begins_text(&self) -> bool {
        let line = self.rest();
        matches!(bare(line).first(), Some(b'{' | b'['))
    }

    /// Hands on the next `length` bytes.
    fn hand_on(
        &mut self,
        length: usize,
        name: &str,
        visit: PieceVisitor<'_>,
        piece: impl FnOnce(u64, Vec<u8>) -> Piece,
    ) -> Result<()> {
        let (first_line, end) = (self.line, self.at + length);
        self.line += memchr_iter(b'\n', &self.rest()[..length]).count() as u64;
        if bare(&self.buffer[self.at..end]).is_empty() {
            self.at = end;
            return Ok(());
        }
        let behind = self.buffer.len() - end;
        let fills = length > LONG || length >= behind.max(BLOCK / 2);
        let text = if self.at == 0 && fills {
            // A text that fills the buffer takes it along; only what is behind it is copied.
            let mut rest = Vec::with_capacity(behind.max(BLOCK));
            rest.extend_from_slice(&self.buffer[end..]);
            self.buffer.truncate(end);
            std::mem::replace(&mut self.buffer, rest)
        } else {
            self.at = end;
            self.buffer[end - length..end].to_vec()
        };
        visit(name, piece(first_line, text))
    }

    /// Hands on the texts of several lines that are there, at least one. One that is wrong or too long
    /// is reported, and given up as far as the next place where a text begins.
    fn texts(&mut self, name: &str, visit: PieceVisitor<'_>) -> Result<()> {
        let mut length = 0;
        let error = loop {
            match text_end(&self.rest()[length..]) {
                TextEnd::At(end) => length += end,
                _ if length > 0 => {
                    return self.hand_on(length, name, visit, |first_line, text| Piece::Document {
                        first_line,
                        text,
                    });
                }
                TextEnd::Open(_) if self.rest().len() > MAX_TEXT => {
                    visit(name, too_long(self.line))?;
                    self.skip_to_text(0);
                    return Ok(());
                }
                TextEnd::Open(_) if !self.ended => {
                    if self.rest().len() > LONG {
                        self.make_room();
                    }
                    self.fill(2 * self.rest().len());
                }
                TextEnd::Open(error) | TextEnd::Wrong(error) => break error,
            }
        };
        let line_of_error = error.line().saturating_sub(1);
        let mut breaks = memchr_iter(b'\n', self.rest());
        let first = breaks.next().map_or(self.rest().len(), |at| at + 1);
        // From the start of the line in which the error is, anything may be the next text.
        let wrong = match line_of_error {
            0 => 0,
            1 => first,
            lines => breaks.nth(lines - 2).map_or(0, |at| at + 1),
        };
        let next = self.next_text(wrong, &mut None);
        if next == Some(first) {
            // Only one line is wrong. Its own error tells more.
            let lines = |first_line, text| Piece::Lines { first_line, text };
            return self.hand_on(first, name, visit, lines);
        }
        // Where the text was cut off, that is reported at its end.
        if self.failed.is_none() || next.is_some() {
            let reason = format!("{} (column {})", fault(&error), error.column());
            visit(name, Piece::Damage { line: self.line + line_of_error as u64, reason })?;
        }
        self.skip_to_text(wrong);
        Ok(())
    }

    /// The place of the next line that begins a text, behind the first line. Before `wrong` that is only
    /// a line that holds a whole resource. `last` is the last byte of the line before.
    fn next_text(&self, wrong: usize, last: &mut Option<u8>) -> Option<usize> {
        let rest = self.rest();
        let mut at = 0;
        while at < rest.len() {
            let next = memchr(b'\n', &rest[at..]).map_or(rest.len(), |length| at + length + 1);
            let line = bare(&rest[at..next]);
            // A text inside another one is indented, or stands behind a comma or an open bracket.
            let is_outside = !matches!(last, Some(b',' | b':' | b'{' | b'['));
            let begins = at > 0 && matches!(rest[at], b'{' | b'[' | 0xef) && !line.is_empty();
            if begins && (is_resource(line) || (at >= wrong && is_outside)) {
                return Some(at);
            }
            *last = line.last().copied().or(*last);
            at = next;
        }
        None
    }

    /// Throws text away as far as the next line that begins a text.
    fn skip_to_text(&mut self, mut wrong: usize) {
        let mut last = None;
        loop {
            let next = self.next_text(wrong, &mut last);
            wrong = 0;
            // The last line may go on behind what was read; its line break stays, to tell its start.
            let end = match next {
                Some(next) => next,
                None if self.ended => self.rest().len(),
                None => memrchr(b'\n', self.rest()).unwrap_or(self.rest().len()),
            };
            self.line += memchr_iter(b'\n', &self.rest()[..end]).count() as u64;
            self.at += end;
            if next.is_some() || self.ended {
                return;
            }
            self.fill(self.rest().len() + BLOCK);
        }
    }

    /// Passes white space over: there may be any amount.
    fn skip_space(&mut self) {
        let space = self.rest().len() - self.rest().trim_ascii_start().len();
        self.line += memchr_iter(b'\n', &self.rest()[..space]).count() as u64;
        self.at += space;
    }

    /// Throws the current line away.
    fn skip_line(&mut self) {
        loop {
            if let Some(at) = memchr(b'\n', self.rest()) {
                self.at += at + 1;
                self.line += 1;
                return;
            }
            self.at = self.buffer.len();
            if self.ended {
                return;
            }
            self.fill(BLOCK);
        }
    }
}

/// A text without white space around it and byte order marks before it.
fn bare(text: &[u8]) -> &[u8] {
    bare_start(text).trim_ascii_end()
}

fn bare_start(text: &[u8]) -> &[u8] {
    let mut text = text.trim_ascii_start();
    while let Some(rest) = text.strip_prefix(BOM) {
        text = rest.trim_ascii_start();
    }
    text
}

/// True for a line that is an item by itself, right or wrong. A line that begins as JSON does, and does
/// not end so, goes on in the next line.
fn is_item(line: &[u8]) -> bool {
    let line = bare(line);
    match line {
        [b'{', .., b'}'] => open_braces(line) == 0,
        [b'{' | b'[', ..] => false,
        _ => true,
    }
}

/// How many braces open and do not close again.
fn open_braces(line: &[u8]) -> i64 {
    let open = |b: u8| i8::from(b == b'{') - i8::from(b == b'}');
    // Sums of so few bytes fit in one byte, and the compiler makes one instruction of many additions.
    let sums = line.chunks(127).map(|few| few.iter().map(|b| open(*b)).sum::<i8>());
    sums.map(i64::from).sum()
}

/// True for a line that holds a whole resource.
fn is_resource(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct ResourceLine {
        #[serde(rename = "resourceType")]
        _resource_type: IgnoredAny,
    }
    line.starts_with(b"{") && is_item(line) && serde_json::from_slice::<ResourceLine>(line).is_ok()
}

/// Finds the end of the JSON text that begins in front.
fn text_end(text: &[u8]) -> TextEnd {
    let start = text.len() - bare_start(text).len();
    if start == text.len() {
        return TextEnd::Open(serde_json::Error::custom("nothing"));
    }
    let mut values: StreamDeserializer<'_, SliceRead<'_>, IgnoredAny> =
        StreamDeserializer::new(SliceRead::new(&text[start..]));
    match values.next() {
        Some(Ok(_)) => TextEnd::At(start + values.byte_offset()),
        Some(Err(error)) if !error.is_eof() => TextEnd::Wrong(error),
        Some(Err(error)) => TextEnd::Open(error),
        None => TextEnd::Open(serde_json::Error::custom("nothing")),
    }
}

fn too_long(line: u64) -> Piece {
    let reason = format!("longer than {} MiB; split it", MAX_TEXT >> 20);
    Piece::Damage { line, reason }
}
