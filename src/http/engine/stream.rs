//! The bytes of a connection. Everything above reads and writes through this trait, so another kind of
//! stream (TLS, a Unix socket) is one more implementation of it.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;

/// A stream of bytes in both directions, whose calls wait no longer than they are told to.
pub trait Stream: Read + Write + Send {
    /// Does what comes before the first request, within `time`. Most streams have nothing to do.
    ///
    /// # Errors
    /// Where the client does not do its part: `InvalidData` if it sent what is none.
    fn open(&mut self, time: Duration) -> io::Result<Opened> {
        let _ = time;
        Ok(Opened::Ready)
    }

    /// Sets how long one read waits for bytes; not zero.
    fn set_read_time(&self, time: Duration) -> io::Result<()>;

    /// Sets how long one write waits for room; not zero.
    fn set_write_time(&self, time: Duration) -> io::Result<()>;

    /// Ends writing: the client sees the end of what was sent.
    fn end_writing(&mut self);

    /// True if the client has reset the stream, so that nothing can be sent any more.
    fn is_reset(&self) -> bool;

    /// Lets the end of the stream be a reset: no client takes what it has for the whole, and the system keeps
    /// no bytes for a client that does not take them.
    fn end_by_reset(&self);
}

/// What a stream is once it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Ready for requests.
    Ready,
    /// Good for one answer: the client speaks HTTP without TLS where it should not.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "no other stream needs it"))]
    WithoutTls,
}

/// A connection without encryption, over TCP or a Unix socket. The connection's entry holds the same socket,
/// to cut it.
pub struct PlainStream(Arc<Socket>);

impl PlainStream {
    /// A stream over `socket`.
    pub fn new(socket: Arc<Socket>) -> PlainStream {
        PlainStream(socket)
    }
}

impl Read for PlainStream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(bytes)
    }
}

impl Write for PlainStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self.0).write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for PlainStream {
    fn set_read_time(&self, time: Duration) -> io::Result<()> {
        self.0.set_read_timeout(Some(time))
    }

    fn set_write_time(&self, time: Duration) -> io::Result<()> {
        self.0.set_write_timeout(Some(time))
    }

    fn end_writing(&mut self) {
        let _ = self.0.shutdown(Shutdown::Write);
    }

    fn is_reset(&self) -> bool {
        self.0.take_error().is_ok_and(|error| error.is_some())
    }

    fn end_by_reset(&self) {
        let _ = self.0.set_linger(Some(Duration::ZERO));
    }
}

/// True for the error of a call that took longer than it may.
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
