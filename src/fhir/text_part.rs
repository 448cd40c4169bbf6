//! A part of a text that several owners share: resources stay where they were read, uncopied.

use std::ops::{Deref, Range};
use std::sync::Arc;

/// A part of a shared text. As long as one part is there, the whole text is.
#[derive(Clone, Debug)]
pub struct TextPart {
    whole: Arc<String>,
    range: Range<usize>,
}

impl TextPart {
    /// The text at `range`, which lies on the bounds of characters.
    pub fn new(whole: Arc<String>, range: Range<usize>) -> TextPart {
        TextPart { whole, range }
    }
}

impl From<String> for TextPart {
    fn from(text: String) -> TextPart {
        let range = 0..text.len();
        TextPart { whole: Arc::new(text), range }
    }
}

impl Deref for TextPart {
    type Target = str;

    fn deref(&self) -> &str {
        &self.whole[self.range.clone()]
    }
}
