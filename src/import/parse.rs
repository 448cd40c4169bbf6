//! Pieces of text become items: resources, and Bundles with their entries. No store is needed.

use std::ops::Range;
use std::sync::Arc;

use memchr::memchr_iter;
use serde_json::value::RawValue;

use super::entry::BundleText;
use super::lines::LineCounter;
use super::make::MadeAhead;
use super::step::BundleSteps;
use crate::fhir::json;
use crate::fhir::no_data::{NoData, holds_answers};
use crate::fhir::resource::{Parsed, Resource};
use crate::fhir::view::MadeViewRows;
use crate::fhir::{ResourceIdentity, check_spelling, parameters};
use crate::source::Piece;

/// One thing found in an input.
pub(super) struct InputItem {
    /// Its line, from 1; 0 for the input as a whole.
    pub(super) line: u64,
    pub(super) content: ItemContent,
}

/// The content of an item.
pub(super) enum ItemContent {
    /// A resource, whether it holds references that have to be looked up, and its rows for views.
    Resource { resource: Box<Resource>, is_open: bool, rows: Option<MadeViewRows> },
    /// A Bundle in a text, or the reason why it cannot be read.
    Bundle { text: Arc<String>, bundle: Result<Box<BundleSteps>, String> },
    /// A mark between resources.
    Nothing,
    /// So many things that are no data.
    LeftOut { kind: NoData, count: u64 },
    /// A text that holds nothing to import, and what it is.
    Remark(String),
    /// A text that cannot be imported, and why.
    Reject(String),
}

impl ItemContent {
    /// True where there is anything to import or to reject.
    pub(super) fn asks(&self) -> bool {
        match self {
            ItemContent::Bundle { bundle: Ok(bundle), .. } => bundle.asks(),
            ItemContent::Resource { .. } | ItemContent::Bundle { .. } | ItemContent::Reject(_) => {
                true
            }
            ItemContent::Nothing | ItemContent::LeftOut { .. } | ItemContent::Remark(_) => false,
        }
    }
}

impl InputItem {
    fn reject(line: u64, reason: impl Into<String>) -> InputItem {
        InputItem { line, content: ItemContent::Reject(reason.into()) }
    }
}

/// What is reported of a file in a folder or archive that is not read.
pub(super) const SKIPPED: &str = "skipped: neither its name (.json, .ndjson, .jsonl, .zip, .tar; each also .gz, .xz or .zst) nor its beginning is that of FHIR JSON";
const NOT_UTF8: &str = "not valid UTF-8; FHIR JSON is UTF-8";

/// Reads items from pieces.
#[derive(Clone)]
pub(super) struct Parser {
    /// True where resources keep their `meta.lastUpdated`, which then must be a time.
    pub(super) keeps_times: bool,
    /// The owner given to new resources.
    pub(super) owner: i64,
    /// What is made of each resource ahead.
    pub(super) ahead: MadeAhead,
}

impl Parser {
    /// Reads the items of a piece of `file`.
    pub(super) fn items(&self, file: &str, piece: Piece) -> Vec<InputItem> {
        let whole = |content| vec![InputItem { line: 0, content }];
        match piece {
            Piece::Skipped => whole(ItemContent::Remark(SKIPPED.to_owned())),
            Piece::Remark { reason } => whole(ItemContent::Remark(reason)),
            Piece::Attachments { files: count } => {
                whole(ItemContent::LeftOut { kind: NoData::Attachment, count })
            }
            Piece::Damage { line, reason } => vec![InputItem::reject(line, reason)],
            Piece::Lines { first_line, text } => {
                let parser = FileParser { answers: holds_answers(file), whole: self };
                match String::from_utf8(text) {
                    Ok(text) => parser.lines(first_line, &Arc::new(text)),
                    // One line that is not UTF-8 must not spoil the others.
                    Err(error) => parser.lossy_lines(first_line, error.as_bytes()),
                }
            }
            Piece::Document { first_line, text } => match String::from_utf8(text) {
                Ok(text) => {
                    let parser = FileParser { answers: holds_answers(file), whole: self };
                    let (text, mut items) = (Arc::new(text), Vec::new());
                    parser.texts(first_line, &text, 0..text.len(), &mut items);
                    items
                }
                Err(error) => {
                    let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                    let line = first_line + memchr_iter(b'\n', valid).count() as u64;
                    vec![InputItem::reject(line, NOT_UTF8)]
                }
            },
        }
    }
}

/// Reads items from the pieces of one file.
struct FileParser<'a> {
    /// True where the file holds the outcomes of an export.
    answers: bool,
    whole: &'a Parser,
}

impl FileParser<'_> {
    /// Reads lines, each of which is an item.
    fn lines(&self, first_line: u64, text: &Arc<String>) -> Vec<InputItem> {
        let mut items = Vec::new();
        let mut start = 0;
        let ends = memchr_iter(b'\n', text.as_bytes()).chain([text.len()]);
        for (number, end) in (first_line..).zip(ends) {
            self.texts(number, text, start..end, &mut items);
            start = end + 1;
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

    /// Reads the JSON texts at `range`, which starts on line `first_line`: nearly always one, but files
    /// are also joined without a line break.
    fn texts(
        &self,
        first_line: u64,
        text: &Arc<String>,
        range: Range<usize>,
        items: &mut Vec<InputItem>,
    ) {
        let end = range.start + text[range.clone()].trim_ascii_end().len();
        let mut lines = LineCounter::new(&text[range.start..end], first_line);
        let mut at = text_start(text, range.start..end);
        let mut whole = None;
        if text[at..end].starts_with('{') {
            let item = self.item(lines.at(at - range.start), text, at..end);
            if !matches!(item.content, ItemContent::Reject(_)) {
                items.push(item);
                return;
            }
            whole = Some(item);
        }
        let begins = at;
        while at < end {
            let rest = &text[at..end];
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
            match values.next() {
                Some(Ok(value))
                    if at == begins && value.get().len() == rest.len() && whole.is_some() =>
                {
                    items.extend(whole.take());
                }
                Some(Ok(value)) => self.value(text, range.start, value.get(), &mut lines, items),
                Some(Err(error)) => {
                    let line = lines.at(at - range.start) + error.line().saturating_sub(1) as u64;
                    let reason = format!("{} (column {})", json::fault(&error), error.column());
                    items.push(InputItem::reject(line, reason));
                    return;
                }
                None => return,
            }
            at = text_start(text, at + values.byte_offset()..end);
        }
    }

    /// Reads one JSON value: a resource, or a list of resources. `start` is the place in `text` from
    /// which `lines` counts.
    fn value(
        &self,
        text: &Arc<String>,
        start: usize,
        value: &str,
        lines: &mut LineCounter<'_>,
        items: &mut Vec<InputItem>,
    ) {
        let mut read = |value: &str| {
            let at = json::place(text, value);
            items.push(self.item(lines.at(at.start - start), text, at));
        };
        match serde_json::from_str::<Vec<&RawValue>>(value) {
            Ok(list) if value.starts_with('[') => list.iter().for_each(|raw| read(raw.get())),
            _ => read(value),
        }
    }

    /// Reads the JSON text at `range`, which starts on `line`.
    fn item(&self, line: u64, text: &Arc<String>, range: Range<usize>) -> InputItem {
        let item = &text[range.clone()];
        let content = match self.content(item, text, range, line) {
            Ok(content) => content,
            Err(reason) => match NoData::of_text(item) {
                Some(kind) => ItemContent::LeftOut { kind, count: 1 },
                None => ItemContent::Reject(reason),
            },
        };
        InputItem { line, content }
    }

    /// Reads the content of an item; the error is the reason why it cannot be taken.
    fn content(
        &self,
        item: &str,
        text: &Arc<String>,
        range: Range<usize>,
        line: u64,
    ) -> Result<ItemContent, String> {
        let mut resource = match Parsed::parse_part(text, range.clone())? {
            Parsed::Resource(resource) => resource,
            Parsed::Bundle => {
                let Parser { keeps_times, owner, ref ahead } = *self.whole;
                let bundle = BundleText { text: text.as_str(), keeps_times, owner, ahead };
                return Ok(ItemContent::Bundle {
                    bundle: bundle.read(range, line),
                    text: text.clone(),
                });
            }
        };
        if matches!(resource.resource_type.as_str(), "Parameters" | "OperationOutcome") {
            if parameters::is_header(item) {
                return Ok(ItemContent::Nothing);
            }
            let identity = ResourceIdentity::read(item, false)?;
            if let Some(kind) = NoData::of_resource(&identity, self.answers) {
                return Ok(ItemContent::LeftOut { kind, count: 1 });
            }
        }
        check_spelling(&resource.resource_type)?;
        let is_open = resource.has_open_references;
        let MadeAhead { indexed, views } = &self.whole.ahead;
        resource.index(indexed);
        let rows = MadeViewRows::ahead(views, &resource.resource_type, &resource.text);
        Ok(ItemContent::Resource { resource, is_open, rows })
    }
}

/// The place where the next text in `range` begins, behind white space and byte order marks.
fn text_start(text: &str, range: Range<usize>) -> usize {
    let is_between = |c: char| c.is_ascii_whitespace() || c == '\u{feff}';
    range.end - text[range].trim_start_matches(is_between).len()
}
