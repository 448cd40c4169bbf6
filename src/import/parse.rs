//! Pieces of text become items: resources, and Bundles with their entries. No store is needed.

use std::ops::Range;
use std::sync::Arc;

use memchr::memchr_iter;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::entry::BundleText;
use super::lines::LineCounter;
use super::step::BundleSteps;
use crate::fhir::json;
use crate::fhir::resource::{Parsed, Resource};
use crate::fhir::{parameters, reference};
use crate::source::Piece;

/// One thing found in an input.
pub(super) struct InputItem {
    /// Its line, from 1; 0 for the input as a whole.
    pub(super) line: u64,
    pub(super) content: ItemContent,
}

/// The content of an item.
pub(super) enum ItemContent {
    /// A resource, and whether it holds references that have to be looked up.
    Resource { resource: Box<Resource>, is_open: bool },
    /// A Bundle in a text, or the reason why it cannot be read.
    Bundle { text: Arc<String>, bundle: Result<BundleSteps, String> },
    /// A mark between resources.
    Nothing,
    /// A text that holds nothing to import, and what it is.
    Remark(String),
    /// A text that cannot be imported, and why.
    Reject(String),
}

impl InputItem {
    fn reject(line: u64, reason: impl Into<String>) -> InputItem {
        InputItem { line, content: ItemContent::Reject(reason.into()) }
    }
}

/// What is reported of a file that is not FHIR JSON by its name, in a folder or archive.
pub(super) const SKIPPED: &str = "skipped: neither .json, .ndjson, .jsonl (or one of these .gz) nor .zip, or the error file of an export";
const NOT_UTF8: &str = "not valid UTF-8; FHIR JSON is UTF-8";

/// Reads items from pieces.
pub(super) struct Parser {
    /// True where resources keep their `meta.lastUpdated`, which then must be a time.
    pub(super) keeps_times: bool,
    /// The owner given to new resources.
    pub(super) owner: i64,
}

impl Parser {
    /// Reads the items of a piece.
    pub(super) fn items(&self, piece: Piece) -> Vec<InputItem> {
        match piece {
            Piece::Skipped => {
                vec![InputItem { line: 0, content: ItemContent::Remark(SKIPPED.to_owned()) }]
            }
            Piece::Damage { line, reason } => vec![InputItem::reject(line, reason)],
            Piece::Lines { first_line, text } => match String::from_utf8(text) {
                Ok(text) => self.lines(first_line, &Arc::new(text)),
                // One line that is not UTF-8 must not spoil the others.
                Err(error) => self.lossy_lines(first_line, error.as_bytes()),
            },
            Piece::Document { first_line, text } => match String::from_utf8(text) {
                Ok(text) => self.document(first_line, &Arc::new(text)),
                Err(error) => {
                    let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                    let line = first_line + memchr_iter(b'\n', valid).count() as u64;
                    vec![InputItem::reject(line, NOT_UTF8)]
                }
            },
        }
    }

    /// Reads lines, each of which is an item.
    fn lines(&self, first_line: u64, text: &Arc<String>) -> Vec<InputItem> {
        let mut items = Vec::new();
        let mut start = 0;
        for (number, line) in text.split('\n').enumerate() {
            let item = line.trim_ascii();
            if !item.is_empty() {
                let at = start + (line.len() - line.trim_ascii_start().len());
                items.push(self.item(first_line + number as u64, text, at..at + item.len()));
            }
            start += line.len() + 1;
        }
        items
    }

    /// Reads lines of which some are not UTF-8.
    fn lossy_lines(&self, first_line: u64, text: &[u8]) -> Vec<InputItem> {
        let mut items = Vec::new();
        for (number, line) in text.split(|b| *b == b'\n').enumerate() {
            let line_number = first_line + number as u64;
            match std::str::from_utf8(line) {
                Ok(line) => items.extend(self.lines(line_number, &Arc::new(line.to_owned()))),
                Err(_) => items.push(InputItem::reject(line_number, NOT_UTF8)),
            }
        }
        items
    }

    /// Reads a document: one JSON text, or several in a row as some tools write them.
    fn document(&self, first_line: u64, text: &Arc<String>) -> Vec<InputItem> {
        let mut items = Vec::new();
        let mut lines = LineCounter::new(text, first_line);
        for value in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
            match value {
                Ok(value) => {
                    let at = json::place(text, value.get());
                    items.push(self.item(lines.at(at.start), text, at));
                }
                Err(error) => {
                    // Perhaps the text is NDJSON, and only its first line is cut off.
                    if items.is_empty() {
                        let by_lines = self.lines(first_line, text);
                        let is_taken =
                            |item: &InputItem| !matches!(item.content, ItemContent::Reject(_));
                        if by_lines.iter().any(is_taken) {
                            return by_lines;
                        }
                    }
                    let reason = format!("{} (column {})", json::fault(&error), error.column());
                    let line = first_line + error.line() as u64 - 1;
                    items.push(InputItem::reject(line, reason));
                    break;
                }
            }
        }
        items
    }

    /// Reads the JSON text at `range`, which starts on `line`.
    fn item(&self, line: u64, text: &Arc<String>, range: Range<usize>) -> InputItem {
        let item = &text[range.clone()];
        let content = match Parsed::parse(item, None) {
            Ok(Parsed::Resource(resource))
                if resource.resource_type == "Parameters" && parameters::is_header(item) =>
            {
                ItemContent::Nothing
            }
            Ok(Parsed::Resource(resource)) => {
                let is_open = reference::has_open(&resource.text);
                ItemContent::Resource { resource, is_open }
            }
            Ok(Parsed::Bundle) => {
                let Parser { keeps_times, owner } = *self;
                let whole = BundleText { text: text.as_str(), keeps_times, owner };
                ItemContent::Bundle { bundle: whole.read(range, line), text: text.clone() }
            }
            Err(_) if is_manifest(item) => ItemContent::Remark(
                "a Bulk Data manifest; its files are what there is to import".to_owned(),
            ),
            Err(reason) => ItemContent::Reject(reason),
        };
        InputItem { line, content }
    }
}

/// True for the manifest that an export writes beside its files.
fn is_manifest(text: &str) -> bool {
    #[derive(Deserialize)]
    struct ManifestHead<'a> {
        #[serde(borrow, rename = "transactionTime")]
        _transaction_time: &'a RawValue,
        #[serde(borrow, rename = "output")]
        _output: Vec<&'a RawValue>,
    }
    text.starts_with('{') && serde_json::from_str::<ManifestHead>(text).is_ok()
}
