//! Threads that accept connections. An error or a panic in `tiny_http` ends its accepting thread for
//! good, so the engine may have to start another.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::answering::Answering;
use super::listener::stop_listening;
use super::pending::{Incoming, TinyHttp};
use crate::error::{Error, Kind, Result};
use crate::sync::lock;

/// The most accepting threads, dead ones counted.
const MOST_THREADS: usize = 16;

/// The accepting threads of an engine.
pub struct Accepting {
    /// The requests that are being answered.
    pub answering: Arc<Answering>,
    listener: TcpListener,
    threads: Mutex<Vec<(Arc<TinyHttp>, JoinHandle<()>)>>,
}

impl Accepting {
    /// Prepares to accept on `listener`; no thread runs yet.
    pub fn new(listener: TcpListener, answering: Arc<Answering>) -> Accepting {
        Accepting { answering, listener, threads: Mutex::default() }
    }

    /// Starts one more thread.
    ///
    /// # Errors
    /// Where the system has no thread or no descriptor for that.
    pub fn start_thread(&self) -> Result<()> {
        let tiny_http = Arc::new(TinyHttp::new(&self.listener)?);
        let (answering, of_thread) = (self.answering.clone(), tiny_http.clone());
        let thread = thread::Builder::new()
            .spawn(move || accept(&answering, &of_thread))
            .map_err(|error| Error::io("no thread to accept connections", error))?;
        lock(&self.threads).push((tiny_http, thread));
        Ok(())
    }

    /// True if one more thread may be started.
    pub fn may_grow(&self) -> bool {
        lock(&self.threads).len() < MOST_THREADS
    }

    /// Accepts no more connections.
    pub fn stop(&self) {
        stop_listening(&self.listener);
        self.answering.slots.wake_waiting();
    }

    /// Waits for the threads to end.
    pub fn join(&self) {
        let threads = std::mem::take(&mut *lock(&self.threads));
        for (tiny_http, thread) in threads {
            tiny_http.unblock();
            let _ = thread.join();
        }
    }
}

/// Dispatches requests until the engine stops.
fn accept(answering: &Arc<Answering>, tiny_http: &TinyHttp) {
    while !answering.stop.is_given() {
        match tiny_http.next() {
            Incoming::Request(pending) => answering.clone().dispatch(pending),
            Incoming::Unblocked => {}
            Incoming::Ended if answering.stop.is_given() => {}
            // For example after too many open files. This thread goes on with its open connections;
            // `watch` starts another for new ones.
            Incoming::Ended => {
                answering.handler.log(&Error::new(Kind::Io, "accepting a connection failed"));
            }
        }
    }
}
