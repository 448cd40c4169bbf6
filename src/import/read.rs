//! The reading thread: inputs become items, a piece at a time, ahead of the thread that writes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use super::parse::{InputItem, ItemContent, Parser};
use super::transactions::is_small;
use crate::error::{Error, Kind, Result};
use crate::fhir::no_data::NoData;
use crate::source::Input;

/// Small inputs are handed over together, up to so many bytes of text or messages: waking the other
/// thread takes longer than reading a small file.
const MOST_BYTES: u64 = 256 << 10;
const MOST_MESSAGES: usize = 300;

/// A message of the reading thread.
pub(super) enum InputMessage {
    /// The input with this number begins.
    Begin(usize),
    /// The items of a piece of it. `file` is the input or a member of it, `bytes` the size of the
    /// piece.
    Items { file: String, items: Vec<InputItem>, bytes: u64 },
    /// The input has ended.
    End,
}

/// The messages that are handed over together.
pub(super) type InputMessages = Vec<InputMessage>;

/// The sending side.
struct Sending<'a> {
    sender: &'a SyncSender<InputMessages>,
    waiting: InputMessages,
    bytes: u64,
}

impl Sending<'_> {
    fn add(&mut self, message: InputMessage) {
        if let InputMessage::Items { bytes, .. } = &message {
            self.bytes += bytes;
        }
        self.waiting.push(message);
    }

    fn hand_over(&mut self) -> Result<()> {
        self.bytes = 0;
        let stopped = |_| Error::new(Kind::Internal, "the writing side has stopped");
        self.sender.send(std::mem::take(&mut self.waiting)).map_err(stopped)
    }
}

/// Reads inputs to their ends and sends their items. `read` counts the bytes read from the disk;
/// `found` is set where there is anything to import or to reject.
pub(super) fn read_inputs(
    inputs: &[Input],
    parser: &Parser,
    sender: &SyncSender<InputMessages>,
    read: &AtomicU64,
    found: &AtomicBool,
) {
    let mut sending = Sending { sender, waiting: Vec::new(), bytes: 0 };
    for (index, input) in inputs.iter().enumerate() {
        let mut reader = InputReader {
            parser,
            sending: &mut sending,
            found,
            file: String::new(),
            left_out: BTreeMap::new(),
            is_empty: true,
        };
        // Only a writing side that has stopped fails; it knows why.
        if reader.read(index, input, read).is_err() {
            return;
        }
    }
    let _ = sending.hand_over();
}

/// One input being read.
struct InputReader<'a, 's> {
    parser: &'a Parser,
    sending: &'a mut Sending<'s>,
    found: &'a AtomicBool,
    /// The input, or the member of it that is being read.
    file: String,
    /// How many things in `file` were no data.
    left_out: BTreeMap<NoData, u64>,
    /// True as long as nothing was found in the input.
    is_empty: bool,
}

impl InputReader<'_, '_> {
    fn read(&mut self, index: usize, input: &Input, read: &AtomicU64) -> Result<()> {
        let progress = |bytes| {
            read.fetch_add(bytes, Ordering::Relaxed);
        };
        let is_small = is_small(input.text_size());
        self.sending.add(InputMessage::Begin(index));
        if !is_small {
            // What was read before must not wait for this one.
            self.sending.hand_over()?;
        }
        input.read(&progress, &mut |file, piece| {
            if file != self.file {
                self.report_left_out();
                file.clone_into(&mut self.file);
            }
            let bytes = piece.bytes() as u64;
            let mut items = self.parser.items(file, piece);
            items.retain(|item| self.keep(item));
            self.sending.add(InputMessage::Items { file: file.to_owned(), items, bytes });
            if is_small && self.sending.bytes < MOST_BYTES {
                Ok(())
            } else {
                self.sending.hand_over()
            }
        })?;
        self.report_left_out();
        if self.is_empty && input.is_named {
            let remark = "holds nothing to import".to_owned();
            self.add_one(input.name.clone(), ItemContent::Remark(remark));
        }
        self.sending.add(InputMessage::End);
        let waits = self.sending.bytes < MOST_BYTES && self.sending.waiting.len() < MOST_MESSAGES;
        if is_small && waits {
            return Ok(());
        }
        self.sending.hand_over()
    }

    /// Looks at an item; false for one that is counted and reported with others.
    fn keep(&mut self, item: &InputItem) -> bool {
        self.is_empty = false;
        let found = match &item.content {
            ItemContent::LeftOut { kind, count } => {
                *self.left_out.entry(*kind).or_default() += count;
                return false;
            }
            ItemContent::Bundle { bundle: Ok(bundle), .. } => {
                for (kind, count) in &bundle.left_out {
                    *self.left_out.entry(*kind).or_default() += count;
                }
                bundle.asks()
            }
            ItemContent::Resource { .. } | ItemContent::Bundle { .. } | ItemContent::Reject(_) => {
                true
            }
            ItemContent::Nothing | ItemContent::Remark(_) => false,
        };
        if found {
            self.found.store(true, Ordering::Relaxed);
        }
        true
    }

    /// Reports what was left out of the current file, in one line for each kind.
    fn report_left_out(&mut self) {
        for (kind, count) in std::mem::take(&mut self.left_out) {
            self.add_one(self.file.clone(), ItemContent::LeftOut { kind, count });
        }
    }

    fn add_one(&mut self, file: String, content: ItemContent) {
        let items = vec![InputItem { line: 0, content }];
        self.sending.add(InputMessage::Items { file, items, bytes: 0 });
    }
}
