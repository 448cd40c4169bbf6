//! A connection with TLS: the bytes of the engine in records, in both directions.
//!
//! The handshake is the thread's own work, under a deadline. Of an answer no more than one buffer is encrypted
//! ahead of what the socket takes.

use std::cell::Cell;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ServerConnection;
use socket2::Socket;

use super::stream::{Opened, Stream, is_timeout};

/// The most bytes of an answer that are encrypted at once: four records.
const AHEAD: usize = 64 << 10;
/// The bytes that are read before it is known whether the client speaks TLS.
const FIRST: usize = 4 << 10;
/// How long the end of the session waits for room.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// A TCP connection with TLS. The connection's entry holds the same socket, to cut it.
pub struct TlsStream {
    socket: Arc<Socket>,
    session: ServerConnection,
    /// How long one read waits.
    read_time: Cell<Duration>,
    /// How many bytes of the caller are encrypted and not yet told as written.
    owed: usize,
    /// True for a client that speaks HTTP without TLS, to say just that.
    is_plain: bool,
}

impl TlsStream {
    /// A stream over `socket`, before the handshake.
    pub fn new(socket: Arc<Socket>, mut session: ServerConnection) -> TlsStream {
        session.set_buffer_limit(Some(AHEAD));
        let read_time = Cell::new(Duration::from_secs(1));
        TlsStream { socket, session, read_time, owed: 0, is_plain: false }
    }

    /// Reads from the socket until `deadline`.
    fn receive(&self, bytes: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left < Duration::from_millis(1) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.socket.set_read_timeout(Some(left))?;
            match (&*self.socket).read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    /// Takes bytes that came from the socket; none are its end.
    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        loop {
            let count = self.session.read_tls(&mut bytes)?;
            if let Err(error) = self.session.process_new_packets() {
                // The alert tells the client why.
                let _ = self.session.write_tls(&mut &*self.socket);
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
            if count == 0 || bytes.is_empty() {
                return Ok(());
            }
        }
    }

    /// Writes records that wait until there are none.
    fn send_records(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut &*self.socket) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Read for TlsStream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let deadline = Instant::now() + self.read_time.get();
        if self.is_plain {
            return self.receive(bytes, deadline);
        }
        let mut received = [0; FIRST];
        loop {
            match self.session.reader().read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            // What the session itself has to say, such as new keys.
            self.send_records()?;
            let count = self.receive(&mut received, deadline)?;
            self.take(&received[..count])?;
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    /// Says that bytes are written once the socket has taken all their records. A call that timed out must be
    /// repeated with the same bytes. A client that takes some, but not yet all, is told as one byte written.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_plain {
            return (&*self.socket).write_vectored(slices);
        }
        if self.owed == 0 {
            self.send_records()?;
            self.owed = self.session.writer().write_vectored(slices)?;
        }
        let mut has_moved = false;
        while self.session.wants_write() {
            match self.session.write_tls(&mut &*self.socket) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => has_moved = true,
                Err(error) if is_timeout(&error) && has_moved && self.owed > 1 => {
                    self.owed -= 1;
                    return Ok(1);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(std::mem::take(&mut self.owed))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for TlsStream {
    /// The handshake.
    fn open(&mut self, time: Duration) -> io::Result<Opened> {
        let deadline = Instant::now() + time;
        self.socket.set_write_timeout(Some(time))?;
        let mut received = [0; FIRST];
        let mut is_first = true;
        while self.session.is_handshaking() {
            let count = self.receive(&mut received, deadline)?;
            // A record of a handshake begins with 22, a request with a letter.
            if std::mem::take(&mut is_first)
                && received[..count].first().is_some_and(u8::is_ascii_alphabetic)
            {
                self.is_plain = true;
                return Ok(Opened::WithoutTls);
            }
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.take(&received[..count])?;
            self.send_records()?;
        }
        Ok(Opened::Ready)
    }

    fn set_read_time(&self, time: Duration) -> io::Result<()> {
        self.read_time.set(time);
        Ok(())
    }

    fn set_write_time(&self, time: Duration) -> io::Result<()> {
        self.socket.set_write_timeout(Some(time))
    }

    /// Without the alert a client cannot tell the end from a cut:
    /// <https://www.rfc-editor.org/rfc/rfc8446#section-6.1>.
    fn end_writing(&mut self) {
        if !self.is_plain && self.owed == 0 {
            self.session.send_close_notify();
            let _ = self.socket.set_write_timeout(Some(CLOSE_TIME));
            let _ = self.send_records();
        }
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    fn is_reset(&self) -> bool {
        self.socket.take_error().is_ok_and(|error| error.is_some())
    }

    fn end_by_reset(&self) {
        let _ = self.socket.set_linger(Some(Duration::ZERO));
    }
}
