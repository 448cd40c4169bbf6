//! Line numbers of places in a text.

use memchr::memchr_iter;

/// Counts the lines up to ever later places in a text.
pub(super) struct LineCounter<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> LineCounter<'a> {
    /// For a text whose first line has the number `first`.
    pub(super) fn new(text: &'a str, first: u64) -> LineCounter<'a> {
        LineCounter { text: text.as_bytes(), at: 0, line: first }
    }

    /// The line of the byte at `offset`, which is not before the last one asked for.
    pub(super) fn at(&mut self, offset: usize) -> u64 {
        let offset = offset.max(self.at);
        self.line += memchr_iter(b'\n', &self.text[self.at..offset]).count() as u64;
        self.at = offset;
        self.line
    }
}
