//! Faults in the rows of a file: what is in a line, and how lines are separated.
//!
//! NDJSON: <https://github.com/ndjson/ndjson-spec>. Rows come in chunks of any length, and at most one row
//! is in memory. A row that is longer than a limit goes through as it is. Where a body breaks off is said
//! by `wire.rs`.

use std::borrow::Cow;

use super::copies::copied;
use super::member::FaultMember;
use super::part::RowPart;
use super::rule::FaultRule;

/// The longest row that is changed, in bytes.
const LONGEST_ROW: usize = 16 << 20;
/// The byte order mark of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";
/// The type of rows that should have another one, and the type that these have if it is theirs already.
const OTHER_TYPES: [&str; 2] = ["Basic", "Parameters"];
/// A member that every resource can have, with a raw U+2028 in a string.
const SEPARATOR: &str = "\"_id\":{\"extension\":[{\"url\":\"http://example.org/simulated\",\"valueString\":\"a\u{2028}b\"}]}";

/// A piece of a changed body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowPiece {
    /// Bytes.
    Bytes(Vec<u8>),
    /// So many spaces, which need no memory.
    Spaces(u64),
    /// The end of a row's line.
    RowEnd,
}

/// What is wrong with rows by one rule, and the part of the file that is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowFault {
    duplicate: Option<u64>,
    other_type: Option<u64>,
    broken: Option<u64>,
    blank: Option<u64>,
    separator: Option<u64>,
    long_line: Option<u64>,
    is_crlf: bool,
    has_bom: bool,
    lacks_last_newline: bool,
    part: RowPart,
}

/// Changes rows as they come.
#[derive(Debug)]
pub struct RowChanger {
    fault: RowFault,
    /// What has come of a row.
    row: Vec<u8>,
    /// True within a row that is too long to be changed.
    is_passing: bool,
    /// The number of rows before this one in the file, and of those that were sent.
    before: u64,
    sent: u64,
    /// True if something was sent.
    has_begun: bool,
    /// The end of a line, which waits for the next line.
    line_end: Option<&'static [u8]>,
}

impl RowFault {
    /// The part of a rule that is about rows.
    pub fn of(rule: &FaultRule) -> RowFault {
        RowFault {
            duplicate: rule.count(FaultMember::DuplicateEvery),
            other_type: rule.count(FaultMember::OtherTypeEvery),
            broken: rule.count(FaultMember::BrokenEvery),
            blank: rule.count(FaultMember::BlankEvery),
            separator: rule.count(FaultMember::SeparatorEvery),
            long_line: rule.count(FaultMember::LongLine),
            is_crlf: rule.has(FaultMember::Crlf),
            has_bom: rule.has(FaultMember::Bom),
            lacks_last_newline: rule.has(FaultMember::NoLastNewline),
            part: RowPart::default(),
        }
    }

    /// No fault, but a part of the file.
    pub fn of_part(part: RowPart) -> RowFault {
        RowFault { part, ..RowFault::default() }
    }

    /// What this fault says, and what `other` says of the rest.
    pub fn or(self, other: RowFault) -> RowFault {
        RowFault {
            duplicate: self.duplicate.or(other.duplicate),
            other_type: self.other_type.or(other.other_type),
            broken: self.broken.or(other.broken),
            blank: self.blank.or(other.blank),
            separator: self.separator.or(other.separator),
            long_line: self.long_line.or(other.long_line),
            is_crlf: self.is_crlf || other.is_crlf,
            has_bom: self.has_bom || other.has_bom,
            lacks_last_newline: self.lacks_last_newline || other.lacks_last_newline,
            part: if self.part.is_whole() { other.part } else { self.part },
        }
    }

    /// True where rows stay as they are.
    pub fn is_none(&self) -> bool {
        *self == RowFault::default()
    }

    /// A changer at the beginning of a file.
    pub fn begin(self) -> RowChanger {
        RowChanger {
            fault: self,
            row: Vec::new(),
            is_passing: false,
            before: 0,
            sent: 0,
            has_begun: false,
            line_end: None,
        }
    }

    /// The end of a line.
    fn end(&self) -> &'static [u8] {
        if self.is_crlf { b"\r\n" } else { b"\n" }
    }
}

impl RowChanger {
    /// Takes a chunk of the file.
    pub fn push(&mut self, mut chunk: &[u8], out: &mut Vec<RowPiece>) {
        while let Some(at) = chunk.iter().position(|byte| *byte == b'\n') {
            self.take(&chunk[..at], out);
            self.end_row(out);
            chunk = &chunk[at + 1..];
        }
        self.take(chunk, out);
    }

    /// Ends the file.
    pub fn finish(&mut self, out: &mut Vec<RowPiece>) {
        if !self.row.is_empty() || self.is_passing {
            self.end_row(out);
        }
        if !self.has_begun {
            self.begin_line(out);
        }
        if let Some(end) = self.line_end.take() {
            if !self.fault.lacks_last_newline {
                out.push(RowPiece::Bytes(end.to_vec()));
            }
            out.push(RowPiece::RowEnd);
        }
    }

    fn take(&mut self, bytes: &[u8], out: &mut Vec<RowPiece>) {
        if !self.is_passing && self.row.len() + bytes.len() > LONGEST_ROW {
            self.is_passing = true;
            let begun = std::mem::take(&mut self.row);
            if self.fault.part.has_row(self.before) {
                self.begin_line(out);
                out.push(RowPiece::Bytes(begun));
            }
        }
        if !self.is_passing {
            self.row.extend_from_slice(bytes);
        } else if self.fault.part.has_row(self.before) && !bytes.is_empty() {
            out.push(RowPiece::Bytes(bytes.to_vec()));
        }
    }

    fn end_row(&mut self, out: &mut Vec<RowPiece>) {
        let row = std::mem::take(&mut self.row);
        let was_passing = std::mem::take(&mut self.is_passing);
        for copy in 0..self.fault.part.copies.unwrap_or(1) {
            let number = self.before;
            self.before += 1;
            // A row that is too long has gone out already, and is there once.
            if self.fault.part.has_row(number) && (copy == 0 || !was_passing) {
                let row = (!was_passing).then(|| copied(&row, copy));
                self.send_row(row.as_deref(), out);
            }
        }
        // The next row's buffer needs no new memory.
        self.row = row;
        self.row.clear();
    }

    /// Sends a row; `None` for one that has gone out already, but for its end.
    fn send_row(&mut self, row: Option<&[u8]>, out: &mut Vec<RowPiece>) {
        self.sent += 1;
        let is_each =
            |every: Option<u64>| every.is_some_and(|every| self.sent.is_multiple_of(every));
        let (is_twice, is_blank) = (is_each(self.fault.duplicate), is_each(self.fault.blank));
        match row {
            None => self.line_end = Some(self.fault.end()),
            Some(row) => {
                let pieces = self.changed(row);
                for _ in 0..=u8::from(is_twice) {
                    self.begin_line(out);
                    out.extend(pieces.iter().cloned());
                    self.line_end = Some(self.fault.end());
                }
            }
        }
        if is_blank {
            self.begin_line(out);
            out.push(RowPiece::Bytes(self.fault.end().to_vec()));
        }
    }

    /// Sends what stands in front of a line: the end of the line before, or the byte order mark.
    fn begin_line(&mut self, out: &mut Vec<RowPiece>) {
        if let Some(end) = self.line_end.take() {
            out.push(RowPiece::Bytes(end.to_vec()));
            out.push(RowPiece::RowEnd);
        }
        if !std::mem::replace(&mut self.has_begun, true) && self.fault.has_bom {
            out.push(RowPiece::Bytes(BOM.to_vec()));
        }
    }

    /// The row with what is wrong in it.
    fn changed(&self, row: &[u8]) -> Vec<RowPiece> {
        let is_each =
            |every: Option<u64>| every.is_some_and(|every| self.sent.is_multiple_of(every));
        let mut row = Cow::Borrowed(row.strip_suffix(b"\r").unwrap_or(row));
        if self.fault.part.is_deletions {
            let line = self.fault.part.line_of(&row);
            row = Cow::Owned(line.trim_ascii_end().to_vec());
        }
        if is_each(self.fault.other_type) {
            row = Cow::Owned(with_other_type(&row));
        }
        if is_each(self.fault.separator) {
            row = Cow::Owned(with_separator(&row));
        }
        if is_each(self.fault.broken) {
            row = Cow::Owned(row[..row.len() / 2].to_vec());
        }
        let length = row.len() as u64;
        match self.fault.long_line.filter(|long| self.sent == 1 && *long > length) {
            // White space in front of the last brace leaves the resource as it is.
            Some(long) => {
                let (front, brace) = row.split_at(row.len().saturating_sub(1));
                vec![
                    RowPiece::Bytes(front.to_vec()),
                    RowPiece::Spaces(long - length),
                    RowPiece::Bytes(brace.to_vec()),
                ]
            }
            None => vec![RowPiece::Bytes(row.into_owned())],
        }
    }
}

/// The row with another value of its first `resourceType`. A row without one stays as it is.
fn with_other_type(row: &[u8]) -> Vec<u8> {
    let place = || {
        let name = b"\"resourceType\"";
        let at = row.windows(name.len()).position(|window| window == name)? + name.len();
        let colon = at + row[at..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        let open = row[colon..].iter().position(|byte| *byte == b'"')? + colon + 1;
        let close = row[open..].iter().position(|byte| *byte == b'"')? + open;
        Some((open, close))
    };
    let Some((open, close)) = place() else { return row.to_vec() };
    let [usual, second] = OTHER_TYPES.map(str::as_bytes);
    let other = if row[open..close] == *usual { second } else { usual };
    [&row[..open], other, &row[close..]].concat()
}

/// The row with a raw U+2028 in a string. A row that is no object, or has the member already, stays.
fn with_separator(row: &[u8]) -> Vec<u8> {
    let has_member = row.windows(5).any(|window| window == b"\"_id\"");
    match row.trim_ascii_start().strip_prefix(b"{") {
        Some(rest) if !has_member => {
            let comma: &[u8] = if rest.trim_ascii_start().starts_with(b"}") { b"" } else { b"," };
            [b"{", SEPARATOR.as_bytes(), comma, rest].concat()
        }
        _ => row.to_vec(),
    }
}
