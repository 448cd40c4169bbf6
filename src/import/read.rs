//! The reading thread: inputs become items, a piece at a time, ahead of the thread that writes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use super::parse::{InputItem, Parser};
use crate::error::{Error, Kind, Result};
use crate::source::Input;

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

/// Reads inputs to their ends and sends their items. `read` counts the bytes read from the disk.
pub(super) fn read_inputs(
    inputs: &[Input],
    parser: &Parser,
    sender: &SyncSender<InputMessage>,
    read: &AtomicU64,
) {
    for (index, input) in inputs.iter().enumerate() {
        // Only a writing side that has stopped fails; it knows why.
        if read_input(index, input, parser, sender, read).is_err() {
            return;
        }
    }
}

fn read_input(
    index: usize,
    input: &Input,
    parser: &Parser,
    sender: &SyncSender<InputMessage>,
    read: &AtomicU64,
) -> Result<()> {
    let send = |message| {
        let stopped = |_| Error::new(Kind::Internal, "the writing side has stopped");
        sender.send(message).map_err(stopped)
    };
    let progress = |bytes| {
        read.fetch_add(bytes, Ordering::Relaxed);
    };
    send(InputMessage::Begin(index))?;
    input.read(&progress, &mut |file, piece| {
        let bytes = piece.bytes() as u64;
        send(InputMessage::Items { file: file.to_owned(), items: parser.items(piece), bytes })
    })?;
    send(InputMessage::End)
}
