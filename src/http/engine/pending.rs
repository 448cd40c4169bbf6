//! Requests as `tiny_http` gives them, each to be read and answered once.

use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::body::read_body;
use super::response_writer::write_response;
use super::sockets::{disconnect, find};
use crate::error::{Error, Kind, Result};
use crate::http::message::{Request, Response};

/// Dropping a request allocates the unread rest of its declared `Content-Length`. Up to this number of
/// bytes that does no harm, since the memory is never touched.
const MAX_DROPPED: usize = 64 << 20;

/// `tiny_http` on our listener, with the thread on which it accepts.
pub struct TinyHttp {
    server: tiny_http::Server,
    /// True if the listener has several addresses, so that requests differ in theirs.
    is_anywhere: bool,
}

/// What [`TinyHttp::next`] returns.
pub enum Incoming {
    /// A request.
    Request(PendingRequest),
    /// An error has ended accepting. Requests on open connections may still come.
    Ended,
    /// [`TinyHttp::unblock`] was called.
    Unblocked,
}

impl TinyHttp {
    /// Accepts on a copy of `listener`.
    ///
    /// # Errors
    /// Where the system has no thread or no descriptor for that.
    pub fn new(listener: &TcpListener) -> Result<TinyHttp> {
        let is_anywhere = listener.local_addr().is_ok_and(|address| address.ip().is_unspecified());
        let listener =
            listener.try_clone().map_err(|error| Error::io("the listening socket", error))?;
        // Without threads, `tiny_http` panics.
        let server =
            catch_unwind(AssertUnwindSafe(|| tiny_http::Server::from_listener(listener, None)));
        match server {
            Ok(Ok(server)) => Ok(TinyHttp { server, is_anywhere }),
            Ok(Err(error)) => Err(Error::new(Kind::Listen, format!("cannot listen: {error}"))),
            Err(_) => Err(Error::new(Kind::Io, "no thread to accept connections")),
        }
    }

    /// Waits for the next request.
    pub fn next(&self) -> Incoming {
        match self.server.recv() {
            Ok(request) => Incoming::Request(PendingRequest {
                request: Some(request),
                is_anywhere: self.is_anywhere,
            }),
            // `tiny_http` makes this error up when it is unblocked. All others are errors of accept.
            Err(error) if error.to_string() == "thread unblocked" => Incoming::Unblocked,
            Err(_) => Incoming::Ended,
        }
    }

    /// Makes one waiting [`TinyHttp::next`] return.
    pub fn unblock(&self) {
        self.server.unblock();
    }
}

/// A request that waits for its answer. Dropped, it ends its connection.
pub struct PendingRequest {
    /// `None` once it is answered.
    request: Option<tiny_http::Request>,
    is_anywhere: bool,
}

impl PendingRequest {
    /// The client's address and port.
    pub fn client(&self) -> Option<SocketAddr> {
        self.request.as_ref()?.remote_addr().copied()
    }

    /// Reads the request, with as much of its body as `body_limit` allows.
    ///
    /// # Errors
    /// Those of `body_limit` and of [`read_body`]; `Invalid` for faults in the framing.
    pub fn read(&mut self, body_limit: impl Fn(&Request) -> Result<usize>) -> Result<Request> {
        let Some(pending) = &mut self.request else {
            return Err(Error::new(Kind::Internal, "the request is answered already"));
        };
        let headers: Vec<(String, String)> = pending
            .headers()
            .iter()
            .map(|header| {
                let name = header.field.as_str().as_str().to_ascii_lowercase();
                (name, header.value.as_str().to_owned())
            })
            .collect();
        check_length(&headers)?;
        if is_too_long(pending) {
            return Err(Error::new(Kind::TooMuch, "nothing here takes so long a request body"));
        }
        let version = pending.http_version();
        let takes_chunks = (version.0, version.1) >= (1, 1);
        let client = pending.remote_addr().copied();
        let address = client.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |client| client.ip());
        let mut request =
            Request::new(pending.method().as_str(), pending.url(), headers, takes_chunks, address)?;
        if self.is_anywhere {
            let connection = client.and_then(find);
            request.local = connection.and_then(|socket| socket.local_addr().ok()?.as_socket());
        }
        match body_limit(&request)? {
            0 => {}
            limit => request.body = read_body(pending, limit)?,
        }
        Ok(request)
    }

    /// True if the declared body is so long that the request's memory is never freed.
    pub fn leaks(&self) -> bool {
        self.request.as_ref().is_some_and(is_too_long)
    }

    /// Sends the response, the only one on its connection.
    ///
    /// `tiny_http` keeps a thread for each open connection, and connections that come in a burst queue
    /// up behind such threads: with a dozen clients at once, some wait until others leave. So nothing
    /// more is received after a request, which frees the thread, and the connection ends with the
    /// response. An unread body is never taken for the next request, and a client notices a
    /// truncated response.
    pub fn answer(mut self, response: Response) -> Result<()> {
        let Some(pending) = self.request.take() else { return Ok(()) };
        let is_head = *pending.method() == tiny_http::Method::Head;
        let connection = pending.remote_addr().and_then(|client| find(*client));
        if let Some(connection) = &connection {
            let _ = connection.shutdown(Shutdown::Read);
        }
        // Ends the connection before the writer is dropped. Otherwise `tiny_http` would answer the
        // requests behind this one.
        let end = || connection.as_ref().map(|connection| connection.shutdown(Shutdown::Both));
        if !is_too_long(&pending) {
            let mut out = pending.into_writer();
            let sent = write_response(response, is_head, &mut out);
            let _ = end();
            return sent;
        }
        let mut bytes = Vec::new();
        let sent = write_response(response, is_head, &mut bytes);
        let _ = connection.as_ref().map(|connection| connection.send(&bytes));
        let _ = end();
        // Only so the body is not allocated. A thread and two descriptors are lost.
        std::mem::forget(pending);
        sent
    }
}

/// `tiny_http` answers a request that is dropped, after the rest of the body and the answers before it.
/// Neither takes long once the connection is ended.
impl Drop for PendingRequest {
    fn drop(&mut self) {
        let Some(pending) = self.request.take() else { return };
        if let Some(client) = pending.remote_addr() {
            disconnect(*client);
        }
        if is_too_long(&pending) {
            std::mem::forget(pending);
        }
    }
}

/// Checks `Content-Length`: `tiny_http` takes a text that is no length for the absence of a body.
fn check_length(headers: &[(String, String)]) -> Result<()> {
    let mut lengths = headers
        .iter()
        .filter(|(name, _)| name == "content-length")
        .map(|(_, length)| length.trim());
    let Some(first) = lengths.next() else { return Ok(()) };
    // Rust and `tiny_http` would also read a sign.
    let is_length = first.bytes().all(|b| b.is_ascii_digit()) && first.parse::<u64>().is_ok();
    if !is_length || lengths.any(|length| length != first) {
        return Err(Error::new(Kind::Invalid, "Content-Length is not a length"));
    }
    Ok(())
}

/// True if dropping the request would allocate too much.
fn is_too_long(request: &tiny_http::Request) -> bool {
    request.body_length().is_some_and(|length| length > MAX_DROPPED)
}
