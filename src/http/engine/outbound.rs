//! Writes to a client that may read slowly.
//!
//! A client that takes nothing for too long is given up. One that goes on taking bytes never is, however
//! slow it is. While the client is waited for, the request's place at work is lent to others.

use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

use super::connections::{Presence, Waiting};
use super::places::PlaceAtWork;
use super::stream::{Stream, is_timeout};
use crate::sync::StopSignal;

/// How long a write waits before the place at work is lent to others.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// How long a write waits from then on. The system takes bytes a little before it says that there is
/// room, so asking anew shows that a slow reader goes on.
const FURTHER_WAIT: Duration = Duration::from_secs(1);

/// The way out of a connection, for one response.
pub struct Outbound<'c> {
    stream: &'c mut dyn Stream,
    presence: &'c Presence,
    place: Option<PlaceAtWork>,
    send_time: Duration,
    /// Given once the server ends.
    stop: &'c StopSignal,
    /// How many bytes are sent.
    pub sent: u64,
    /// How many of them, at most, are the head and the framing of chunks.
    pub around_body: u64,
    /// True once a write has failed. Nothing more can be sent then.
    pub has_failed: bool,
}

impl<'c> Outbound<'c> {
    /// A way out. The request has a `place`, unless nobody works on it.
    pub fn new(
        stream: &'c mut dyn Stream,
        presence: &'c Presence,
        place: Option<PlaceAtWork>,
        send_time: Duration,
        stop: &'c StopSignal,
    ) -> Outbound<'c> {
        Outbound {
            stream,
            presence,
            place,
            send_time,
            stop,
            sent: 0,
            around_body: 0,
            has_failed: false,
        }
    }

    /// How many bytes of the body are sent.
    pub fn body_bytes(&self) -> u64 {
        self.sent.saturating_sub(self.around_body)
    }

    /// Writes all of these bytes, in as few calls as possible.
    ///
    /// # Errors
    /// Where the client is gone, is given up, or was cut.
    pub fn write_all(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        if self.has_failed {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let written = self.stream.set_write_time(FIRST_WAIT).and_then(|()| self.write(slices));
        self.has_failed |= written.is_err();
        written
    }

    fn write(&mut self, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut progress = Instant::now();
        let mut is_waiting = false;
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match self.stream.write_vectored(slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    IoSlice::advance_slices(&mut slices, count);
                    self.sent += count as u64;
                    progress = Instant::now();
                    self.presence.note_progress();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_timeout(&error) => {
                    if progress.elapsed() >= self.send_time {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(error) => return Err(error),
            }
            if !slices.is_empty() && !is_waiting {
                is_waiting = true;
                self.wait_for(Waiting::Reader)?;
                self.stream.set_write_time(FURTHER_WAIT)?;
                if let Some(place) = &mut self.place {
                    place.pause();
                }
            }
        }
        if is_waiting {
            self.wait_for(Waiting::Server)?;
            if let Some(place) = &mut self.place {
                place.resume();
            }
        }
        Ok(())
    }

    /// Sends nothing for `time`. Others have the place at work meanwhile. The end of the server ends the pause.
    ///
    /// # Errors
    /// Where the connection was cut.
    pub fn pause(&mut self, time: Duration) -> io::Result<()> {
        self.wait_for(Waiting::Reader)?;
        if let Some(place) = &mut self.place {
            place.pause();
        }
        self.stop.is_given_within(time);
        self.wait_for(Waiting::Server)?;
        if let Some(place) = &mut self.place {
            place.resume();
        }
        Ok(())
    }

    fn wait_for(&self, waiting: Waiting) -> io::Result<()> {
        if self.presence.wait_for(waiting) {
            Ok(())
        } else {
            Err(io::ErrorKind::ConnectionAborted.into())
        }
    }
}
