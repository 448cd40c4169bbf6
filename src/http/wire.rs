//! The only file that knows `tiny_http`: sockets with limits, requests read, responses written.
//!
//! `tiny_http` 0.12 brings neither time-outs nor limits, and its own responses cannot be told
//! apart from truncated ones, so the framing is written here, byte by byte.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, ToSocketAddrs};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::cross_origin;
use super::message::{Body, Request, Response, http_date};
use crate::error::{Error, Kind, Result};
use crate::time::Clock;

/// A client that sends nothing of its body for so long is given up, and after thrice as long in all.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// A client that takes nothing for so long is given up.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// A dead peer is noticed after about this long.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Dropping a request allocates what is left of its declared `Content-Length`; up to here that does
/// no harm, since the memory is never touched.
const MAX_DROPPED: usize = 64 << 20;
/// Pieces of a body whose length is not known.
const CHUNK: usize = 256 << 10;

/// An address that is ours, though nobody is let in yet.
pub struct Bound(Socket);

/// Binds `address`, which may be a name and may have port 0.
pub fn bind(address: &str) -> Result<Bound> {
    let resolved: Vec<SocketAddr> = match address.to_socket_addrs() {
        Ok(resolved) => resolved.collect(),
        Err(error) => {
            let what = format!("{address:?} is no address to listen on, such as 127.0.0.1:8080");
            return Err(Error::caused(Kind::Usage, what, error));
        }
    };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in resolved {
        match bind_socket(address) {
            Ok(socket) => return Ok(Bound(socket)),
            Err(error) => last = error,
        }
    }
    Err(refused(address, last))
}

fn refused(address: &str, error: io::Error) -> Error {
    let error = Error::io(format!("cannot listen on {address}"), error);
    Error::caused(Kind::Listen, error.to_string(), error)
}

fn bind_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows this would let two servers share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit these on Linux. No receive time-out: accept would time out with it.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(
        &TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 6),
    )?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(SEND_TIMEOUT))?;
    socket.bind(&address.into())?;
    Ok(socket)
}

impl Bound {
    /// The address, its port a real one.
    pub fn address(&self) -> Result<SocketAddr> {
        let address = self.0.local_addr().map_err(|error| refused("the socket", error))?;
        address
            .as_socket()
            .ok_or_else(|| Error::new(Kind::Internal, "a TCP socket without an address"))
    }

    /// Lets clients in.
    pub fn listen(self, address: SocketAddr) -> Result<TcpListener> {
        self.0.listen(1024).map_err(|error| refused(&address.to_string(), error))?;
        Ok(self.0.into())
    }
}

/// Lets nobody in any more, whoever still holds the listener.
pub fn stop_listening(listener: &TcpListener) {
    // Where the system knows no such thing, closing it will do a moment later.
    let _ = socket2::SockRef::from(listener).shutdown(Shutdown::Both);
}

/// Lets this process have as many connections as the system allows it: each takes two descriptors.
#[cfg(unix)]
pub fn allow_many_connections() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where this is refused there are fewer connections.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Elsewhere there is no such limit.
#[cfg(not(unix))]
pub fn allow_many_connections() {}

/// One generation of `tiny_http`'s accepting thread on our listener.
pub struct Acceptor(tiny_http::Server, bool);

/// What an acceptor says.
pub enum Accepted {
    /// A request.
    Call(Call),
    /// It accepts no more, though requests on connections that it has may still come.
    Ended,
    /// [`Acceptor::unblock`] was called.
    Unblocked,
}

impl Acceptor {
    /// Accepts on `listener`, which stays usable for another.
    pub fn new(listener: &TcpListener) -> Result<Acceptor> {
        // Who listens at every address wants to know at which one a request came in.
        let is_anywhere = listener.local_addr().is_ok_and(|address| address.ip().is_unspecified());
        let listener =
            listener.try_clone().map_err(|error| Error::io("the listening socket", error))?;
        match tiny_http::Server::from_listener(listener, None) {
            Ok(server) => Ok(Acceptor(server, is_anywhere)),
            Err(error) => Err(Error::new(Kind::Listen, format!("cannot listen: {error}"))),
        }
    }

    /// Waits for the next request.
    pub fn accept(&self) -> Accepted {
        match self.0.recv() {
            Ok(request) => Accepted::Call(Call(Some(request), self.1)),
            // tiny_http makes this error up when it is unblocked; all others are accept's.
            Err(error) if error.to_string() == "thread unblocked" => Accepted::Unblocked,
            Err(_) => Accepted::Ended,
        }
    }

    /// Makes one waiting [`Acceptor::accept`] return.
    pub fn unblock(&self) {
        self.0.unblock();
    }
}

/// A request on the wire, not answered yet, and whether it is to be found out where it came in.
pub struct Call(Option<tiny_http::Request>, bool);

impl Call {
    /// Who asks.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.as_ref()?.remote_addr().copied()
    }

    /// The request as a value, or what is wrong with its framing. Of its body so many bytes are read at
    /// most as `body_limit` says; none where that is an error.
    pub fn request(&mut self, body_limit: impl Fn(&Request) -> Result<usize>) -> Result<Request> {
        let Some(call) = &mut self.0 else {
            return Err(Error::new(Kind::Internal, "it is answered already"));
        };
        let headers: Vec<(String, String)> = call
            .headers()
            .iter()
            .map(|header| {
                let name = header.field.as_str().as_str().to_ascii_lowercase();
                (name, header.value.as_str().to_owned())
            })
            .collect();
        // tiny_http takes a length that it does not understand for no body at all.
        let mut lengths = headers.iter().filter(|(name, _)| name == "content-length");
        let first = lengths.clone().next().map(|(_, length)| length);
        if lengths.any(|(_, length)| length.trim().parse::<u64>().is_err() || Some(length) != first)
        {
            return Err(Error::new(Kind::Invalid, "Content-Length is not a length"));
        }
        if is_too_long(call) {
            return Err(Error::new(Kind::TooMuch, "nothing here takes so long a request body"));
        }
        let version = call.http_version();
        let takes_chunks = (version.0, version.1) >= (1, 1);
        let peer = call.remote_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), SocketAddr::ip);
        let mut request =
            Request::new(call.method().as_str(), call.url(), headers, takes_chunks, peer)?;
        request.local = match call.remote_addr() {
            Some(peer) if self.1 => {
                find(*peer).and_then(|socket| socket.local_addr().ok()?.as_socket())
            }
            _ => None,
        };
        match body_limit(&request)? {
            0 => {}
            limit => request.body = body(call, limit)?,
        }
        Ok(request)
    }

    /// True where its declared body is so long that what it takes is never given back.
    pub fn is_lost(&self) -> bool {
        self.0.as_ref().is_some_and(is_too_long)
    }

    /// Sends the response, the only one on its connection.
    ///
    /// tiny_http keeps a thread waiting for the next request for as long as a connection lasts, and
    /// lets connections that come in a burst queue up behind such threads: a dozen clients at once,
    /// and some are not answered until others leave. So nothing more is received once a request is
    /// here, which frees the thread, and the connection ends with its response. A body that was
    /// not read cannot be taken for the next request then, and a failure in the middle is seen.
    pub fn answer(mut self, response: Response) -> Result<()> {
        let Some(call) = self.0.take() else { return Ok(()) };
        let is_head = *call.method() == tiny_http::Method::Head;
        let connection = call.remote_addr().and_then(|peer| find(*peer));
        if let Some(connection) = &connection {
            let _ = connection.shutdown(Shutdown::Read);
        }
        // Before the writer is let go of, or tiny_http's own answer to what came behind would follow.
        let end = || connection.as_ref().map(|connection| connection.shutdown(Shutdown::Both));
        if !is_too_long(&call) {
            let mut out = call.into_writer();
            let sent = send(response, is_head, &mut out);
            let _ = end();
            return sent;
        }
        let mut farewell = Vec::new();
        let sent = send(response, is_head, &mut farewell);
        let _ = connection.as_ref().map(|connection| connection.send(&farewell));
        let _ = end();
        // The one way not to have the body allocated; it keeps a thread and two descriptors for ever.
        std::mem::forget(call);
        sent
    }
}

/// A request that is dropped is answered by tiny_http, after it has waited for the rest of the body
/// and for the answers before it: neither takes long once the connection is ended.
impl Drop for Call {
    fn drop(&mut self) {
        let Some(call) = self.0.take() else { return };
        if let Some(peer) = call.remote_addr() {
            disconnect(*peer);
        }
        match is_too_long(&call) {
            true => std::mem::forget(call),
            false => drop(call),
        }
    }
}

/// Reads a request's body, for so long and so much as anybody has the right to.
fn body(call: &mut tiny_http::Request, limit: usize) -> Result<Vec<u8>> {
    let too_much = || Error::new(Kind::TooMuch, format!("a request body may have {limit} bytes"));
    if call.body_length().is_some_and(|length| length > limit) {
        return Err(too_much());
    }
    // On this connection alone: on the listener it would end accepting.
    let peer = call.remote_addr().copied();
    if let Some(connection) = peer.and_then(find) {
        let _ = connection.set_read_timeout(Some(RECEIVE_TIMEOUT));
    }
    let started = Instant::now();
    let length = call.body_length();
    let has = |name| call.headers().iter().any(|header| header.field.equiv(name));
    // With `Connection: close`, tiny_http itself may have ended the receiving side by now.
    let can_tell = has("Transfer-Encoding") && !has("Connection");
    let reader = call.as_reader();
    let mut body = Vec::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        let slow = || Error::new(Kind::TooSlow, "the request body did not come in time");
        let read = match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                return Err(slow());
            }
            Err(_) => return Err(broke_off()),
        };
        body.extend_from_slice(&piece[..read]);
        if body.len() > limit {
            return Err(too_much());
        }
        if started.elapsed() > RECEIVE_TIMEOUT * 3 {
            return Err(slow());
        }
    }
    // tiny_http does not tell the end of a body from that of a connection.
    match length {
        Some(length) if body.len() < length => Err(broke_off()),
        None if can_tell && has_ended(peer) => Err(broke_off()),
        _ => Ok(body),
    }
}

/// True where a client has said that it sends no more. Who waits for an answer to a body that came in
/// pieces has no reason to; who went away in the middle of one has.
fn has_ended(peer: Option<SocketAddr>) -> bool {
    let Some(connection) = peer.and_then(find) else { return false };
    let _ = connection.set_read_timeout(Some(Duration::from_millis(1)));
    let mut next = [std::mem::MaybeUninit::uninit()];
    matches!(connection.peek(&mut next), Ok(0))
}

fn broke_off() -> Error {
    Error::new(Kind::Invalid, "the request body broke off")
}

/// True where dropping the request would allocate more than may be there.
fn is_too_long(call: &tiny_http::Request) -> bool {
    call.body_length().is_some_and(|length| length > MAX_DROPPED)
}

/// Ends a connection, whatever is under way on it.
pub fn disconnect(peer: SocketAddr) {
    if let Some(connection) = find(peer) {
        let _ = connection.shutdown(Shutdown::Both);
    }
}

/// Writes status line, headers and body.
fn send(response: Response, is_head: bool, out: &mut dyn Write) -> Result<()> {
    let reason = response.reason();
    let Response { status, headers, body } = response;
    let mut head = format!("HTTP/1.1 {status} {reason}\r\nServer: fhirlite\r\n");
    head.push_str(&format!("Date: {}\r\n", http_date(Clock::system().now())));
    let for_pages = cross_origin::headers().map(|(name, value)| (name, value.to_owned()));
    for (name, value) in headers.into_iter().chain(for_pages) {
        // Values are ours, made of checked parts; one that is not is left out.
        if !value.contains(['\r', '\n']) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str("Connection: close\r\n");
    let no_body = is_head || status == 304 || status == 204;
    match &body {
        Body::Bytes(bytes) if status != 304 && status != 204 => {
            head.push_str(&format!("Content-Length: {}\r\n", bytes.len()));
        }
        Body::Bytes(_) => {}
        Body::Exactly(length, _) => head.push_str(&format!("Content-Length: {length}\r\n")),
        Body::Unknown(_) => head.push_str("Transfer-Encoding: chunked\r\n"),
    }
    head.push_str("\r\n");
    let broken = |error| Error::io("the connection", error);
    match body {
        _ if no_body => out.write_all(head.as_bytes()).map_err(broken)?,
        Body::Bytes(bytes) => {
            let mut whole = head.into_bytes();
            whole.extend_from_slice(&bytes);
            out.write_all(&whole).map_err(broken)?;
        }
        Body::Exactly(_, write) => {
            out.write_all(head.as_bytes()).map_err(broken)?;
            write(out)?;
        }
        Body::Unknown(write) => {
            out.write_all(head.as_bytes()).map_err(broken)?;
            let mut chunks = Chunks { out, buffer: Vec::with_capacity(CHUNK) };
            write(&mut chunks)?;
            // Only what is whole gets its last chunk.
            chunks.end().map_err(broken)?;
        }
    }
    out.flush().map_err(broken)
}

/// <https://www.rfc-editor.org/rfc/rfc9112#section-7.1>
struct Chunks<'a> {
    out: &'a mut dyn Write,
    buffer: Vec<u8>,
}

impl Chunks<'_> {
    fn send(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.out.write_all(format!("{:x}\r\n", self.buffer.len()).as_bytes())?;
            self.buffer.extend_from_slice(b"\r\n");
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        self.send()?;
        self.out.write_all(b"0\r\n\r\n")
    }
}

impl Write for Chunks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()?;
        self.out.flush()
    }
}

/// A copy of our socket to `peer`. `tiny_http` keeps its sockets to itself, so the process's are
/// looked through for it.
fn find(peer: SocketAddr) -> Option<Socket> {
    sockets().find(|socket| peer_of(socket) == Some(peer))
}

/// The clients connected to our port.
pub fn peers_at(port: u16) -> Vec<SocketAddr> {
    let is_ours = |socket: &Socket| {
        let local = socket.local_addr().ok().and_then(|address| address.as_socket());
        local.is_some_and(|address| address.port() == port)
    };
    sockets().filter(is_ours).filter_map(|socket| peer_of(&socket)).collect()
}

fn peer_of(socket: &Socket) -> Option<SocketAddr> {
    socket.peer_addr().ok()?.as_socket()
}

/// Copies of this process's sockets, one after the other.
#[cfg(unix)]
fn sockets() -> impl Iterator<Item = Socket> {
    use std::os::fd::BorrowedFd;
    let open = std::fs::read_dir("/dev/fd").into_iter().flatten().flatten();
    open.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|number| *number > 2)
        .filter_map(|number| {
            // SAFETY: it is borrowed for calls that fail harmlessly if it was closed since; the
            // copy is our own, and stays what it is.
            let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
            socket2::SockRef::from(&descriptor).r#type().ok()?;
            let copy = Socket::from(descriptor.try_clone_to_owned().ok()?);
            if copy.r#type().is_err() {
                // It has become SQLite's file in the meantime; closing a copy of that would drop
                // this process's locks on it.
                std::mem::forget(copy);
                return None;
            }
            Some(copy)
        })
}

/// Elsewhere connections stay as tiny_http leaves them.
#[cfg(not(unix))]
fn sockets() -> impl Iterator<Item = Socket> {
    std::iter::empty()
}
