//! The server: a thread that accepts, and one for each request in flight, under a cap.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::message::Response;
use super::route::{Context, answer, body_limit, refusal};
use super::wire::{
    Accepted, Acceptor, Bound, Call, allow_many_connections, bind, disconnect, peers_at,
    stop_listening,
};
use crate::access::{Audit, Authority};
use crate::error::{Error, Kind, Log, Result};
use crate::export::Jobs;
use crate::store::Store;
use crate::sync::{StopSignal, lock};

/// So many requests are answered at once; slow readers count, so it is not small.
const MOST: usize = 256;
/// Beyond that so many are told to come again; beyond these, requests wait to be looked at.
const TURNED_AWAY: usize = 64;
/// A connection on which nothing is asked for so long makes room for those that wait.
const SILENT: Duration = Duration::from_secs(20);
/// How often silent connections, and whether anybody is let in at all, are looked after.
const ROUND: Duration = Duration::from_secs(5);
/// So many acceptors there may be, dead ones counted.
const ACCEPTORS: usize = 16;
/// How long the end waits for downloads under way.
const GRACE: Duration = Duration::from_secs(5);

/// How to serve.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where to listen, as `host:port`; port 0 takes a free one. Empty: a free one on 127.0.0.1.
    pub listen: String,
    /// What URLs in manifests begin with, where clients reach the server by another name.
    pub base_url: Option<String>,
    /// Whether only who is known may read, and only what is theirs.
    pub auth_required: bool,
    /// Whether an address that other machines reach may be listened on where that is not so.
    pub insecure: bool,
    /// How long a finished export can be fetched, and at least how long replaced versions are kept;
    /// `None`: a day.
    pub job_ttl: Option<Duration>,
    /// Is told of errors that are not the client's.
    pub log: Option<fn(&Error)>,
}

/// How long a finished export can be fetched unless that was said.
const JOB_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// A running server; it stops when dropped.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    looking_after: Option<JoinHandle<()>>,
}

/// A server that has its address but lets nobody in yet: so what is wrong with the address is known
/// before anything else is done.
pub struct Reserved {
    bound: Bound,
    address: SocketAddr,
    base_url: Option<String>,
    auth_required: bool,
    job_ttl: Duration,
    log: fn(&Error),
}

struct Shared {
    context: Context,
    listener: TcpListener,
    log: fn(&Error),
    stop: StopSignal,
    acceptors: Mutex<Vec<(Arc<Acceptor>, JoinHandle<()>)>>,
    /// The clients that are being answered, with what they asked for behind that. A connection ends
    /// with its first answer, so nothing comes of these.
    answering: Mutex<HashMap<SocketAddr, Vec<Call>>>,
    in_flight: Arc<InFlight>,
}

/// How many requests are being answered. Apart from `Shared`, so that a thread can let go of the
/// store before it stops counting.
#[derive(Default)]
struct InFlight {
    count: Mutex<usize>,
    one_less: Condvar,
}

impl Server {
    /// Takes the address that `options` name.
    ///
    /// # Errors
    /// `Usage` for an address or a base URL that cannot be, `Listen` where the address is taken.
    pub fn reserve(options: &Options) -> Result<Reserved> {
        let base_url = options.base_url.as_deref().map(base_url).transpose()?;
        let listen = match options.listen.as_str() {
            "" => "127.0.0.1:0",
            listen => listen,
        };
        let bound = bind(listen)?;
        let address = bound.address()?;
        if !address.ip().is_loopback() && !options.insecure && !options.auth_required {
            return Err(Error::new(
                Kind::Usage,
                format!(
                    "{listen} can be reached from other machines, and everyone there could read the store; \
                     say --auth required, or --insecure if everyone may"
                ),
            ));
        }
        Ok(Reserved {
            bound,
            address,
            base_url,
            auth_required: options.auth_required,
            job_ttl: options.job_ttl.unwrap_or(JOB_TTL),
            log: options.log.unwrap_or(|_| {}),
        })
    }

    /// Serves `store` as `options` say, from now on and in the background.
    ///
    /// # Errors
    /// Those of [`Server::reserve`], and where the store cannot be read.
    pub fn start(store: &Store, options: &Options) -> Result<Server> {
        Server::reserve(options)?.serve(store)
    }

    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://HOST:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Reserved {
    /// Whether there is anybody to be let in.
    ///
    /// # Errors
    /// `Usage` where only who is known may read, and nobody is.
    pub fn check(&self, store: &Store) -> Result<()> {
        if self.auth_required && store.clients()?.is_empty() {
            let what = format!(
                "{0} has no clients, so nobody could read anything; `fhirlite client add {0}` makes one",
                store.path().display()
            );
            return Err(Error::new(Kind::Usage, what));
        }
        Ok(())
    }

    /// Lets clients in, to `store`.
    ///
    /// # Errors
    /// `Listen` where another has come first, `Usage` where only who is known may read and nobody is, or
    /// where the store cannot be read.
    pub fn serve(self, store: &Store) -> Result<Server> {
        self.check(store)?;
        store.share()?;
        allow_many_connections();
        let address = self.address;
        let shared = Arc::new(Shared {
            context: Context {
                access: Authority::new(store, self.auth_required, Log::new(self.log))?,
                audit: match self.auth_required {
                    true => Some(Arc::new(Audit::start(store, Log::new(self.log))?)),
                    false => None,
                },
                jobs: Jobs::start(store, self.job_ttl, Log::new(self.log))?,
                started: store.now(),
                store: store.clone(),
                base_url: self.base_url,
                address,
                log: self.log,
            },
            listener: self.bound.listen(address)?,
            log: self.log,
            stop: StopSignal::default(),
            acceptors: Mutex::default(),
            answering: Mutex::default(),
            in_flight: Arc::default(),
        });
        let mut server = Server { shared, address, looking_after: None };
        server.shared.clone().accept_more()?;
        let shared = server.shared.clone();
        server.looking_after = Some(thread::spawn(move || shared.look_after(address)));
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.give();
        self.shared.context.jobs.stop();
        stop_listening(&self.shared.listener);
        self.shared.in_flight.wake_waiting();
        if let Some(thread) = self.looking_after.take() {
            let _ = thread.join();
        }
        let acceptors = std::mem::take(&mut *lock(&self.shared.acceptors));
        for (acceptor, thread) in acceptors {
            acceptor.unblock();
            let _ = thread.join();
        }
        // Downloads under way may end, for a while; then they are ended.
        if !self.shared.in_flight.wait_for_none(GRACE) {
            for peer in lock(&self.shared.answering).keys() {
                disconnect(*peer);
            }
            self.shared.in_flight.wait_for_none(GRACE);
        }
    }
}

impl Shared {
    /// Starts one more thread that accepts.
    fn accept_more(self: Arc<Shared>) -> Result<()> {
        let acceptor = Arc::new(Acceptor::new(&self.listener)?);
        let thread = {
            let (shared, acceptor) = (self.clone(), acceptor.clone());
            thread::spawn(move || shared.accept(&acceptor))
        };
        lock(&self.acceptors).push((acceptor, thread));
        Ok(())
    }

    fn accept(self: Arc<Shared>, acceptor: &Acceptor) {
        while !self.stop.is_given() {
            match acceptor.accept() {
                Accepted::Call(call) => self.clone().dispatch(call),
                Accepted::Unblocked => {}
                Accepted::Ended if self.stop.is_given() => {}
                // It has ended its loop, after too many open files, say. It goes on with the
                // connections that it has; `look_after` sees to others.
                Accepted::Ended => {
                    (self.log)(&Error::new(Kind::Io, "accepting a connection failed"));
                }
            }
        }
    }

    /// Ends silent connections, and starts another acceptor where none lets anybody in any more: an
    /// error, or a panic in tiny_http, ends one for good.
    fn look_after(self: Arc<Shared>, address: SocketAddr) {
        let mut since: HashMap<SocketAddr, Instant> = HashMap::new();
        while !self.stop.is_given_within(ROUND) {
            let silent: HashSet<SocketAddr> = {
                let answering = lock(&self.answering);
                peers_at(address.port())
                    .into_iter()
                    .filter(|peer| !answering.contains_key(peer))
                    .collect()
            };
            since.retain(|peer, _| silent.contains(peer));
            for peer in silent {
                if since.entry(peer).or_insert_with(Instant::now).elapsed() > SILENT {
                    disconnect(peer);
                }
            }
            // Where all places are taken, waiting is as it should be.
            let may_help = self.in_flight.has_room() && lock(&self.acceptors).len() < ACCEPTORS;
            if may_help && !knock(address, ROUND) && !self.stop.is_given() {
                (self.log)(&Error::new(Kind::Io, "nobody is let in; accepting anew"));
                if let Err(error) = self.clone().accept_more() {
                    (self.log)(&error);
                }
            }
        }
    }

    /// Has a request answered on a thread of its own.
    fn dispatch(self: Arc<Shared>, call: Call) {
        let Some(peer) = call.peer() else { return };
        match lock(&self.answering).entry(peer) {
            Entry::Occupied(mut behind) => return behind.get_mut().push(call),
            Entry::Vacant(place) => drop(place.insert(Vec::new())),
        }
        let Some(busy) = self.in_flight.enter(|| self.stop.is_given()) else { return };
        let shared = self.clone();
        let spawned = thread::Builder::new().spawn(move || {
            shared.answer(call, busy);
            shared.leave(peer);
        });
        if let Err(error) = spawned {
            (self.log)(&Error::io("no thread for a request", error));
            self.leave(peer);
        }
    }

    /// Notes that a client was answered.
    fn leave(self: Arc<Shared>, peer: SocketAddr) {
        // Dropping what came behind answers it, which fails at once where nobody listens.
        let behind = lock(&self.answering).remove(&peer);
        drop(behind);
        let in_flight = self.in_flight.clone();
        // The store first: the end waits for the count, and then closes the store.
        drop(self);
        in_flight.leave();
    }

    fn answer(&self, mut call: Call, busy: bool) {
        let context = &self.context;
        let response = match call.request(|request| body_limit(context, request)) {
            Err(error) => {
                // This one costs a thread and two descriptors for good, so it should be known.
                if call.is_lost() {
                    (self.log)(&error);
                }
                refusal(context, &error, None)
            }
            Ok(_) if busy => {
                Response::error(&Error::new(Kind::Busy, "too many requests at once; try again"))
            }
            Ok(request) => catch_unwind(AssertUnwindSafe(|| answer(context, &request)))
                .unwrap_or_else(|_| {
                    Response::error(&Error::new(Kind::Internal, "a handler panicked"))
                }),
        };
        if let Err(error) = call.answer(response)
            && error.kind() != Kind::Io
        {
            (self.log)(&error);
        }
    }
}

impl InFlight {
    /// Waits for room and takes it; whether it is room only to be turned away. `None` at the end.
    fn enter(&self, stopping: impl Fn() -> bool) -> Option<bool> {
        let count = lock(&self.count);
        let waited =
            self.one_less.wait_while(count, |count| *count >= MOST + TURNED_AWAY && !stopping());
        let mut count = waited.unwrap_or_else(PoisonError::into_inner);
        if stopping() {
            return None;
        }
        *count += 1;
        Some(*count > MOST)
    }

    fn leave(&self) {
        *lock(&self.count) -= 1;
        self.one_less.notify_all();
    }

    /// Has whoever waits for room look again whether to go on.
    fn wake_waiting(&self) {
        // Under the lock, or it could fall between looking and waiting.
        let _count = lock(&self.count);
        self.one_less.notify_all();
    }

    fn has_room(&self) -> bool {
        *lock(&self.count) < MOST
    }

    /// True if there is none before `patience` ends.
    fn wait_for_none(&self, patience: Duration) -> bool {
        let count = lock(&self.count);
        let waited = self.one_less.wait_timeout_while(count, patience, |count| *count > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0 == 0
    }
}

/// True if somebody answers at `address`, or if that cannot be found out.
fn knock(address: SocketAddr, patience: Duration) -> bool {
    let address = match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(_) => (Ipv6Addr::LOCALHOST, address.port()).into(),
    };
    let Ok(mut socket) = TcpStream::connect_timeout(&address, patience) else {
        return true;
    };
    let _ = socket.set_read_timeout(Some(patience));
    let asked =
        socket.write_all(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut first = [0];
    match asked.and_then(|()| socket.read(&mut first)) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

/// Checks a base URL and takes the slash off its end.
fn base_url(text: &str) -> Result<String> {
    let rest = text.strip_prefix("https://").or(text.strip_prefix("http://"));
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
