//! A running engine, from its first connection to its last.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::Socket;

use super::connection::{ClientConnection, Shared};
use super::connection_threads::ConnectionThreads;
use super::doors::{Arrival, Doors};
use super::handler::RequestHandler;
use super::limits::Limits;
use super::listener::Listener;
use super::numbers::EngineState;
use super::open_files::affordable;
use super::refusal::Refusal;
use super::response::{Exchange, in_memory};
use super::seldom::Seldom;
use super::stream::{PlainStream, Stream};
use super::tls::Tls;
use super::wake::Wake;
use crate::error::{Error, Result};
use crate::http::answered::AnsweredRequest;
use crate::http::peer::{Connected, Peer, Scheme};
use crate::http::proxies::TrustedProxies;
use crate::sync::lock;
use crate::time::Clock;

/// How long a new connection waits until those that were closed for others have gone.
const ROOM_TIME: Duration = Duration::from_millis(500);
/// How many requests are turned away for one new connection at most.
const ROOM_TRIES: usize = 5;
/// The pause after the system refused to accept a connection or to start a thread.
const REFUSED_PAUSE: Duration = Duration::from_millis(20);
/// How long the end waits for threads whose connections were cut.
const CUT_TIME: Duration = Duration::from_secs(5);
/// How often the end asks whether it shall wait no longer.
const END_STEP: Duration = Duration::from_millis(10);

/// Serves HTTP in the background, with a thread for each connection. A thread takes about 40 KiB of memory
/// until its first request, and about 140 KiB behind it: its stack and its heap as far as they were touched.
///
/// Dropped, the engine ends as by [`Engine::end`].
pub struct Engine {
    shared: Arc<Shared>,
    threads: Arc<ConnectionThreads>,
    wake: Arc<Wake>,
    accepting: Mutex<Option<JoinHandle<()>>>,
    has_ended: AtomicBool,
}

impl Engine {
    /// Serves the clients of `listeners`, of which there is at least one; those that come over TCP with `tls`
    /// if it is given.
    ///
    /// # Errors
    /// `Listen` where another process was first, `Io` where the system has no thread.
    pub fn start(
        listeners: Vec<Listener>,
        tls: Option<Tls>,
        mut limits: Limits,
        proxies: TrustedProxies,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Engine> {
        limits.connections = affordable(limits.connections);
        let shared = Arc::new(Shared::new(limits, proxies));
        let io = |error| Error::io("no thread to accept connections", error);
        let wake = Arc::new(Wake::new().map_err(io)?);
        let threads = Arc::<ConnectionThreads>::default();
        let doors = listeners.into_iter().map(Listener::listen).collect::<Result<_>>()?;
        let mut accepting = Accepting {
            doors: Doors::new(doors),
            tls,
            shared: shared.clone(),
            handler,
            wake: wake.clone(),
            threads: threads.clone(),
            refused: Seldom::default(),
        };
        let thread = thread::Builder::new()
            .name("accepting".to_owned())
            .spawn(move || accepting.run())
            .map_err(io)?;
        let accepting = Mutex::new(Some(thread));
        Ok(Engine { shared, threads, wake, accepting, has_ended: AtomicBool::new(false) })
    }

    /// Tells the numbers of this engine.
    pub fn state(&self) -> EngineState {
        EngineState { shared: self.shared.clone(), threads: self.threads.clone() }
    }

    /// Begins the end: accepts no more connections, begins no more requests, closes idle connections.
    pub fn stop(&self) {
        self.shared.stop.give();
        self.wake.give();
        if let Some(thread) = lock(&self.accepting).take() {
            let _ = thread.join();
        }
        self.shared.connections.close_idle();
    }

    /// Ends the engine: waits for the requests under way, for the time of grace at most and no longer than
    /// `cut_now` allows. Then the others are cut; their number. A second call does nothing.
    pub fn end(&self, cut_now: impl Fn() -> bool) -> usize {
        if self.has_ended.swap(true, Ordering::SeqCst) {
            return 0;
        }
        self.stop();
        let connections = &self.shared.connections;
        let deadline = Instant::now() + self.shared.limits.grace;
        while !connections.wait_below(1, END_STEP) {
            if cut_now() || Instant::now() >= deadline {
                let cut = connections.cut_all();
                connections.wait_below(1, CUT_TIME);
                return cut;
            }
        }
        0
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end(|| false);
    }
}

/// The thread that accepts connections.
struct Accepting {
    doors: Doors,
    tls: Option<Tls>,
    shared: Arc<Shared>,
    handler: Arc<dyn RequestHandler>,
    wake: Arc<Wake>,
    threads: Arc<ConnectionThreads>,
    /// The last time that the log was told that the system refuses.
    refused: Seldom,
}

impl Accepting {
    fn run(&mut self) {
        for number in 0.. {
            match self.doors.accept(&self.wake) {
                Ok(Some(arrival)) => self.begin(number, arrival),
                Ok(None) => return,
                Err(error) => {
                    self.tell("a connection could not be accepted", error);
                    // For example too many open files: one connection less is a few files less.
                    self.shared.connections.close_idlest();
                    thread::sleep(REFUSED_PAUSE);
                }
            }
        }
    }

    /// Starts the thread of a connection.
    fn begin(&mut self, number: u64, arrival: Arrival) {
        let Arrival { socket, peer, local } = arrival;
        let tls = self.tls.as_ref().filter(|_| peer != Peer::Unix);
        let scheme = if tls.is_some() { Scheme::Https } else { Scheme::Http };
        let client = Connected { peer, local, scheme };
        if !self.make_room() {
            return self.turn_away(&socket, client);
        }
        give_up_after(&socket, self.shared.limits.send_time * 2);
        let socket = Arc::new(socket);
        let presence = self.shared.connections.enter(number, peer.address(), socket.clone());
        let (shared, handler) = (self.shared.clone(), self.handler.clone());
        let stream: io::Result<Box<dyn Stream>> = match tls {
            Some(tls) => tls.stream(socket.clone()),
            None => Ok(Box::new(PlainStream::new(socket.clone()))),
        };
        let spawned = stream.and_then(|stream| {
            self.threads.run(move || {
                let leaving = Leaving { shared: &shared, number };
                // Releases the handler and with it the store before the connection leaves: the store is closed
                // once all have left.
                ClientConnection::new(&shared, handler, presence, stream, client).serve();
                drop(leaving);
            })
        });
        if let Err(error) = spawned {
            self.tell("a connection could not be begun", error);
            self.turn_away(&socket, client);
            self.shared.connections.leave(number);
            thread::sleep(REFUSED_PAUSE);
        }
    }

    /// Makes room for one more connection. False where every connection waits for this server.
    fn make_room(&self) -> bool {
        let (connections, most) = (&self.shared.connections, self.shared.limits.connections);
        // Those that are being closed are gone as soon as their threads notice. A few may be late.
        if !connections.wait_below(most + most / 4 + 1, ROOM_TIME) {
            return false;
        }
        for _ in 0..ROOM_TRIES {
            if connections.count() < most || connections.close_idlest() {
                return true;
            }
            if !self.shared.places.turn_one_away() {
                return false;
            }
            // What is turned away gets its answer, and then can be closed.
            thread::sleep(REFUSED_PAUSE);
        }
        false
    }

    /// Tells a client that there is no room, as far as that is possible without waiting for it.
    fn turn_away(&self, mut socket: &Socket, client: Connected) {
        // Without a handshake nothing can be said.
        if client.scheme == Scheme::Https {
            return;
        }
        let refusal = Refusal::new(503, "too many connections at once; try again");
        let exchange = Exchange::unread();
        let mut answered = AnsweredRequest::begun(Clock::system().now(), client.peer.address());
        (answered.status, answered.is_refused) = (refusal.status, true);
        answered.request_id.clone_from(&exchange.id);
        let response = refusal.response().with_all(&self.handler.page_headers(None));
        let _ = socket.set_nonblocking(true);
        answered.is_whole = socket.write(&in_memory(response, &exchange)).is_ok();
        self.handler.answered(&answered);
    }

    fn tell(&mut self, what: &str, error: io::Error) {
        if self.refused.is_due() {
            self.handler.log(&Error::io(what, error));
        }
    }
}

/// Removes a connection when its thread ends, also by a panic.
struct Leaving<'s> {
    shared: &'s Shared,
    number: u64,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.shared.connections.leave(self.number);
    }
}

/// Has the system give up a client that takes nothing for so long, also where this process has closed the
/// socket already. A Unix socket keeps nothing behind its end.
fn give_up_after(socket: &Socket, time: Duration) {
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(time));
    #[cfg(not(target_os = "linux"))]
    let _ = (socket, time);
}
