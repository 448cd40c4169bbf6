//! Replacing parts of a text.

use std::ops::Range;

/// Replacements to make in a text, in the order of their places.
#[derive(Default)]
pub struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Replaces the text at `at`; an empty range inserts. Places must come in ascending order.
    pub fn replace(&mut self, at: Range<usize>, with: String) {
        debug_assert!(self.0.last().is_none_or(|(last, _)| last.end <= at.start));
        self.0.push((at, with));
    }

    /// True where nothing is to be replaced.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes the edits in `text`.
    pub fn apply(&self, text: &str) -> String {
        let grown: usize = self.0.iter().map(|(_, with)| with.len()).sum();
        let mut out = String::with_capacity(text.len() + grown);
        let mut at = 0;
        for (range, with) in &self.0 {
            out.push_str(&text[at..range.start]);
            out.push_str(with);
            at = range.end;
        }
        out.push_str(&text[at..]);
        out
    }
}
