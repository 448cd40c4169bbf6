//! A connection from its first byte to its last: one request after the other, each answered in its turn.
//!
//! <https://www.rfc-editor.org/rfc/rfc9112#section-9>

use std::io::ErrorKind;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::body::{BodyMemory, ReceivedBody, check_length, read_body};
use super::connections::{Connections, Presence, Waiting};
use super::downloads::Downloads;
use super::framing::Framing;
use super::handler::RequestHandler;
use super::head::{Head, read_head};
use super::inbound::{Filled, Inbound, LITTLE};
use super::limits::Limits;
use super::outbound::Outbound;
use super::places::{PlaceAtWork, Places};
use super::refusal::{Halt, Refusal};
use super::response::{Exchange, Sent, send, send_continue};
use super::seldom::Seldom;
use super::stream::{Opened, Stream};
use crate::error::{Error, Kind};
use crate::http::answered::AnsweredRequest;
use crate::http::message::{Body, ClientWatch, Request, Response};
use crate::http::peer::Connected;
use crate::http::proxies::TrustedProxies;
use crate::http::request_id::request_id;
use crate::http::shaped::BodyEnd;
use crate::sync::StopSignal;
use crate::time::Clock;

/// How long a request waits for a place at work.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long unread bytes are taken from a client before its connection is closed.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// From when on a request whose client has closed its side is not worked for any more.
const LEAVE_TIME: Duration = Duration::from_secs(2);

/// How long a connection may stay open after its first answer: a client that does not ask again may be waiting for the
/// end. No whole number of seconds, at which clients ask for the status of a job.
const ONE_ANSWER_TIME: Duration = Duration::from_millis(3500);

/// What all connections of an engine share, beside the handler.
pub struct Shared {
    pub limits: Limits,
    /// Those who are believed what they say of their clients.
    pub proxies: TrustedProxies,
    pub connections: Connections,
    pub places: Arc<Places>,
    pub downloads: Downloads,
    pub body_memory: BodyMemory,
    /// Given once no more requests are begun.
    pub stop: StopSignal,
    /// The last time that the log was told of a client without a right handshake.
    pub handshakes: Seldom,
}

impl Shared {
    /// What connections under these limits share; there is none yet.
    pub fn new(limits: Limits, proxies: TrustedProxies) -> Shared {
        Shared {
            connections: Connections::new(),
            places: Places::new(limits.requests),
            downloads: Downloads::default(),
            body_memory: BodyMemory::default(),
            stop: StopSignal::default(),
            handshakes: Seldom::default(),
            limits,
            proxies,
        }
    }
}

/// One connection.
pub struct ClientConnection<'s> {
    shared: &'s Shared,
    handler: Arc<dyn RequestHandler>,
    presence: Arc<Presence>,
    inbound: Inbound,
    client: Connected,
    /// The address of the client that made the last request, by which clients take turns.
    address: IpAddr,
    /// The headers for web pages in the answer to the present request.
    page_headers: Vec<(&'static str, String)>,
    /// How many requests have got their answer.
    answered: u64,
}

/// A request with its body.
struct Received<'s> {
    request: Request,
    /// Holds the body's place in memory until the answer is made.
    _room: Option<ReceivedBody<'s>>,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// With another request.
    Request,
    /// It ends behind a whole response.
    End,
    /// It stays open, and nothing more is sent.
    Stall,
    /// It is cut.
    Cut,
}

impl<'s> ClientConnection<'s> {
    /// A connection on `stream`.
    pub fn new(
        shared: &'s Shared,
        handler: Arc<dyn RequestHandler>,
        presence: Arc<Presence>,
        stream: Box<dyn Stream>,
        client: Connected,
    ) -> ClientConnection<'s> {
        let inbound = Inbound::new(stream, presence.clone());
        let address = client.peer.address();
        let page_headers = Vec::new();
        ClientConnection {
            shared,
            handler,
            presence,
            inbound,
            client,
            address,
            page_headers,
            answered: 0,
        }
    }

    /// Answers requests until the connection ends.
    pub fn serve(mut self) {
        let mut next = self.open();
        while next == Next::Request {
            next = if self.has_request() { self.answer_next() } else { Next::Cut };
            self.answered += 1;
        }
        // What the client still sends is of no use: such a connection counts as idle.
        if next == Next::End && self.presence.wait_for(Waiting::Request) {
            self.inbound.drain(DRAIN_TIME);
        }
        // As an idle connection it ends with the server.
        if next == Next::Stall
            && self.presence.wait_for(Waiting::Request)
            && !self.shared.stop.is_given()
        {
            self.inbound.await_end();
        }
    }

    /// Does what comes before the first request, such as a handshake. So long the connection counts as idle.
    fn open(&mut self) -> Next {
        match self.inbound.stream.open(self.shared.limits.head_time) {
            Ok(Opened::Ready) => Next::Request,
            Ok(Opened::WithoutTls) => {
                let what = "here HTTP is spoken over TLS; use a URL that begins with https://";
                self.refuse(Refusal::bad(what));
                Next::End
            }
            Err(error) => {
                if error.kind() == ErrorKind::InvalidData && self.shared.handshakes.is_due() {
                    let what = format!("a client without a right TLS handshake: {error}");
                    self.handler.log(&Error::caused(Kind::Invalid, what, error));
                }
                Next::Cut
            }
        }
    }

    /// Answers what is no request, and tells the handler.
    fn refuse(&mut self, refusal: Refusal) {
        let exchange = Exchange::unread();
        let mut answered = AnsweredRequest::begun(Clock::system().now(), self.address);
        answered.is_refused = true;
        answered.request_id.clone_from(&exchange.id);
        self.send(refusal.response(), &exchange, None, &mut answered);
        self.handler.answered(&answered);
    }

    /// Waits for the first byte of a request.
    fn has_request(&mut self) -> bool {
        if self.inbound.waiting().is_empty() {
            // First the state, then the signal: whoever gives the signal looks at the states behind it.
            let may_wait = self.presence.wait_for(Waiting::Request);
            if !may_wait || self.shared.stop.is_given() {
                return false;
            }
            let idle_time = self.shared.limits.idle_time;
            let time = if self.answered == 1 { idle_time.min(ONE_ANSWER_TIME) } else { idle_time };
            let deadline = Instant::now() + time;
            if self.inbound.fill(LITTLE, deadline) != Filled::More {
                return false;
            }
        }
        self.presence.wait_for(Waiting::Rest)
    }

    /// Reads a request and answers it.
    fn answer_next(&mut self) -> Next {
        let begins = Instant::now();
        let mut answered = AnsweredRequest::begun(Clock::system().now(), self.address);
        let next = self.exchange(&mut answered);
        // A connection that ends without a message is none of a request.
        if answered.status != 0 || !answered.method.is_empty() {
            answered.time = begins.elapsed();
            self.handler.answered(&answered);
        }
        next
    }

    fn exchange(&mut self, answered: &mut AnsweredRequest) -> Next {
        let mut exchange = Exchange::unread();
        self.address = self.client.peer.address();
        answered.client = self.address;
        self.page_headers = self.handler.page_headers(None);
        let received = self.receive(&mut exchange, answered);
        answered.request_id.clone_from(&exchange.id);
        let halt = match received {
            Ok(received) => match self.answer(received, &mut exchange, answered) {
                Ok(next) => return next,
                Err(halt) => halt,
            },
            Err(halt) => halt,
        };
        answered.is_refused = matches!(halt, Halt::Refused(_));
        let Some(response) = halt.answer() else { return Next::Cut };
        exchange.is_kept = false;
        match self.send(response, &exchange, None, answered) {
            Sent::Whole { .. } => Next::End,
            _ => Next::Cut,
        }
    }

    /// Reads a request, with its body as far as that is wanted.
    fn receive(
        &mut self,
        exchange: &mut Exchange,
        answered: &mut AnsweredRequest,
    ) -> Result<Received<'s>, Halt> {
        let shared = self.shared;
        let limits = &shared.limits;
        let head = read_head(&mut self.inbound, limits, Instant::now() + limits.head_time)?;
        let Head { method, target, headers, is_1_1, is_kept, expects_continue, framing } = head;
        let id = request_id(&headers);
        *exchange = Exchange { id, is_head: method == "HEAD", is_1_1, is_kept };
        let sender = shared.proxies.sender(self.client.peer, &headers);
        self.address = sender.address;
        let mut request = Request::new(&method, &target, headers, is_1_1, self.address)
            .map_err(|error| Refusal::bad(error.to_string()))?;
        (request.local, request.scheme) = (self.client.local, self.client.scheme);
        (request.proxy_scheme, request.proxy_host) = (sender.scheme, sender.host);
        request.id.clone_from(&exchange.id);
        answered.client = self.address;
        answered.method.clone_from(&request.method);
        answered.target.clone_from(&request.target);
        answered.noted = request.noted.clone();
        self.page_headers = self.handler.page_headers(Some(&request));
        let (presence, began) = (self.presence.clone(), Instant::now());
        // An answer that is made within a moment also reaches a client that has closed its side.
        request.watch =
            ClientWatch::new(move || began.elapsed() >= LEAVE_TIME && presence.has_left());
        let has_none = matches!(framing, Framing::Nothing | Framing::Length(0));
        // Old clients may announce content and end it with the connection, which a request cannot do.
        let is_announced = !is_1_1 && request.header("content-type").is_some();
        if has_none && !is_announced {
            return Ok(Received { request, _room: None });
        }
        let limit = self.body_limit(&request)?;
        if limit == 0 {
            // https://www.rfc-editor.org/rfc/rfc9112#section-9.3: behind an unread body nothing is read.
            exchange.is_kept &= has_none;
            return Ok(Received { request, _room: None });
        }
        check_length(framing, is_1_1, limit)?;
        if expects_continue && self.inbound.waiting().is_empty() {
            send_continue(&mut self.outbound(None)).map_err(|_| Halt::Gone)?;
        }
        self.wait_for(Waiting::Rest)?;
        let mut body = read_body(&mut self.inbound, framing, limit, limits, &shared.body_memory)?;
        request.body = std::mem::take(&mut body.bytes);
        Ok(Received { request, _room: Some(body) })
    }

    /// How many bytes of the body are wanted. The handler may have to look into the store for that.
    fn body_limit(&self, request: &Request) -> Result<usize, Halt> {
        let handler = &self.handler;
        let _place = if handler.is_light(request) { None } else { Some(self.place()?) };
        let limit = catch_unwind(AssertUnwindSafe(|| handler.body_limit(request)));
        let limit = limit.unwrap_or_else(|_| Err(panicked()));
        limit.map_err(|error| Halt::Answered(Box::new(handler.refuse(&error, request))))
    }

    /// Waits for a place at work.
    fn place(&self) -> Result<PlaceAtWork, Halt> {
        self.wait_for(Waiting::Server)?;
        let place = self.shared.places.take(self.address, PATIENCE);
        place.ok_or_else(|| Refusal::new(503, "too many requests at once; try again").into())
    }

    fn wait_for(&self, waiting: Waiting) -> Result<(), Halt> {
        if self.presence.wait_for(waiting) { Ok(()) } else { Err(Halt::Gone) }
    }

    /// Answers a request.
    ///
    /// # Errors
    /// Where there is no place at work for it.
    fn answer(
        &mut self,
        received: Received<'s>,
        exchange: &mut Exchange,
        answered: &mut AnsweredRequest,
    ) -> Result<Next, Halt> {
        let is_light = self.handler.is_light(&received.request);
        let place = if is_light { None } else { Some(self.place()?) };
        // Those that left while they waited are not worked for.
        if self.inbound.stream.is_reset() {
            return Err(Halt::Gone);
        }
        let shared = self.shared;
        let handler = self.handler.clone();
        let request = &received.request;
        let mut response = catch_unwind(AssertUnwindSafe(|| handler.answer(request)))
            .unwrap_or_else(|_| handler.refuse(&panicked(), request));
        let mut download = None;
        if !exchange.is_head && !matches!(response.body, Body::Bytes(_)) {
            let most = shared.limits.downloads_per_client;
            download = shared.downloads.begin(self.address, most);
            if download.is_none() {
                let what = "too many downloads at once; end one, or try again later";
                response = handler.refuse(&Error::new(Kind::Busy, what), request);
            }
        }
        // The request is not kept while its answer is read, which may take long.
        drop(received);
        exchange.is_kept &= !shared.stop.is_given();
        let mut sent = self.send(response, exchange, place, answered);
        drop(download);
        if let Sent::Nothing(error) = sent {
            let error = error.of_request(&exchange.id);
            // A view that meets a fault in a resource is no fault of the server.
            if error.kind().status() >= 500 {
                handler.log(&error);
            }
            let response = Response::error(&error, &exchange.id);
            sent = self.send(response, exchange, None, answered);
        }
        Ok(match sent {
            Sent::Whole { is_kept: true } => Next::Request,
            Sent::Whole { is_kept: false } => Next::End,
            Sent::Shaped(BodyEnd::Stall) => Next::Stall,
            Sent::Shaped(BodyEnd::Whole | BodyEnd::Close) => Next::End,
            Sent::Gone | Sent::Shaped(BodyEnd::Reset) => {
                self.inbound.stream.end_by_reset();
                Next::Cut
            }
            Sent::Nothing(error) | Sent::Part(error) => {
                handler.log(&error.of_request(&exchange.id));
                if !exchange.is_1_1 {
                    self.inbound.stream.end_by_reset();
                }
                Next::Cut
            }
        })
    }

    fn send(
        &mut self,
        response: Response,
        exchange: &Exchange,
        place: Option<PlaceAtWork>,
        answered: &mut AnsweredRequest,
    ) -> Sent {
        answered.status = response.status;
        let response = response.with_all(&self.page_headers);
        if !self.presence.wait_for(Waiting::Server) {
            return Sent::Gone;
        }
        let mut out = self.outbound(place);
        let sent = send(response, exchange, &mut out);
        answered.bytes = out.body_bytes();
        answered.is_whole = matches!(sent, Sent::Whole { .. });
        sent
    }

    fn outbound(&mut self, place: Option<PlaceAtWork>) -> Outbound<'_> {
        let Shared { limits, stop, .. } = self.shared;
        Outbound::new(&mut *self.inbound.stream, &self.presence, place, limits.send_time, stop)
    }
}

fn panicked() -> Error {
    Error::new(Kind::Internal, "a handler panicked")
}
