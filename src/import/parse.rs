//! Pieces of text to items: the half of an import that needs no store, and runs beside it.

use std::ops::Range;
use std::sync::Arc;

use memchr::memchr_iter;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::fhir::json;
use crate::fhir::resource::{Parsed, Resource};
use crate::fhir::{parameters, reference};
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
    /// A mark between resources.
    Nothing,
    /// Something that holds nothing to take, and what it is.
    Remark(String),
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
        Lines { text: text.as_bytes(), at: 0, line: first }
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
        Piece::Skipped => {
            let what = What::Remark(SKIPPED.to_owned());
            vec![Item { line: 0, what }]
        }
        Piece::Damage { line, reason } => {
            let what = What::Reject(reason);
            vec![Item { line, what }]
        }
        Piece::Lines { first_line, text } => match String::from_utf8(text) {
            Ok(text) => lines(first_line, &Arc::new(text)),
            // One line that is not UTF-8 must not spoil the others.
            Err(error) => lossy_lines(first_line, error.as_bytes()),
        },
        Piece::Document { first_line, text } => match String::from_utf8(text) {
            Ok(text) => document(first_line, &Arc::new(text)),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let line =
                    first_line + memchr_iter(b'\n', &error.as_bytes()[..valid]).count() as u64;
                let what = What::Reject(NOT_UTF8.to_owned());
                vec![Item { line, what }]
            }
        },
    }
}

/// What is said of a file in a folder or archive that is not FHIR JSON by its name.
pub(super) const SKIPPED: &str = "skipped: neither .json, .ndjson, .jsonl (or one of these .gz) nor .zip, or the error file of an export";
const NOT_UTF8: &str = "not valid UTF-8; FHIR JSON is UTF-8";

fn lines(first_line: u64, text: &Arc<String>) -> Vec<Item> {
    let mut items = Vec::new();
    let mut start = 0;
    for (number, line) in text.split('\n').enumerate() {
        let item = line.trim_ascii();
        if !item.is_empty() {
            let at = start + (line.len() - line.trim_ascii_start().len());
            let what = what(text, at..at + item.len());
            items.push(Item { line: first_line + number as u64, what });
        }
        start += line.len() + 1;
    }
    items
}

fn lossy_lines(first_line: u64, text: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    for (number, line) in text.split(|b| *b == b'\n').enumerate() {
        let line_number = first_line + number as u64;
        match std::str::from_utf8(line) {
            Ok(line) => items.extend(lines(line_number, &Arc::new(line.to_owned()))),
            Err(_) => {
                let what = What::Reject(NOT_UTF8.to_owned());
                items.push(Item { line: line_number, what });
            }
        }
    }
    items
}

/// Mostly one JSON text, but some tools write several behind each other.
fn document(first_line: u64, text: &Arc<String>) -> Vec<Item> {
    let mut items = Vec::new();
    let mut count = Lines::new(text, first_line);
    for value in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
        match value {
            Ok(value) => {
                let start = value.get().as_ptr() as usize - text.as_ptr() as usize;
                let what = what(text, start..start + value.get().len());
                items.push(Item { line: count.at(start), what });
            }
            Err(error) => {
                // Perhaps it was NDJSON after all, and only its first line is cut off.
                if items.is_empty() {
                    let by_lines = lines(first_line, text);
                    if by_lines.iter().any(|item| !matches!(item.what, What::Reject(_))) {
                        return by_lines;
                    }
                }
                let reason = format!("{} (column {})", json::fault(&error), error.column());
                let line = first_line + error.line() as u64 - 1;
                items.push(Item { line, what: What::Reject(reason) });
                break;
            }
        }
    }
    items
}

/// What the JSON text at `range` is.
fn what(text: &Arc<String>, range: Range<usize>) -> What {
    let item = &text[range.clone()];
    match Parsed::parse(item, None) {
        Ok(Parsed::Resource(resource))
            if resource.resource_type == "Parameters" && parameters::is_header(item) =>
        {
            What::Nothing
        }
        Ok(Parsed::Resource(resource)) => {
            let conditional = reference::has_conditional(&resource.text);
            What::Resource(resource, conditional)
        }
        Ok(Parsed::Bundle) => What::Bundle(text.clone(), range),
        Err(_) if is_manifest(item) => {
            What::Remark("a Bulk Data manifest; its files are what there is to import".to_owned())
        }
        Err(reason) => What::Reject(reason),
    }
}

/// True for the manifest that an export leaves beside its files.
fn is_manifest(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Manifest<'a> {
        #[serde(borrow, rename = "transactionTime")]
        _transaction_time: &'a RawValue,
        #[serde(borrow, rename = "output")]
        _output: Vec<&'a RawValue>,
    }
    text.starts_with('{') && serde_json::from_str::<Manifest>(text).is_ok()
}
