//! The bytes that a client has sent and nobody has read yet.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connections::Presence;
use super::stream::{Stream, is_timeout};

/// The bytes that one read takes while little is expected, so that an idle connection costs little.
pub const LITTLE: usize = 4 << 10;
/// The bytes that one read takes of a long body.
pub const MUCH: usize = 64 << 10;

/// How long one read waits for the end of a connection.
const ROUND: Duration = Duration::from_secs(60);

/// Reads from a stream by deadlines, and keeps what was read.
pub struct Inbound {
    /// The stream, which answers go out on.
    pub stream: Box<dyn Stream>,
    presence: Arc<Presence>,
    bytes: Vec<u8>,
    /// How many of `bytes` are taken already.
    taken: usize,
}

/// What a read met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// More bytes.
    More,
    /// The deadline.
    Late,
    /// The end of what the client sends.
    End,
}

impl Inbound {
    /// Nothing is read yet. Every byte that comes is a sign of life of `presence`.
    pub fn new(stream: Box<dyn Stream>, presence: Arc<Presence>) -> Inbound {
        Inbound { stream, presence, bytes: Vec::new(), taken: 0 }
    }

    /// The bytes that wait to be taken.
    pub fn waiting(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// Takes the first `count` of the waiting bytes.
    pub fn take(&mut self, count: usize) {
        self.taken += count;
        if self.taken >= self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
            // What a long body needed is not kept for the next head.
            self.bytes.shrink_to(LITTLE);
        }
    }

    /// Reads once, `most` bytes at most, and waits for them until `deadline`.
    pub fn fill(&mut self, most: usize, deadline: Instant) -> Filled {
        if self.taken > 0 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        let before = self.bytes.len();
        self.bytes.resize(before + most, 0);
        let read = self.read(before, deadline);
        self.bytes.truncate(before + read.as_ref().map_or(0, |read| *read));
        match read {
            Ok(0) => Filled::End,
            Ok(_) => {
                self.presence.note_progress();
                Filled::More
            }
            Err(error) if is_timeout(&error) => Filled::Late,
            // A client that resets the connection has ended it.
            Err(_) => Filled::End,
        }
    }

    fn read(&mut self, at: usize, deadline: Instant) -> io::Result<usize> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left < Duration::from_millis(1) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_time(left)?;
            match self.stream.read(&mut self.bytes[at..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    /// Reads what the client still sends and forgets it, until the client ends the connection or it is closed.
    pub fn await_end(&mut self) {
        while self.fill(LITTLE, Instant::now() + ROUND) != Filled::End {
            self.take(self.waiting().len());
        }
    }

    /// Reads what is left and forgets it, until the client ends the connection or `time` is over.
    ///
    /// A connection that is closed over unread bytes is reset, and a reset can destroy the answer on its
    /// way: <https://www.rfc-editor.org/rfc/rfc9112#section-9.6>.
    pub fn drain(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        self.stream.end_writing();
        loop {
            self.take(self.waiting().len());
            if self.fill(MUCH, deadline) != Filled::More {
                return;
            }
        }
    }
}
