//! The strings of a resource that can lead to other resources: found once, and then read by what asks
//! for compartments, attachments, the context of a Binary and references to look up.
//!
//! These are the links of References, and addresses in elements `url`. Other links (`valueUri`,
//! narratives, …) matter in Bundles alone; [`super::reference`] finds them.

use std::ops::Range;

use super::json::{self, StringValue};
use super::link_kind::{LinkKind, REFERENCE, URL, link_kind};

/// Strings of one text that can lead to other resources, in order.
pub struct LinkStrings<'a> {
    text: &'a str,
    strings: Vec<LinkString<'a>>,
    /// The keys of the objects around each string.
    enclosing: Vec<&'a str>,
}

struct LinkString<'a> {
    is_reference: bool,
    key: &'a str,
    /// The place of the string between its quotes.
    inside: Range<usize>,
    /// Its part of `enclosing`.
    enclosing: Range<usize>,
}

impl<'a> LinkStrings<'a> {
    /// None yet of those in `text`.
    pub(super) fn new(text: &'a str) -> LinkStrings<'a> {
        LinkStrings { text, strings: Vec::with_capacity(8), enclosing: Vec::with_capacity(16) }
    }

    /// Finds those of a valid JSON text.
    pub fn of(text: &'a str) -> LinkStrings<'a> {
        let mut found = LinkStrings::new(text);
        json::each_string(text, |string| {
            // This test is cheap and excludes nearly all strings. Some tools escape letters.
            if LinkStrings::may_have(string.key) || string.key.contains('\\') {
                found.add(&string);
            }
        });
        found
    }

    /// True for the keys, without escapes, of strings to add.
    pub(super) fn may_have(key: &str) -> bool {
        matches!(key, REFERENCE | URL)
    }

    /// Adds a string of the text where it can lead to a resource.
    pub(super) fn add(&mut self, string: &StringValue<'a, '_>) {
        let is_reference = match link_kind(string) {
            Some(LinkKind::Reference) => true,
            Some(LinkKind::Url) if json::unescaped(string.key) == URL => false,
            _ => return,
        };
        let start = self.enclosing.len();
        self.enclosing.extend_from_slice(string.enclosing);
        self.strings.push(LinkString {
            is_reference,
            key: string.key,
            inside: string.at.start + 1..string.at.end - 1,
            enclosing: start..self.enclosing.len(),
        });
    }

    /// The links of References.
    pub(super) fn references(&self) -> impl Iterator<Item = StringValue<'a, '_>> {
        self.each(true)
    }

    /// The addresses in elements `url`.
    pub(super) fn urls(&self) -> impl Iterator<Item = StringValue<'a, '_>> {
        self.each(false)
    }

    fn each(&self, is_reference: bool) -> impl Iterator<Item = StringValue<'a, '_>> {
        let of_kind = self.strings.iter().filter(move |one| one.is_reference == is_reference);
        of_kind.map(|LinkString { key, inside, enclosing, .. }| {
            let enclosing = &self.enclosing[enclosing.clone()];
            StringValue::new(self.text, key, enclosing, inside.clone())
        })
    }
}
