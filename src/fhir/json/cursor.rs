//! A place in a JSON text that goes forward: over white space, strings, numbers and whole values.

use std::ops::Range;

use super::scan::{plain_length, unescaped_length};

/// Why a text is not JSON, and the byte that shows it.
pub(in crate::fhir) type Fault = (&'static str, usize);

/// A place in a JSON text.
pub(in crate::fhir) struct JsonCursor<'t> {
    bytes: &'t [u8],
    /// The number of the byte that comes next.
    pub(in crate::fhir) at: usize,
    /// True for a text that is known to be JSON.
    is_known: bool,
}

impl<'t> JsonCursor<'t> {
    /// The beginning of a text that may be anything.
    pub(super) fn new(text: &'t str) -> JsonCursor<'t> {
        JsonCursor { bytes: text.as_bytes(), at: 0, is_known: false }
    }

    /// The beginning of a text that is known to be JSON.
    pub(in crate::fhir) fn of_known(text: &'t str) -> JsonCursor<'t> {
        JsonCursor { is_known: true, ..JsonCursor::new(text) }
    }

    /// The byte that comes next.
    #[inline]
    pub(in crate::fhir) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Goes over white space.
    #[inline]
    pub(in crate::fhir) fn skip_space(&mut self) {
        // Mostly there is none.
        while self.peek().is_some_and(|b| b <= b' ' && matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Goes to the end of a value without looking at it.
    pub(in crate::fhir) fn skip_value(&mut self) -> Result<(), Fault> {
        let mut depth = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.skip_string()?;
                    if depth == 0 {
                        return Ok(());
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth > 1 => depth -= 1,
                b'}' | b']' if depth == 1 => {
                    self.at += 1;
                    return Ok(());
                }
                b',' | b'}' | b']' if depth == 0 => return Ok(()),
                _ => {}
            }
            self.at += 1;
        }
        Err(("the text ends too early", self.at))
    }

    /// Goes behind a string that begins here. True where it has no escapes.
    #[inline]
    pub(in crate::fhir) fn skip_string(&mut self) -> Result<bool, Fault> {
        let open = self.at;
        self.at += 1;
        let mut is_plain = true;
        loop {
            let rest = &self.bytes[self.at..];
            // A string of JSON has no control characters.
            self.at += match self.is_known {
                true => unescaped_length(rest),
                false => plain_length(rest),
            };
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_plain = false;
                    // A backslash, and the character that it escapes.
                    self.at = (self.at + 2).min(self.bytes.len());
                }
                Some(_) => return Err(("a control character in a string", self.at)),
                None => return Err(("a string without an end", open)),
            }
        }
        self.at += 1;
        Ok(is_plain)
    }

    /// Reads a comma, or the bracket that ends a list or an object: true for the comma.
    #[inline]
    pub(in crate::fhir) fn goes_on(&mut self, end: u8, fault: &'static str) -> Result<bool, Fault> {
        self.skip_space();
        let next = self.peek();
        if next != Some(b',') && next != Some(end) {
            return Err((fault, self.at));
        }
        self.at += 1;
        Ok(next == Some(b','))
    }

    /// Goes behind a number that begins here, and says where it stands.
    pub(in crate::fhir) fn skip_number(&mut self) -> Result<Range<usize>, Fault> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(start..self.at)
    }

    /// Goes behind a word that should stand here: `true`, `null`.
    pub(in crate::fhir) fn skip_word(&mut self, word: &str) -> Result<(), Fault> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(("no value", self.at));
        }
        self.at += word.len();
        Ok(())
    }

    /// Reads at least one digit.
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(("a number that lacks a digit", start)) } else { Ok(()) }
    }
}
