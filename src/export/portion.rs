//! The bytes of a file that go out together, and where they go: to a client, or to a thread that writes to one.
//!
//! A download has two portions at most, one that is filled and one that is written, and uses them again and again. So the
//! memory of downloads is bounded by their number.

use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::error::{Error, Kind, Result};
use crate::spilled::SpilledBytes;

/// The bytes that are gathered before they go out.
pub(super) const PORTION: usize = 256 << 10;

/// The room in a portion for the line that fills it.
const ROOM_FOR_LINE: usize = PORTION / 8;

/// How long a read transaction waits for a client that takes bytes as they come.
const MOMENT: Duration = Duration::from_millis(10);

/// Bytes that go out together.
#[derive(Default)]
pub(super) struct Portion {
    /// What comes before `bytes`, where it is large.
    pub(super) spilled: Option<SpilledBytes>,
    pub(super) bytes: Vec<u8>,
}

impl Portion {
    /// An empty portion with room for a file, or for what goes out together of it.
    pub(super) fn of_file(length: u64) -> Portion {
        let most = PORTION + ROOM_FOR_LINE;
        let room = usize::try_from(length).map_or(most, |length| length.min(most));
        Portion { spilled: None, bytes: Vec::with_capacity(room) }
    }

    /// True once it should go out.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= PORTION || self.spilled.is_some()
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.spilled.is_none()
    }

    /// True for a portion of much more than [`PORTION`], since it ends with a long line.
    fn is_long(&self) -> bool {
        self.spilled.is_some() || self.bytes.len() > 2 * PORTION
    }

    /// Writes all of the bytes; then it is empty.
    ///
    /// # Errors
    /// `Io` if `out` refuses.
    fn write_to(&mut self, out: &mut dyn Write) -> Result<()> {
        let refused = |error| Error::io("the output", error);
        if let Some(spilled) = self.spilled.take() {
            spilled.write_to(out).map_err(refused)?;
        }
        out.write_all(&self.bytes).map_err(refused)?;
        self.bytes.clear();
        // The room of a long line is given back.
        self.bytes.shrink_to(PORTION + ROOM_FOR_LINE);
        Ok(())
    }
}

/// Where portions go.
pub(super) enum PortionExit<'a> {
    /// To a client, which is waited for.
    Client(&'a mut dyn Write),
    /// To a thread that writes them.
    Ahead(ReadAhead),
}

/// The end of a thread that reads ahead of one that writes.
pub(super) struct ReadAhead {
    filled: SyncSender<Portion>,
    empty: Receiver<Portion>,
    /// The portions that came back, or were never under way.
    at_hand: Vec<Portion>,
    /// How many portions must be at hand before more is read.
    wanted: usize,
    /// True from when a portion was given away until another one is taken in its place.
    is_owed: bool,
}

/// The end of a thread that writes.
pub(super) struct WriteBehind {
    filled: Receiver<Portion>,
    empty: SyncSender<Portion>,
}

/// Connects a thread that reads with one that writes what it reads of a file of this length.
pub(super) fn connected(length: u64) -> (ReadAhead, WriteBehind) {
    // Each has room for both portions, so nobody waits to give one away.
    let (filled, to_write) = sync_channel(2);
    let (written, empty) = sync_channel(2);
    let ahead = ReadAhead {
        filled,
        empty,
        at_hand: vec![Portion::of_file(length)],
        wanted: 0,
        is_owed: false,
    };
    (ahead, WriteBehind { filled: to_write, empty: written })
}

impl WriteBehind {
    /// Writes what the other thread reads, until that ends.
    ///
    /// # Errors
    /// `Io` if `out` refuses. Then the other thread finds nobody who takes its portions.
    pub(super) fn write_all(self, out: &mut dyn Write) -> Result<()> {
        for mut portion in self.filled {
            portion.write_to(out)?;
            // The other thread may have ended.
            let _ = self.empty.send(portion);
        }
        Ok(())
    }
}

impl ReadAhead {
    /// Gives a portion away, without a wait.
    fn give(&mut self, portion: &mut Portion) -> Result<()> {
        // Behind a long portion both are waited for: there is one such portion in memory, not two.
        self.wanted = if portion.is_long() { 2 } else { 1 };
        self.is_owed = true;
        self.filled.send(std::mem::take(portion)).map_err(|_| gone())
    }

    /// Waits until an empty portion may be filled, for `time` at most, and takes it.
    fn take_within(&mut self, time: Option<Duration>) -> Result<Option<Portion>> {
        while self.at_hand.len() < self.wanted {
            let came = match time {
                Some(time) => self.empty.recv_timeout(time),
                None => self.empty.recv().map_err(RecvTimeoutError::from),
            };
            match came {
                Ok(portion) => self.at_hand.push(portion),
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
            }
        }
        self.is_owed = false;
        Ok(self.at_hand.pop())
    }
}

impl PortionExit<'_> {
    /// Lets the bytes of a portion go. Then it is empty, and may be filled again. This may wait for the client.
    ///
    /// # Errors
    /// `Io` where nobody takes them.
    pub(super) fn pass(&mut self, portion: &mut Portion) -> Result<()> {
        match self {
            PortionExit::Client(out) => portion.write_to(out),
            PortionExit::Ahead(ahead) => {
                if !portion.is_empty() {
                    ahead.give(portion)?;
                }
                // An empty portion that was not given away is filled further.
                if ahead.is_owed
                    && let Some(empty) = ahead.take_within(None)?
                {
                    *portion = empty;
                }
                Ok(())
            }
        }
    }

    /// Does the same without a wait for the client. False where it takes longer: then [`PortionExit::pass`] must follow.
    ///
    /// # Errors
    /// As [`PortionExit::pass`].
    pub(super) fn pass_at_once(&mut self, portion: &mut Portion) -> Result<bool> {
        let PortionExit::Ahead(ahead) = self else { return Ok(false) };
        ahead.give(portion)?;
        let empty = ahead.take_within(Some(MOMENT))?;
        let is_passed = empty.is_some();
        *portion = empty.unwrap_or_default();
        Ok(is_passed)
    }
}

fn gone() -> Error {
    Error::new(Kind::Io, "nobody takes the bytes any more")
}
