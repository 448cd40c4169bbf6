//! The server: a thread that accepts, and one for each request in flight, under a cap.

use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::message::Response;
use super::route::{Context, answer};
use super::wire::{Accepted, Acceptor, Call, bind};
use crate::error::{Error, Kind, Result};
use crate::export::Signer;
use crate::store::Store;

/// So many requests are worked on at once; slow readers count, so it is not small.
const MOST: usize = 256;
/// Beyond that so many are told to come again; beyond these, requests wait to be read at all.
const TURNED_AWAY: usize = 64;
/// How long the end waits for downloads under way.
const GRACE: Duration = Duration::from_secs(5);

/// How to serve.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where to listen, as `host:port`; port 0 takes a free one. Empty: a free one on 127.0.0.1.
    pub listen: String,
    /// What URLs in manifests begin with, where clients reach the server by another name.
    pub base_url: Option<String>,
    /// Whether an address that other machines reach may be listened on.
    pub insecure: bool,
    /// Is told of errors that are not the client's.
    pub log: Option<fn(&Error)>,
}

/// A running server; it stops when dropped.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    context: Context,
    listener: TcpListener,
    log: fn(&Error),
    stopping: AtomicBool,
    acceptors: Mutex<Vec<Arc<Acceptor>>>,
    in_flight: Mutex<usize>,
    one_less: Condvar,
}

impl Server {
    /// Serves `store` as `options` say, from now on and in the background.
    ///
    /// # Errors
    /// `Usage` for an address or a base URL that cannot be, `Listen` where the address is taken.
    pub fn start(store: &Store, options: &Options) -> Result<Server> {
        let base_url = options.base_url.as_deref().map(base_url).transpose()?;
        let listen = match options.listen.as_str() {
            "" => "127.0.0.1:0",
            listen => listen,
        };
        let listener = bind(listen)?;
        let address = listener
            .local_addr()
            .map_err(|error| Error::io(listen, error))?;
        if !address.ip().is_loopback() && !options.insecure {
            return Err(Error::new(
                Kind::Usage,
                format!(
                    "{listen} can be reached from other machines, and everyone there could read the store; \
                     listen on 127.0.0.1 behind a reverse proxy, or say --insecure"
                ),
            ));
        }
        store.share()?;
        let shared = Arc::new(Shared {
            context: Context {
                signer: Signer::new(&store.signing_key()?)?,
                store: store.clone(),
                base_url,
                own_url: format!("http://{address}"),
            },
            listener,
            log: options.log.unwrap_or(|_| {}),
            stopping: AtomicBool::new(false),
            acceptors: Mutex::default(),
            in_flight: Mutex::default(),
            one_less: Condvar::new(),
        });
        let acceptor = shared.acceptor()?;
        let accepting = {
            let shared = shared.clone();
            thread::spawn(move || shared.accept(&acceptor))
        };
        Ok(Server {
            shared,
            address,
            accepting: Some(accepting),
        })
    }

    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://HOST:PORT`.
    pub fn url(&self) -> String {
        self.shared.context.own_url.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for acceptor in lock(&self.shared.acceptors).drain(..) {
            acceptor.unblock();
        }
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        // Downloads under way may end, for a while.
        let in_flight = lock(&self.shared.in_flight);
        let waited = self
            .shared
            .one_less
            .wait_timeout_while(in_flight, GRACE, |count| *count > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Shared {
    fn acceptor(&self) -> Result<Arc<Acceptor>> {
        let acceptor = Arc::new(Acceptor::new(&self.listener)?);
        lock(&self.acceptors).push(acceptor.clone());
        Ok(acceptor)
    }

    fn accept(self: Arc<Shared>, acceptor: &Acceptor) {
        while !self.stopping.load(Ordering::SeqCst) {
            match acceptor.accept() {
                Accepted::Call(call) => self.clone().dispatch(call),
                Accepted::Unblocked => {}
                Accepted::Ended => self.clone().accept_again(),
            }
        }
    }

    /// An error in accepting (too many open files, say) ends tiny_http's loop: another one takes
    /// over, while this one goes on with the connections that it has.
    fn accept_again(self: Arc<Shared>) {
        (self.log)(&Error::new(
            Kind::Io,
            "accepting a connection failed; trying again",
        ));
        thread::sleep(Duration::from_millis(100));
        match self.acceptor() {
            Ok(acceptor) => drop(thread::spawn(move || self.accept(&acceptor))),
            Err(error) => (self.log)(&error),
        }
    }

    fn dispatch(self: Arc<Shared>, call: Call) {
        let busy = {
            let in_flight = lock(&self.in_flight);
            let mut in_flight = self
                .one_less
                .wait_while(in_flight, |count| *count >= MOST + TURNED_AWAY)
                .unwrap_or_else(PoisonError::into_inner);
            *in_flight += 1;
            *in_flight > MOST
        };
        let slot = Slot(self.clone());
        let spawned = thread::Builder::new().spawn(move || {
            slot.0.handle(call, busy);
            drop(slot);
        });
        if let Err(error) = spawned {
            (self.log)(&Error::io("no thread for a request", error));
        }
    }

    fn handle(&self, call: Call, busy: bool) {
        let Some((request, call)) = call.read() else {
            (self.log)(&Error::new(
                Kind::TooMuch,
                "a request body was too long; its connection was given up",
            ));
            return;
        };
        let response = match busy {
            true => Response::error(&Error::new(
                Kind::Busy,
                "too many requests at once; try again",
            )),
            false => catch_unwind(AssertUnwindSafe(|| {
                answer(&self.context, &request, &self.log)
            }))
            .unwrap_or_else(|_| Response::error(&Error::new(Kind::Internal, "a handler panicked"))),
        };
        if let Err(error) = call.answer(response)
            && error.kind() != Kind::Io
        {
            (self.log)(&error);
        }
    }
}

/// A place among the requests in flight.
struct Slot(Arc<Shared>);

impl Drop for Slot {
    fn drop(&mut self) {
        *lock(&self.0.in_flight) -= 1;
        self.0.one_less.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks a base URL and takes the slash off its end.
fn base_url(text: &str) -> Result<String> {
    let rest = text
        .strip_prefix("https://")
        .or(text.strip_prefix("http://"));
    let plain = |b: u8| b.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&b);
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(plain) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(Error::new(
            Kind::Usage,
            format!(
                "base URL {text:?} should look like https://example.org or https://example.org/demo"
            ),
        )),
    }
}
