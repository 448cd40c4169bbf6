//! Ends the wait for clients from another thread.

use std::io;
use std::net::TcpListener;
#[cfg(unix)]
use std::os::unix::net::UnixStream;

#[cfg(not(unix))]
use crate::sync::StopSignal;

/// Wakes the thread that waits for clients, for good.
pub struct Wake {
    /// A pair of sockets: once one is shut down, whoever waits at the other is woken.
    #[cfg(unix)]
    pair: (UnixStream, UnixStream),
    #[cfg(not(unix))]
    signal: StopSignal,
}

#[cfg(unix)]
impl Wake {
    /// Not given yet.
    ///
    /// # Errors
    /// Where the system has no descriptors.
    pub fn new() -> io::Result<Wake> {
        Ok(Wake { pair: UnixStream::pair()? })
    }

    /// Ends this and every later wait.
    pub fn give(&self) {
        let _ = self.pair.0.shutdown(std::net::Shutdown::Both);
    }

    /// Waits until a client has arrived. False once the wake is given.
    ///
    /// # Errors
    /// Where the system refuses to wait.
    pub fn wait_for_client(&self, listener: &TcpListener) -> io::Result<bool> {
        use rustix::event::{PollFd, PollFlags, poll};
        let mut waiting =
            [PollFd::new(listener, PollFlags::IN), PollFd::new(&self.pair.1, PollFlags::IN)];
        match poll(&mut waiting, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(waiting[1].revents().is_empty()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Other systems look for clients again and again, and at the signal in between.
#[cfg(not(unix))]
impl Wake {
    pub fn new() -> io::Result<Wake> {
        Ok(Wake { signal: StopSignal::default() })
    }

    pub fn give(&self) {
        self.signal.give();
    }

    pub fn wait_for_client(&self, _listener: &TcpListener) -> io::Result<bool> {
        Ok(!self.signal.is_given_within(std::time::Duration::from_millis(5)))
    }
}
