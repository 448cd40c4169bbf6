//! The open connections: who they are, what each waits for, and which one has been silent for longest.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Shutdown};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::Socket;

use super::places::of_one_client;
use crate::sync::lock;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Waiting {
    /// For the next request of its client.
    Request,
    /// For the rest of a request.
    Rest,
    /// For its client to take more of a response.
    Reader,
    /// For this server.
    Server,
    /// For nothing: it is being closed.
    Closing,
}

/// An open connection, as others see it.
pub struct Presence {
    /// The address that stands for the other side of the socket: a client, or a proxy with all its clients.
    peer: IpAddr,
    socket: Option<Arc<Socket>>,
    waiting: AtomicU8,
    /// When the client last sent or took a byte, in milliseconds since `began`.
    progress: AtomicU64,
    began: Instant,
}

impl Presence {
    /// A new connection. `socket` is what is shut down to cut it.
    pub fn new(peer: IpAddr, socket: Option<Arc<Socket>>, began: Instant) -> Presence {
        let presence = Presence {
            peer: of_one_client(peer),
            socket,
            waiting: AtomicU8::new(Waiting::Request as u8),
            progress: AtomicU64::new(0),
            began,
        };
        presence.note_progress();
        presence
    }

    /// Notes that the client sent or took something.
    pub fn note_progress(&self) {
        let now = self.began.elapsed().as_millis() as u64;
        self.progress.store(now, Ordering::Relaxed);
    }

    /// Says what the connection waits for from now on. False if it is being closed.
    pub fn wait_for(&self, waiting: Waiting) -> bool {
        let change = |now| (now != Waiting::Closing as u8).then_some(waiting as u8);
        self.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, change).is_ok()
    }

    fn is(&self, waiting: Waiting) -> bool {
        self.waiting.load(Ordering::SeqCst) == waiting as u8
    }

    /// Closes the connection if it still waits for this. A thread that reads or writes it returns.
    fn close_if(&self, waiting: Waiting) -> bool {
        let (old, new) = (waiting as u8, Waiting::Closing as u8);
        let is_closed =
            self.waiting.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if is_closed {
            self.shut_down();
        }
        is_closed
    }

    /// True if the client has closed its side or reset the connection. A client that wants no more answers does so; one
    /// that only has no more requests cannot be told from it.
    pub fn has_left(&self) -> bool {
        self.socket.as_ref().is_some_and(|socket| has_ended(socket))
    }

    fn shut_down(&self) {
        if let Some(socket) = &self.socket {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// True if the other side of a socket sends no more.
#[cfg(unix)]
fn has_ended(socket: &Socket) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    #[cfg(target_os = "linux")]
    let ends = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    #[cfg(not(target_os = "linux"))]
    let ends = PollFlags::HUP | PollFlags::ERR;
    let mut asked = [PollFd::new(socket, ends)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut asked, Some(&at_once)).is_ok() && asked[0].revents().intersects(ends)
}

#[cfg(not(unix))]
fn has_ended(_: &Socket) -> bool {
    false
}

/// The open connections.
pub struct Connections {
    open: Mutex<HashMap<u64, Arc<Presence>>>,
    left: Condvar,
    began: Instant,
}

impl Connections {
    /// No connections yet.
    pub fn new() -> Connections {
        Connections { open: Mutex::default(), left: Condvar::new(), began: Instant::now() }
    }

    /// Adds a connection under a number of its own.
    pub fn enter(&self, number: u64, peer: IpAddr, socket: Arc<Socket>) -> Arc<Presence> {
        let presence = Arc::new(Presence::new(peer, Some(socket), self.began));
        lock(&self.open).insert(number, presence.clone());
        presence
    }

    /// Removes a connection.
    pub fn leave(&self, number: u64) {
        lock(&self.open).remove(&number);
        self.left.notify_all();
    }

    /// How many are open and not being closed.
    pub fn count(&self) -> usize {
        let open = lock(&self.open);
        open.values().filter(|presence| !presence.is(Waiting::Closing)).count()
    }

    /// Waits until fewer than `most` are open, for `time` at most. True if so.
    pub fn wait_below(&self, most: usize, time: Duration) -> bool {
        let open = lock(&self.open);
        let waited = self.left.wait_timeout_while(open, time, |open| open.len() >= most);
        waited.unwrap_or_else(PoisonError::into_inner).0.len() < most
    }

    /// Closes a connection of the peer that has most of them: the one that has been silent for longest. Those in the
    /// middle of a response come last, and those that wait for this server never. Peers with less than half as many
    /// lose none. False if there is none.
    pub fn close_idlest(&self) -> bool {
        let open = lock(&self.open);
        let mut counts = HashMap::<IpAddr, usize>::new();
        for presence in open.values() {
            *counts.entry(presence.peer).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or_default();
        for kinds in [&[Waiting::Request, Waiting::Rest][..], &[Waiting::Reader]] {
            let is_one = |presence: &&Arc<Presence>| {
                counts[&presence.peer] * 2 >= most && kinds.iter().any(|kind| presence.is(*kind))
            };
            let rank = |presence: &&Arc<Presence>| {
                (Reverse(counts[&presence.peer]), presence.progress.load(Ordering::Relaxed))
            };
            // One that has found work in the meantime stays, and another one is looked for.
            while let Some(idlest) = open.values().filter(is_one).min_by_key(rank) {
                if kinds.iter().any(|kind| idlest.close_if(*kind)) {
                    return true;
                }
            }
        }
        false
    }

    /// Closes the connections on which no request has begun.
    pub fn close_idle(&self) {
        for presence in lock(&self.open).values() {
            presence.close_if(Waiting::Request);
        }
    }

    /// Cuts every connection; the number of those with a request under way.
    pub fn cut_all(&self) -> usize {
        let open = lock(&self.open);
        let cut = |presence: &&Arc<Presence>| {
            let waited = presence.waiting.swap(Waiting::Closing as u8, Ordering::SeqCst);
            presence.shut_down();
            waited != Waiting::Request as u8
        };
        open.values().filter(cut).count()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_client_has_left_once_it_has_closed_its_side() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        let presence = Presence::new(
            IpAddr::from([127, 0, 0, 1]),
            Some(Arc::new(socket.into())),
            Instant::now(),
        );
        assert!(!presence.has_left());
        drop(client);
        while !presence.has_left() {
            std::thread::yield_now();
        }
    }
}
