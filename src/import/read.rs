//! The reading thread: inputs become items, a piece at a time, ahead of the thread that writes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use super::parse::{InputItem, Parser};
use super::transactions::is_small;
use crate::error::{Error, Kind, Result};
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

/// Reads inputs to their ends and sends their items. `read` counts the bytes read from the disk.
pub(super) fn read_inputs(
    inputs: &[Input],
    parser: &Parser,
    sender: &SyncSender<InputMessages>,
    read: &AtomicU64,
) {
    let mut sending = Sending { sender, waiting: Vec::new(), bytes: 0 };
    for (index, input) in inputs.iter().enumerate() {
        // Only a writing side that has stopped fails; it knows why.
        if read_input(index, input, parser, &mut sending, read).is_err() {
            return;
        }
    }
    let _ = sending.hand_over();
}

fn read_input(
    index: usize,
    input: &Input,
    parser: &Parser,
    sending: &mut Sending<'_>,
    read: &AtomicU64,
) -> Result<()> {
    let progress = |bytes| {
        read.fetch_add(bytes, Ordering::Relaxed);
    };
    let is_small = is_small(input.text_size());
    sending.add(InputMessage::Begin(index));
    if !is_small {
        // What was read before must not wait for this one.
        sending.hand_over()?;
    }
    input.read(&progress, &mut |file, piece| {
        let bytes = piece.bytes() as u64;
        sending.add(InputMessage::Items {
            file: file.to_owned(),
            items: parser.items(piece),
            bytes,
        });
        if is_small && sending.bytes < MOST_BYTES { Ok(()) } else { sending.hand_over() }
    })?;
    sending.add(InputMessage::End);
    if is_small && sending.bytes < MOST_BYTES && sending.waiting.len() < MOST_MESSAGES {
        return Ok(());
    }
    sending.hand_over()
}
