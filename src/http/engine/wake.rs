//! Ends the wait for clients from another thread.

use std::io;
#[cfg(unix)]
use std::os::unix::net::UnixStream;

use socket2::Socket;

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

    /// Waits until a client has arrived. The number of its socket, looked for from `first` on; `None` once
    /// the wake is given.
    ///
    /// # Errors
    /// Where the system refuses to wait.
    pub fn wait_for_client(&self, sockets: &[&Socket], first: usize) -> io::Result<Option<usize>> {
        use rustix::event::{PollFd, PollFlags, poll};
        let mut waiting: Vec<PollFd<'_>> =
            sockets.iter().map(|socket| PollFd::new(*socket, PollFlags::IN)).collect();
        waiting.push(PollFd::new(&self.pair.1, PollFlags::IN));
        loop {
            match poll(&mut waiting, None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            if !waiting[sockets.len()].revents().is_empty() {
                return Ok(None);
            }
            let in_turn = (first..sockets.len()).chain(0..first);
            let mut ready = in_turn.filter(|number| !waiting[*number].revents().is_empty());
            if let Some(number) = ready.next() {
                return Ok(Some(number));
            }
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

    pub fn wait_for_client(&self, _sockets: &[&Socket], first: usize) -> io::Result<Option<usize>> {
        let is_given = self.signal.is_given_within(std::time::Duration::from_millis(5));
        Ok((!is_given).then_some(first))
    }
}
