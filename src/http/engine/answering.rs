//! Answers requests, each on a thread of its own.

use std::collections::hash_map::{Entry, HashMap};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;

use super::handler::RequestHandler;
use super::pending::PendingRequest;
use super::slots::{RequestSlot, RequestSlots};
use crate::error::{Error, Kind};
use crate::http::message::Response;
use crate::sync::{StopSignal, lock};

/// The requests that are being answered.
pub struct Answering {
    /// Gives the answers.
    pub handler: Arc<dyn RequestHandler>,
    /// Ends the engine.
    pub stop: StopSignal,
    /// Limits the requests.
    pub slots: Arc<RequestSlots>,
    /// The clients, each with the requests that followed on its connection. The connection ends with
    /// its first response, so these are never answered.
    clients: Mutex<HashMap<SocketAddr, Vec<PendingRequest>>>,
}

impl Answering {
    /// No requests yet.
    pub fn new(handler: Arc<dyn RequestHandler>) -> Answering {
        Answering {
            handler,
            stop: StopSignal::default(),
            slots: Arc::default(),
            clients: Mutex::default(),
        }
    }

    /// The clients whose requests are being answered.
    pub fn clients(&self) -> Vec<SocketAddr> {
        lock(&self.clients).keys().copied().collect()
    }

    /// Answers a request on a new thread, or with 503 if there is none.
    pub fn dispatch(self: Arc<Answering>, pending: PendingRequest) {
        let Some(client) = pending.client() else { return };
        match lock(&self.clients).entry(client) {
            Entry::Occupied(mut followers) => return followers.get_mut().push(pending),
            Entry::Vacant(place) => drop(place.insert(Vec::new())),
        }
        let Some(slot) = self.slots.take(|| self.stop.is_given()) else { return };
        let answering = self.clone();
        let spawned = spawn_with(thread::Builder::new(), pending, move |pending| {
            answering.answer(pending, slot);
            answering.leave(client);
        });
        if let Err((pending, error)) = spawned {
            self.handler.log(&Error::io("no thread for a request", error));
            if let Some(pending) = pending {
                self.send(pending, too_many());
            }
            self.leave(client);
        }
    }

    /// Reads a request and answers it.
    fn answer(&self, mut pending: PendingRequest, slot: RequestSlot) {
        let handler = &self.handler;
        let response = match pending.read(|request| handler.body_limit(request)) {
            Err(error) => {
                if pending.leaks() {
                    handler.log(&error);
                }
                handler.refuse(&error)
            }
            Ok(_) if slot == RequestSlot::TurnAway => too_many(),
            Ok(request) => catch_unwind(AssertUnwindSafe(|| handler.answer(&request)))
                .unwrap_or_else(|_| {
                    Response::error(&Error::new(Kind::Internal, "a handler panicked"))
                }),
        };
        self.send(pending, response);
    }

    /// Sends a response. A client that is gone is no error.
    fn send(&self, pending: PendingRequest, response: Response) {
        if let Err(error) = pending.answer(response)
            && error.kind() != Kind::Io
        {
            self.handler.log(&error);
        }
    }

    /// Forgets a client whose request was answered, and releases its slot.
    fn leave(self: Arc<Answering>, client: SocketAddr) {
        // Dropping a follower answers it, which fails at once on an ended connection.
        let followers = lock(&self.clients).remove(&client);
        drop(followers);
        let slots = self.slots.clone();
        // Releases the handler and with it the store, which is closed once all slots are released.
        drop(self);
        slots.release();
    }
}

fn too_many() -> Response {
    Response::error(&Error::new(Kind::Busy, "too many requests at once; try again"))
}

/// Runs `work` on a new thread with `value`.
///
/// # Errors
/// Where the system has no thread. Gives `value` back.
fn spawn_with<T: Send + 'static>(
    builder: thread::Builder,
    value: T,
    work: impl FnOnce(T) + Send + 'static,
) -> Result<(), (Option<T>, io::Error)> {
    let shared = Arc::new(Mutex::new(Some(value)));
    let of_thread = shared.clone();
    let spawned = builder.spawn(move || {
        let value = lock(&of_thread).take();
        if let Some(value) = value {
            work(value);
        }
    });
    spawned.map(drop).map_err(|error| (lock(&shared).take(), error))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn without_a_thread_the_value_comes_back() {
        let (sender, receiver) = channel();
        let send = move |value| sender.send(value).unwrap();
        assert!(spawn_with(thread::Builder::new(), 7, send.clone()).is_ok());
        assert_eq!(receiver.recv().unwrap(), 7);
        // No address space has room for this stack.
        let builder = thread::Builder::new().stack_size(1 << 60);
        let (value, _) = spawn_with(builder, 8, send).unwrap_err();
        assert_eq!(value, Some(8));
        assert!(receiver.try_recv().is_err());
    }
}
