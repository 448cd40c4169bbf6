//! Faults in how a body is sent: where it breaks off and how, its coding, its length, its speed.
//!
//! The framing of a body: <https://www.rfc-editor.org/rfc/rfc9112#section-6>. This file says what should
//! happen; the engine, which has the socket, lets it happen. What stands in the rows is said by `rows.rs`.

use std::io;
use std::time::Duration;

use super::coding::{BodyCoding, FaultyCoder};
use super::member::FaultMember;
use super::part::RowPart;
use super::rows::{RowChanger, RowFault, RowPiece};
use super::rule::FaultRule;
use crate::http::shaped::BodyEnd;

/// The largest piece of a body that is handled at once, in bytes.
const PIECE: u64 = 64 << 10;
/// A slow body is sent so many times a second.
const PER_SECOND: u64 = 10;

/// What is wrong with a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyFault {
    rows: RowFault,
    coding: BodyCoding,
    cut_bytes: Option<u64>,
    cut_rows: Option<u64>,
    cut: BodyEnd,
    length_offset: Option<i64>,
    bytes_per_second: Option<u64>,
    /// Whether `Range` is ignored.
    pub ignores_ranges: bool,
}

/// Changes a body as its bytes come.
#[derive(Debug)]
pub struct BodyChanger {
    rows: Option<RowChanger>,
    coder: FaultyCoder,
    bytes_left: Option<u64>,
    rows_left: Option<u64>,
    cut: BodyEnd,
    end: Option<BodyEnd>,
    whole: BodyEnd,
}

impl BodyFault {
    /// What rules say about a body. Where two of them say something of the same, the first one counts.
    pub fn new<'r>(
        rules: impl IntoIterator<Item = &'r FaultRule>,
        part: RowPart,
        prefers_gzip: bool,
    ) -> BodyFault {
        let start = BodyFault { rows: RowFault::of_part(part), ..BodyFault::default() };
        let mut fault = rules.into_iter().fold(start, |fault, rule| fault.or(rule));
        if prefers_gzip && fault.coding == BodyCoding::Plain {
            fault.coding = BodyCoding::Gzip;
        }
        fault
    }

    fn or(self, rule: &FaultRule) -> BodyFault {
        let is_cut = self.cut_bytes.is_some() || self.cut_rows.is_some();
        let (cut_bytes, cut_rows, cut) = if is_cut {
            (self.cut_bytes, self.cut_rows, self.cut)
        } else {
            let cut = match rule.text(FaultMember::Cut) {
                Some("reset") => BodyEnd::Reset,
                Some("stall") => BodyEnd::Stall,
                _ => BodyEnd::Close,
            };
            (rule.count(FaultMember::CutBytes), rule.count(FaultMember::CutRows), cut)
        };
        let coding = match rule.text(FaultMember::Gzip) {
            Some(word) if self.coding == BodyCoding::Plain => BodyCoding::of_word(word),
            _ => self.coding,
        };
        BodyFault {
            rows: self.rows.or(RowFault::of(rule)),
            coding,
            cut_bytes,
            cut_rows,
            cut,
            length_offset: self.length_offset.or(rule.offset(FaultMember::LengthOffset)),
            bytes_per_second: self.bytes_per_second.or(rule.count(FaultMember::BytesPerSecond)),
            ignores_ranges: self.ignores_ranges || rule.has(FaultMember::Ranges),
        }
    }

    /// True where a body stays as it is.
    pub fn is_none(&self) -> bool {
        let is_whole = self.cut_bytes.is_none() && self.length_offset.is_none();
        is_whole && self.bytes_per_second.is_none() && !self.changes_content()
    }

    /// True where other bytes are sent than the file has, so that neither a range nor an entity tag fits them.
    pub fn changes_content(&self) -> bool {
        !self.rows.is_none() || self.cut_rows.is_some() || self.coding != BodyCoding::Plain
    }

    /// `Content-Encoding`, where the body has one.
    pub fn content_encoding(&self) -> Option<&'static str> {
        self.coding.is_announced().then_some("gzip")
    }

    /// The `Content-Length` of a body that has `length` bytes without faults; `None` for a body whose
    /// length changes, which goes in chunks.
    pub fn declared_length(&self, length: u64) -> Option<u64> {
        let is_known = self.rows.is_none() && self.coding.is_plain();
        is_known.then(|| length.saturating_add_signed(self.length_offset.unwrap_or(0)))
    }

    /// A changer at the beginning of a body.
    pub fn begin(&self) -> BodyChanger {
        let has_rows = !self.rows.is_none() || self.cut_rows.is_some();
        // Behind a wrong length, nobody knows where the next answer begins.
        let whole = if self.length_offset.is_some() { BodyEnd::Close } else { BodyEnd::Whole };
        BodyChanger {
            rows: has_rows.then(|| self.rows.clone().begin()),
            coder: FaultyCoder::new(self.coding),
            bytes_left: self.cut_bytes,
            rows_left: self.cut_rows,
            cut: self.cut,
            end: None,
            whole,
        }
    }

    /// The speed of the body.
    pub fn pace(&self) -> Pace {
        Pace { bytes_per_second: self.bytes_per_second }
    }
}

/// The speed of a body.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    bytes_per_second: Option<u64>,
}

impl Pace {
    /// The most bytes to send at once.
    pub fn most(self) -> u64 {
        self.bytes_per_second.map_or(PIECE, |rate| (rate / PER_SECOND).clamp(1, PIECE))
    }

    /// The time to wait before so many bytes are sent.
    pub fn wait(self, bytes: u64) -> Duration {
        let seconds = self.bytes_per_second.map_or(0.0, |rate| bytes as f64 / rate as f64);
        Duration::from_secs_f64(seconds)
    }
}

/// A piece of a body that goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyPiece {
    /// Bytes.
    Bytes(Vec<u8>),
    /// So many spaces.
    Spaces(u64),
}

impl BodyChanger {
    /// Takes a chunk of the body; adds what goes out for it.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<BodyPiece>) -> io::Result<()> {
        let Some(rows) = &mut self.rows else { return self.send(chunk, out) };
        let mut pieces = Vec::new();
        rows.push(chunk, &mut pieces);
        self.send_pieces(pieces, out)
    }

    /// Ends the body; adds what goes out last.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn finish(&mut self, out: &mut Vec<BodyPiece>) -> io::Result<()> {
        if let Some(rows) = &mut self.rows {
            let mut pieces = Vec::new();
            rows.finish(&mut pieces);
            self.send_pieces(pieces, out)?;
        }
        if self.end.is_none() {
            let last = self.coder.finish()?;
            self.send_coded(last, out);
        }
        // A body that is as short as the cut does break off: its framing stays open.
        if self.end.is_none() && self.bytes_left == Some(0) {
            self.end = Some(self.cut);
        }
        self.end.get_or_insert(self.whole);
        Ok(())
    }

    /// How the body ends; `None` as long as it goes on.
    pub fn end(&self) -> Option<BodyEnd> {
        self.end
    }

    fn send_pieces(&mut self, pieces: Vec<RowPiece>, out: &mut Vec<BodyPiece>) -> io::Result<()> {
        for piece in pieces {
            if self.end.is_none() && self.rows_left == Some(0) {
                let last = self.coder.flush()?;
                self.send_coded(last, out);
                self.end = Some(self.cut);
            }
            match piece {
                RowPiece::Bytes(bytes) => self.send(&bytes, out)?,
                RowPiece::Spaces(count) => self.send_spaces(count, out)?,
                RowPiece::RowEnd => {
                    self.rows_left = self.rows_left.map(|left| left.saturating_sub(1))
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8], out: &mut Vec<BodyPiece>) -> io::Result<()> {
        if self.end.is_none() {
            let coded = self.coder.push(bytes)?;
            self.send_coded(coded, out);
        }
        Ok(())
    }

    fn send_spaces(&mut self, mut count: u64, out: &mut Vec<BodyPiece>) -> io::Result<()> {
        if self.end.is_some() {
            return Ok(());
        }
        if self.coder.is_plain() {
            let sent = self.bytes_left.map_or(count, |left| left.min(count));
            self.bytes_left = self.bytes_left.map(|left| left - sent);
            out.push(BodyPiece::Spaces(sent));
            if sent < count {
                self.end = Some(self.cut);
            }
            return Ok(());
        }
        let spaces = vec![b' '; PIECE as usize];
        while count > 0 {
            let some = count.min(PIECE);
            self.send(&spaces[..some as usize], out)?;
            count -= some;
        }
        Ok(())
    }

    fn send_coded(&mut self, mut bytes: Vec<u8>, out: &mut Vec<BodyPiece>) {
        if let Some(left) = self.bytes_left {
            let sent = left.min(bytes.len() as u64);
            self.bytes_left = Some(left - sent);
            if sent < bytes.len() as u64 {
                self.end = Some(self.cut);
                bytes.truncate(sent as usize);
            }
        }
        if !bytes.is_empty() {
            out.push(BodyPiece::Bytes(bytes));
        }
    }
}
