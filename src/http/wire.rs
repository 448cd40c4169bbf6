//! The only file that knows `tiny_http`: sockets with limits, requests read, responses written.
//!
//! `tiny_http` 0.12 brings neither time-outs nor limits, and its own responses cannot be told
//! apart from truncated ones, so the framing is written here, byte by byte.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::message::{Body, Request, Response};
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};

/// A client that takes nothing for so long is given up.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// A dead peer is noticed after about this long.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Request bodies are read and thrown away up to here.
const MAX_BODY: u64 = 1 << 20;
/// Pieces of a body whose length is not known.
const CHUNK: usize = 256 << 10;

/// Binds `address`, which may be a name and may have port 0.
pub fn bind(address: &str) -> Result<TcpListener> {
    let refused = |error: io::Error| {
        let error = Error::io(format!("cannot listen on {address}"), error);
        Error::caused(Kind::Listen, error.to_string(), error)
    };
    let resolved: Vec<SocketAddr> = address.to_socket_addrs().map_err(refused)?.collect();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in resolved {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(refused(last))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // On Windows this would let two servers share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit these on Linux. No receive time-out: accept would time out with it.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEPALIVE)
            .with_interval(KEEPALIVE / 6),
    )?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(SEND_TIMEOUT))?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

/// One generation of `tiny_http`'s accepting thread on our listener.
pub struct Acceptor(tiny_http::Server);

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
        let listener = listener
            .try_clone()
            .map_err(|error| Error::io("the listening socket", error))?;
        match tiny_http::Server::from_listener(listener, None) {
            Ok(server) => Ok(Acceptor(server)),
            Err(error) => Err(Error::new(Kind::Listen, format!("cannot listen: {error}"))),
        }
    }

    /// Waits for the next request.
    pub fn accept(&self) -> Accepted {
        match self.0.recv() {
            Ok(request) => Accepted::Call(Call(request)),
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

/// A request on the wire, not answered yet.
pub struct Call(tiny_http::Request);

impl Call {
    /// The request as a value. Its body is read and thrown away, since an unread one would be
    /// taken for the next request; `None` if it is too long, and then the connection is given up.
    pub fn read(mut self) -> Option<(Request, Call)> {
        // Dropping a request allocates its declared Content-Length: 10^17 would end the process.
        if self
            .0
            .body_length()
            .is_some_and(|length| length as u64 > MAX_BODY)
        {
            self.give_up();
            return None;
        }
        let mut body = self.0.as_reader().take(MAX_BODY + 1);
        match io::copy(&mut body, &mut io::sink()) {
            Ok(read) if read <= MAX_BODY => {}
            _ => {
                self.give_up();
                return None;
            }
        }
        let headers = self
            .0
            .headers()
            .iter()
            .map(|header| {
                (
                    header.field.as_str().as_str().to_ascii_lowercase(),
                    header.value.as_str().to_owned(),
                )
            })
            .collect();
        let version = self.0.http_version();
        let takes_chunks = (version.0, version.1) >= (1, 1);
        let request = Request::new(
            self.0.method().as_str(),
            self.0.url(),
            headers,
            takes_chunks,
        );
        Some((request, self))
    }

    /// Answers that the body is too long, ends the connection, and leaks what tiny_http keeps of
    /// it: the one way not to have it read or allocated.
    fn give_up(self) {
        let error = Error::new(
            Kind::TooMuch,
            format!("a request body may have {MAX_BODY} bytes"),
        );
        let mut farewell = Vec::new();
        let response = Response::error(&error).with("Connection", "close");
        let _ = send(response, false, false, &mut farewell);
        if let Some(peer) = self.0.remote_addr() {
            hang_up(*peer, &farewell);
        }
        std::mem::forget(self.0);
    }

    /// Sends the response; after a failure in its middle the connection is ended, so that the
    /// client cannot take a part for the whole.
    pub fn answer(self, response: Response) -> Result<()> {
        let is_head = *self.0.method() == tiny_http::Method::Head;
        let persists = self.0.headers().iter().any(|header| {
            header.field.equiv("Connection")
                && header.value.as_str().eq_ignore_ascii_case("keep-alive")
        });
        let version = self.0.http_version();
        let is_old = (version.0, version.1) < (1, 1);
        let peer = self.0.remote_addr().copied();
        let mut out = self.0.into_writer();
        let sent = send(response, is_head, is_old && persists, &mut out);
        if let (Err(_), Some(peer)) = (&sent, peer) {
            hang_up(peer, b"");
        }
        sent
    }
}

/// Writes status line, headers and body.
fn send(
    response: Response,
    is_head: bool,
    say_keep_alive: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let Response {
        status,
        headers,
        body,
    } = response;
    let mut head = format!(
        "HTTP/1.1 {status} {}\r\nServer: fhirlite\r\n",
        reason(status)
    );
    let now =
        chrono::DateTime::from_timestamp_micros(Clock::system().now().micros()).unwrap_or_default();
    head.push_str(
        &now.format("Date: %a, %d %b %Y %H:%M:%S GMT\r\n")
            .to_string(),
    );
    for (name, value) in headers {
        // Values are ours, made of checked parts; one that is not is left out.
        if !value.contains(['\r', '\n']) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    if say_keep_alive {
        head.push_str("Connection: keep-alive\r\n");
    }
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
            let mut chunks = Chunks {
                out,
                buffer: Vec::with_capacity(CHUNK),
            };
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
            self.out
                .write_all(format!("{:x}\r\n", self.buffer.len()).as_bytes())?;
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

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// Ends the connection with `peer` after a last word. `tiny_http` keeps its sockets to itself, so
/// ours are looked through for it.
#[cfg(unix)]
fn hang_up(peer: SocketAddr, farewell: &[u8]) {
    use std::os::fd::BorrowedFd;

    let Ok(open) = std::fs::read_dir("/dev/fd") else {
        return;
    };
    let numbers = open
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for number in numbers.filter(|number| *number > 2) {
        // SAFETY: the descriptor is used only for calls that fail harmlessly if it was closed in
        // the meantime; the one that is acted on belongs to a connection that a live request of
        // ours holds, so it cannot have been closed and given to something else.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let socket = socket2::SockRef::from(&descriptor);
        let is_it = socket
            .peer_addr()
            .ok()
            .and_then(|address| address.as_socket())
            == Some(peer);
        if is_it {
            let _ = socket.send(farewell);
            let _ = socket.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

/// Elsewhere the client finds out by its own time-out.
#[cfg(not(unix))]
fn hang_up(_peer: SocketAddr, _farewell: &[u8]) {}
