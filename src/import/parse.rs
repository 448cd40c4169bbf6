//! Pieces of text to items: the half of an import that needs no store, and runs beside it.

use std::ops::Range;
use std::sync::Arc;

use memchr::{memchr, memchr_iter};
use serde_json::value::RawValue;

use crate::fhir::reference;
use crate::fhir::resource::{Parsed, Resource};
use crate::source::Piece;

/// One thing found in an input.
pub(super) struct Item {
    /// Its line, from 1; 0 for the input as a whole.
    pub line: u64,
    /// What it is.
    pub what: What,
}

/// What an item is.
pub(super) enum What {
    /// A resource, and whether it holds conditional references.
    Resource(Box<Resource>, bool),
    /// A Bundle: where in which text.
    Bundle(Arc<String>, Range<usize>),
    /// Something that cannot be taken, and why.
    Reject(String),
}

/// Counts lines up to ever later places in a text.
pub(super) struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    /// For a text whose first line has the number `first`.
    pub(super) fn new(text: &'a str, first: u64) -> Lines<'a> {
        Lines {
            text: text.as_bytes(),
            at: 0,
            line: first,
        }
    }

    /// The line of the byte at `offset`, which is not before the last one asked for.
    pub(super) fn at(&mut self, offset: usize) -> u64 {
        let offset = offset.max(self.at);
        self.line += memchr_iter(b'\n', &self.text[self.at..offset]).count() as u64;
        self.at = offset;
        self.line
    }
}

/// The items of a piece; its text is used up.
pub(super) fn items(piece: Piece) -> Vec<Item> {
    match piece {
        Piece::Damage { line, reason } => vec![Item {
            line,
            what: What::Reject(reason),
        }],
        Piece::Lines { first_line, text } => lines(first_line, &text),
        Piece::Document { text } => match String::from_utf8(text) {
            Ok(text) => document(Arc::new(text)),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let line = 1 + memchr_iter(b'\n', &error.as_bytes()[..valid]).count() as u64;
                vec![Item {
                    line,
                    what: What::Reject(NOT_UTF8.to_owned()),
                }]
            }
        },
    }
}

const NOT_UTF8: &str = "not valid UTF-8; FHIR JSON is UTF-8";

fn lines(first_line: u64, text: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut rest = text;
    let mut line = first_line;
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let item = rest[..end].trim_ascii();
        if !item.is_empty() {
            let what = match std::str::from_utf8(item) {
                Ok(text) => what(text, || (Arc::new(text.to_owned()), 0..text.len())),
                Err(_) => What::Reject(NOT_UTF8.to_owned()),
            };
            items.push(Item { line, what });
        }
        rest = rest.get(end + 1..).unwrap_or_default();
        line += 1;
    }
    items
}

/// Mostly one JSON text, but some tools write several behind each other.
fn document(text: Arc<String>) -> Vec<Item> {
    let mut items = Vec::new();
    let mut count = Lines::new(&text, 1);
    for value in serde_json::Deserializer::from_str(&text).into_iter::<&RawValue>() {
        match value {
            Ok(value) => {
                let start = value.get().as_ptr() as usize - text.as_ptr() as usize;
                let range = start..start + value.get().len();
                let what = what(value.get(), || (text.clone(), range));
                items.push(Item {
                    line: count.at(start),
                    what,
                });
            }
            Err(error) => {
                let what = error.to_string();
                let what = what.split(" at line ").next().unwrap_or_default();
                let reason = format!("not valid JSON: {what} (column {})", error.column());
                items.push(Item {
                    line: error.line() as u64,
                    what: What::Reject(reason),
                });
                break;
            }
        }
    }
    items
}

fn what(text: &str, shared: impl FnOnce() -> (Arc<String>, Range<usize>)) -> What {
    match Parsed::parse(text, None) {
        Ok(Parsed::Resource(resource)) => {
            let conditional = reference::has_conditional(&resource.text);
            What::Resource(resource, conditional)
        }
        Ok(Parsed::Bundle) => {
            let (text, range) = shared();
            What::Bundle(text, range)
        }
        Err(reason) => What::Reject(reason),
    }
}
