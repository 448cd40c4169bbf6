//! The threads that parse: they take turns, and so does who listens to them. So items come in the order of
//! the inputs, however many threads there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SendError, Sender, SyncSender, channel, sync_channel,
};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::parse::{InputItem, Parser};
use super::read::{ParseTask, Reading};
use crate::error::{Error, Kind, Result};
use crate::source::{Input, Piece};

/// The most threads that parse. One thread writes as fast as three or four parse.
const MOST_THREADS: usize = 4;
/// How many tasks may wait before each thread, and how many results behind it.
const WAITING: usize = 1;
/// The items of small inputs are handed over together, up to so many bytes of text or messages.
const MOST_BYTES: u64 = 256 << 10;
const MOST_MESSAGES: usize = 300;

/// A message to the writing side.
pub(super) enum InputMessage {
    /// The input with this number begins.
    Begin(usize),
    /// The items of a piece of it. `file` is the input or a member of it, `bytes` the size of the
    /// piece.
    Items { file: String, items: Vec<InputItem>, bytes: u64 },
    /// The input has ended.
    End,
}

/// What a task has brought, or a part of it.
pub(super) struct ParsedMessages {
    pub(super) messages: Vec<InputMessage>,
    /// The bytes of the task, with its last part.
    pub(super) done: Option<u64>,
}

/// The threads that read and parse, as the writing side sees them.
pub(super) struct ReadingSide {
    parsed: Vec<Receiver<ParsedMessages>>,
    /// The parsing thread that has the next turn.
    turn: usize,
    written: Sender<u64>,
    threads: Vec<JoinHandle<()>>,
}

impl ReadingSide {
    /// Starts a thread that reads `inputs`, and threads that parse what it reads. `read` counts the bytes
    /// read from the disk.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(super) fn start(
        inputs: &[Input],
        parser: Parser,
        read: &Arc<AtomicU64>,
    ) -> Result<ReadingSide> {
        let inputs: Arc<[Input]> = inputs.into();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let (written, releases) = channel();
        let mut side = ReadingSide { parsed: Vec::new(), turn: 0, written, threads: Vec::new() };
        let mut parsing = Vec::new();
        for _ in 0..cores.min(MOST_THREADS) {
            let (task, tasks) = sync_channel(WAITING);
            let (sender, receiver) = sync_channel(WAITING);
            let parser = ParsingThread {
                inputs: inputs.clone(),
                parser: parser.clone(),
                read: read.clone(),
                sender,
                waiting: Vec::new(),
                bytes: 0,
            };
            side.spawn(move || parser.run(&tasks))?;
            parsing.push(task);
            side.parsed.push(receiver);
        }
        let reading = Reading { parsing, turn: 0, written: releases, ahead: 0 };
        let read = read.clone();
        side.spawn(move || reading.read_inputs(&inputs, &read))?;
        Ok(side)
    }

    fn spawn(&mut self, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = thread::Builder::new()
            .spawn(work)
            .map_err(|error| Error::io("no thread for reading", error))?;
        self.threads.push(thread);
        Ok(())
    }

    /// The next messages.
    ///
    /// # Errors
    /// `Timeout` where none comes in time, `Disconnected` after the last one and where a thread failed.
    pub(super) fn next(
        &mut self,
        patience: Duration,
    ) -> std::result::Result<ParsedMessages, RecvTimeoutError> {
        let parsed = self.parsed[self.turn].recv_timeout(patience)?;
        if parsed.done.is_some() {
            self.turn = (self.turn + 1) % self.parsed.len();
        }
        Ok(parsed)
    }

    /// Makes room for more, after messages were written.
    pub(super) fn make_room(&self, done: Option<u64>) {
        if let Some(bytes) = done {
            // The reading thread may have ended.
            let _ = self.written.send(bytes);
        }
    }

    /// Waits for the threads, which have nothing left to do.
    ///
    /// # Errors
    /// `Internal` where one of them failed.
    pub(super) fn end(self) -> Result<()> {
        for thread in self.threads {
            if thread.join().is_err() {
                return Err(Error::new(Kind::Internal, "reading failed without saying why"));
            }
        }
        Ok(())
    }
}

/// A thread that parses.
struct ParsingThread {
    inputs: Arc<[Input]>,
    parser: Parser,
    read: Arc<AtomicU64>,
    sender: SyncSender<ParsedMessages>,
    /// Messages that are to be handed over together, and bytes of their text.
    waiting: Vec<InputMessage>,
    bytes: u64,
}

impl ParsingThread {
    fn run(mut self, tasks: &Receiver<(ParseTask, u64)>) {
        for (task, bytes) in tasks {
            // Only a writing side that has stopped fails; it knows why.
            if self.carry_out(task).and_then(|()| self.hand_over(Some(bytes))).is_err() {
                return;
            }
        }
    }

    fn carry_out(&mut self, task: ParseTask) -> Result<()> {
        match task {
            ParseTask::Begin(index) => self.waiting.push(InputMessage::Begin(index)),
            ParseTask::Piece { file, piece } => self.parse(file, piece),
            ParseTask::End => self.waiting.push(InputMessage::End),
            ParseTask::Inputs(indexes) => {
                let (inputs, read) = (self.inputs.clone(), self.read.clone());
                let progress = |bytes| {
                    read.fetch_add(bytes, Ordering::Relaxed);
                };
                for index in indexes {
                    self.waiting.push(InputMessage::Begin(index));
                    inputs[index].read(&progress, &mut |file, piece| {
                        self.parse(file.to_owned(), piece);
                        self.hand_over_where_much()
                    })?;
                    self.waiting.push(InputMessage::End);
                    self.hand_over_where_much()?;
                }
            }
        }
        Ok(())
    }

    fn parse(&mut self, file: String, piece: Piece) {
        let bytes = piece.bytes() as u64;
        let items = self.parser.items(&file, piece);
        self.bytes += bytes;
        self.waiting.push(InputMessage::Items { file, items, bytes });
    }

    fn hand_over_where_much(&mut self) -> Result<()> {
        if self.bytes < MOST_BYTES && self.waiting.len() < MOST_MESSAGES {
            return Ok(());
        }
        self.hand_over(None)
    }

    fn hand_over(&mut self, done: Option<u64>) -> Result<()> {
        self.bytes = 0;
        let messages = std::mem::take(&mut self.waiting);
        let stopped = |_: SendError<_>| Error::new(Kind::Internal, "the writing side has stopped");
        self.sender.send(ParsedMessages { messages, done }).map_err(stopped)
    }
}
