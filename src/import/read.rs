//! The reading thread: inputs become tasks for the threads that parse, a piece at a time, ahead of the
//! thread that writes. It does not look into the pieces.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use super::transactions::is_small;
use crate::error::{Error, Kind, Result};
use crate::source::{Input, Piece};

/// Small inputs are handed over together, up to so many bytes of text or so many inputs: waking another
/// thread takes longer than reading a small file.
const MOST_BYTES: u64 = 256 << 10;
const MOST_INPUTS: usize = 100;

/// How many bytes of text may be between reading and writing. A single piece may be larger.
const MOST_AHEAD: u64 = 6 << 20;

/// What a parsing thread is to do.
pub(super) enum ParseTask {
    /// Pass on that the input with this number begins.
    Begin(usize),
    /// Parse a piece of that input. `file` is the input or a member of it.
    Piece { file: String, piece: Piece },
    /// Pass on that the input has ended.
    End,
    /// Read and parse these inputs, which are small.
    Inputs(Range<usize>),
}

/// The side of the reading thread.
pub(super) struct Reading {
    /// The parsing threads, which take turns. Each task comes with its bytes of text.
    pub(super) parsing: Vec<SyncSender<(ParseTask, u64)>>,
    /// The thread that has the next turn.
    pub(super) turn: usize,
    /// The bytes of the tasks that were written.
    pub(super) written: Receiver<u64>,
    /// Bytes that were handed over and are not written yet.
    pub(super) ahead: u64,
}

impl Reading {
    /// Reads inputs to their ends. `read` counts the bytes read from the disk.
    pub(super) fn read_inputs(mut self, inputs: &[Input], read: &AtomicU64) {
        // Only a writing side that has stopped fails, and a parsing thread; the writing side knows why.
        let _ = self.read_all(inputs, read);
    }

    fn read_all(&mut self, inputs: &[Input], read: &AtomicU64) -> Result<()> {
        let progress = |bytes| {
            read.fetch_add(bytes, Ordering::Relaxed);
        };
        let (mut together, mut bytes) = (0..0, 0);
        for (index, input) in inputs.iter().enumerate() {
            if let Some(size) = small_size(input) {
                if together.is_empty() {
                    together = index..index;
                }
                together.end = index + 1;
                bytes += size;
                if bytes < MOST_BYTES && together.len() < MOST_INPUTS {
                    continue;
                }
            }
            // What was found before must not wait for a large input.
            if !together.is_empty() {
                let inputs = std::mem::take(&mut together);
                self.hand_over(ParseTask::Inputs(inputs), std::mem::take(&mut bytes))?;
            }
            if small_size(input).is_none() {
                self.hand_over(ParseTask::Begin(index), 0)?;
                input.read(&progress, &mut |file, piece| {
                    let bytes = piece.bytes() as u64;
                    self.hand_over(ParseTask::Piece { file: file.to_owned(), piece }, bytes)
                })?;
                self.hand_over(ParseTask::End, 0)?;
            }
        }
        if together.is_empty() {
            return Ok(());
        }
        self.hand_over(ParseTask::Inputs(together), bytes)
    }

    /// Hands a task to the thread that has its turn. Waits while too much is ahead of the writing side.
    fn hand_over(&mut self, task: ParseTask, bytes: u64) -> Result<()> {
        let stopped = || Error::new(Kind::Internal, "the writing side has stopped");
        while self.ahead > 0 && self.ahead + bytes > MOST_AHEAD {
            self.ahead -= self.written.recv().map_err(|_| stopped())?;
        }
        self.ahead += bytes;
        self.parsing[self.turn].send((task, bytes)).map_err(|_| stopped())?;
        self.turn = (self.turn + 1) % self.parsing.len();
        Ok(())
    }
}

/// The size of an input that a parsing thread reads by itself. A packed one may unpack to much more.
fn small_size(input: &Input) -> Option<u64> {
    input.size.filter(|size| is_small(Some(*size)) && input.text_size() == Some(*size))
}
