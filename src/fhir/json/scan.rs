//! One pass over a JSON object: it says whether the text is valid, and reports root members and
//! strings on the way.
//!
//! The scan takes nothing that `serde_json` refuses. It gives up on texts that are rare or wrong, and
//! does not say why: `serde_json` reads those, and has the message.

use std::ops::Range;

use memchr::memchr2;

use super::strings::StringValue;
use super::value::MAX_DEPTH;

/// Something in a JSON object.
pub enum JsonPart<'a, 'k> {
    /// A member of the root: its name, and its value as written.
    Member(&'a str, &'a str),
    /// A string value at any depth.
    String(StringValue<'a, 'k>),
}

/// What a scan says of a text as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonTraits {
    /// True where the text has line breaks.
    pub has_line_breaks: bool,
    /// True where a string has an escape.
    pub has_escapes: bool,
}

/// Reads a JSON object, with nothing before or after it, and calls `visit` with its strings and root
/// members, in order. A member comes after the strings in it.
///
/// `None` for a text that is no JSON object, nests deeper than [`MAX_DEPTH`], or has an escape in a
/// key. What `visit` was called with says nothing then.
pub fn scan<'a>(text: &'a str, visit: impl FnMut(JsonPart<'a, '_>)) -> Option<JsonTraits> {
    let mut scan = Scan {
        text,
        bytes: text.as_bytes(),
        at: 0,
        traits: JsonTraits::default(),
        key: "",
        keys: Vec::with_capacity(16),
        is_object: Vec::with_capacity(16),
        root_value: 0,
        visit,
    };
    scan.object()?;
    Some(scan.traits)
}

struct Scan<'a, V> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    traits: JsonTraits,
    /// The nearest key, between its quotes.
    key: &'a str,
    /// The keys of the open objects, as in [`StringValue`].
    keys: Vec<&'a str>,
    /// The open brackets: true for an object.
    is_object: Vec<bool>,
    /// Where the value of the current root member begins.
    root_value: usize,
    visit: V,
}

impl<'a, V: FnMut(JsonPart<'a, '_>)> Scan<'a, V> {
    /// Reads the whole text.
    fn object(&mut self) -> Option<()> {
        if self.peek()? != b'{' {
            return None;
        }
        loop {
            if self.value()? {
                // The first value of an object or list comes next.
                continue;
            }
            if self.end_of_value()? {
                return Some(());
            }
        }
    }

    /// Reads a value, or opens an object or list that holds something. True where its first value comes
    /// next.
    fn value(&mut self) -> Option<bool> {
        match self.peek()? {
            b'"' => {
                let inside = self.string()?;
                (self.visit)(JsonPart::String(StringValue::new(
                    self.text, self.key, &self.keys, inside,
                )));
            }
            b'{' => {
                self.open(true)?;
                self.keys.push(self.key);
                if self.peek()? == b'}' {
                    self.close();
                } else {
                    self.key()?;
                    return Some(true);
                }
            }
            b'[' => {
                self.open(false)?;
                if self.peek()? == b']' {
                    self.close();
                } else {
                    return Some(true);
                }
            }
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => return None,
        }
        Some(false)
    }

    /// Reads what follows a value, up to the next value. True where the text has ended.
    fn end_of_value(&mut self) -> Option<bool> {
        loop {
            if self.is_object.len() == 1 {
                let value = &self.text[self.root_value..self.at];
                (self.visit)(JsonPart::Member(self.key, value));
            }
            self.skip_space();
            let Some(is_object) = self.is_object.last() else {
                return (self.at == self.bytes.len()).then_some(true);
            };
            match (self.peek()?, is_object) {
                (b',', true) => {
                    self.at += 1;
                    self.skip_space();
                    self.key()?;
                    return Some(false);
                }
                (b',', false) => {
                    self.at += 1;
                    self.skip_space();
                    return Some(false);
                }
                (b'}', true) | (b']', false) => self.close(),
                _ => return None,
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn open(&mut self, is_object: bool) -> Option<()> {
        if self.is_object.len() == MAX_DEPTH {
            return None;
        }
        self.is_object.push(is_object);
        self.at += 1;
        self.skip_space();
        Some(())
    }

    fn close(&mut self) {
        self.at += 1;
        if self.is_object.pop() == Some(true) {
            self.key = self.keys.pop().unwrap_or_default();
        }
    }

    /// Reads a key, its colon, and the space around that.
    fn key(&mut self) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        let had_escapes = std::mem::take(&mut self.traits.has_escapes);
        self.key = &self.text[self.string()?];
        if self.traits.has_escapes {
            return None;
        }
        self.traits.has_escapes = had_escapes;
        self.skip_space();
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        self.skip_space();
        if self.is_object.len() == 1 {
            self.root_value = self.at;
        }
        Some(())
    }

    /// Reads the string that opens here, and returns what is between its quotes.
    #[inline]
    fn string(&mut self) -> Option<Range<usize>> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            at += plain_length(&self.bytes[at..]);
            match self.bytes.get(at)? {
                b'"' => break,
                b'\\' => {
                    self.traits.has_escapes = true;
                    at += match self.bytes.get(at + 1)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                        b'u' => {
                            let digits = self.bytes.get(at + 2..at + 6)?;
                            if !digits.iter().all(u8::is_ascii_hexdigit) {
                                return None;
                            }
                            6
                        }
                        _ => return None,
                    };
                }
                // A control character.
                _ => return None,
            }
        }
        self.at = at + 1;
        Some(start..at)
    }

    fn number(&mut self) -> Option<()> {
        self.at += usize::from(self.peek()? == b'-');
        match self.peek()? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Some(())
    }

    /// Reads at least one digit.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(space @ (b' ' | b'\t' | b'\n' | b'\r')) = self.peek() {
            self.traits.has_line_breaks |= matches!(space, b'\n' | b'\r');
            self.at += 1;
        }
    }
}

/// The length of the beginning of `bytes` without quotes, backslashes and control characters.
#[inline]
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let marked = marks_less(word, 0x20) | marks_equal(word, b'"') | marks_equal(word, b'\\');
        if marked != 0 {
            return at + (marked.trailing_zeros() / 8) as usize;
        }
        at += chunk.len();
    }
    let is_plain = |b: &&u8| !matches!(**b, b'"' | b'\\' | 0..0x20);
    at + bytes[at..].iter().take_while(is_plain).count()
}

/// The length of the beginning of `bytes` without quotes and backslashes: where a string of known JSON may end. Most
/// strings are short.
#[inline]
pub(super) fn unescaped_length(bytes: &[u8]) -> usize {
    /// From here on, looking at 32 bytes at a time is faster.
    const SHORT: usize = 40;
    let mut at = 0;
    while at < SHORT
        && let Some(chunk) = bytes[at..].first_chunk()
    {
        let word = u64::from_le_bytes(*chunk);
        let marked = marks_equal(word, b'"') | marks_equal(word, b'\\');
        if marked != 0 {
            return at + (marked.trailing_zeros() / 8) as usize;
        }
        at += chunk.len();
    }
    let rest = &bytes[at..];
    at + memchr2(b'"', b'\\', rest).unwrap_or(rest.len())
}

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// Marks the bytes of a word that are less than a number up to 128, by their highest bit. The lowest byte that is marked
/// is right; those above it may be marked wrongly.
#[inline]
fn marks_less(word: u64, than: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(than)) & !word & HIGH
}

/// Marks the bytes of a word that are equal to a byte, like [`marks_less`].
#[inline]
fn marks_equal(word: u64, byte: u8) -> u64 {
    marks_less(word ^ (ONES * u64::from(byte)), 1)
}
