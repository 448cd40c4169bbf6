//! Writes responses: status line, header fields, and the body in its framing.
//!
//! <https://www.rfc-editor.org/rfc/rfc9112#section-4>, `#section-6` and `#section-7`. The head goes out
//! with the first bytes of the body, so a body that cannot be begun can still become another answer.

use std::io::{self, IoSlice, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::outbound::Outbound;
use crate::error::{Error, Kind, Result};
use crate::http::header::http_date;
use crate::http::message::{Body, Response};
use crate::http::request_id::{REQUEST_ID, new_request_id};
use crate::http::shaped::{BodyEnd, BodyOut, ShapedBody};
use crate::time::Clock;

/// The size of chunks in bytes.
const CHUNK: usize = 256 << 10;
/// The end of a body in chunks.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What a response must know of its request and its connection.
pub struct Exchange {
    /// Names the request in the response.
    pub id: String,
    /// True for HEAD, whose answer has no body.
    pub is_head: bool,
    /// True for HTTP/1.1.
    pub is_1_1: bool,
    /// True if the connection goes on behind this response.
    pub is_kept: bool,
}

impl Exchange {
    /// An exchange whose request could not be read: the connection ends behind its response.
    pub fn unread() -> Exchange {
        Exchange { id: new_request_id(), is_head: false, is_1_1: true, is_kept: false }
    }
}

/// How far a response got.
pub enum Sent {
    /// All of it is sent. True if the connection can go on.
    Whole { is_kept: bool },
    /// Nothing is sent, because the body could not be begun.
    Nothing(Error),
    /// The body broke off in the middle, so the connection must end.
    Part(Error),
    /// The body ended otherwise than its framing says, as its writer wanted.
    Shaped(BodyEnd),
    /// The client has gone, or has taken nothing for too long.
    Gone,
}

/// Writes a response.
pub fn send(response: Response, exchange: &Exchange, out: &mut Outbound<'_>) -> Sent {
    let is_bodiless = exchange.is_head || matches!(response.status, 204 | 304);
    let framing = BodyFraming::of(&response, exchange);
    let is_kept = exchange.is_kept && framing != BodyFraming::UntilEnd;
    let head = head(&response, framing, exchange, is_kept).into_bytes();
    let mut writer = ResponseWriter { out, head, framing, buffer: Vec::new() };
    let written = match response.body {
        _ if is_bodiless => writer.send([b""; 4]).map(|()| BodyEnd::Whole).map_err(gone),
        Body::Bytes(bytes) => {
            writer.send([&bytes, b"", b"", b""]).map(|()| BodyEnd::Whole).map_err(gone)
        }
        Body::Exactly(_, write) | Body::Unknown(write) => {
            let written = run(|| write(&mut writer));
            written.and_then(|()| writer.end()).map(|()| BodyEnd::Whole)
        }
        Body::Shaped(shaped) => {
            let written = run(|| (shaped.write)(&mut writer));
            written.and_then(|end| writer.end_shaped(end))
        }
    };
    match written {
        Ok(BodyEnd::Whole) => Sent::Whole { is_kept },
        Ok(end) => Sent::Shaped(end),
        Err(_) if writer.out.has_failed => Sent::Gone,
        Err(error) if writer.has_begun() => Sent::Part(error),
        Err(error) => Sent::Nothing(error),
    }
}

/// Lets a handler write its body. A panic ends this response alone.
fn run<T>(write: impl FnOnce() -> Result<T>) -> Result<T> {
    let written = catch_unwind(AssertUnwindSafe(write));
    written.unwrap_or_else(|_| Err(Error::new(Kind::Internal, "a body's writer panicked")))
}

/// A response whose body is in memory, as bytes.
pub fn in_memory(response: Response, exchange: &Exchange) -> Vec<u8> {
    let framing = BodyFraming::of(&response, exchange);
    let mut bytes = head(&response, framing, exchange, exchange.is_kept).into_bytes();
    if let Body::Bytes(body) = response.body {
        bytes.extend(body);
    }
    bytes
}

/// The interim answer to `Expect: 100-continue`: <https://www.rfc-editor.org/rfc/rfc9110#section-15.2.1>.
pub fn send_continue(out: &mut Outbound<'_>) -> io::Result<()> {
    out.write_all(&mut [IoSlice::new(b"HTTP/1.1 100 Continue\r\n\r\n")])
}

/// How a client finds the end of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BodyFraming {
    /// So many bytes are still to come.
    Length(u64),
    /// The head says so many bytes, and so many have come.
    Declared { length: u64, come: u64 },
    /// The last chunk.
    Chunked,
    /// The end of the connection, for clients that know no chunks.
    UntilEnd,
    /// There is no body.
    Nothing,
}

impl BodyFraming {
    fn of(response: &Response, exchange: &Exchange) -> BodyFraming {
        match &response.body {
            // https://www.rfc-editor.org/rfc/rfc9110#section-8.6
            _ if matches!(response.status, 204 | 304) => BodyFraming::Nothing,
            Body::Bytes(bytes) => BodyFraming::Length(bytes.len() as u64),
            Body::Exactly(length, _) => BodyFraming::Length(*length),
            Body::Shaped(ShapedBody { length: Some(length), .. }) => {
                BodyFraming::Declared { length: *length, come: 0 }
            }
            Body::Unknown(_) | Body::Shaped(_) if exchange.is_1_1 => BodyFraming::Chunked,
            Body::Unknown(_) | Body::Shaped(_) => BodyFraming::UntilEnd,
        }
    }
}

/// The status line and the header fields.
fn head(response: &Response, framing: BodyFraming, exchange: &Exchange, is_kept: bool) -> String {
    let mut head =
        format!("HTTP/1.1 {} {}\r\nServer: fhirlite\r\n", response.status, response.reason());
    head.push_str(&format!("Date: {}\r\n", http_date(Clock::system().now())));
    let own = response.headers.iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in own {
        // Handlers check the parts of their values. A value with a line break is left out.
        if !value.contains(['\r', '\n', '\0']) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str(&format!("{REQUEST_ID}: {}\r\n", exchange.id));
    if !is_kept {
        head.push_str("Connection: close\r\n");
    } else if !exchange.is_1_1 {
        head.push_str("Connection: keep-alive\r\n");
    }
    match framing {
        BodyFraming::Length(length) | BodyFraming::Declared { length, .. } => {
            head.push_str(&format!("Content-Length: {length}\r\n"));
        }
        BodyFraming::Chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
        BodyFraming::UntilEnd | BodyFraming::Nothing => {}
    }
    head.push_str("\r\n");
    head
}

/// Writes the body of one response, and the head in front of it.
struct ResponseWriter<'o, 'c> {
    out: &'o mut Outbound<'c>,
    /// The head; empty once it is sent.
    head: Vec<u8>,
    framing: BodyFraming,
    /// Bytes that wait for the rest of their chunk.
    buffer: Vec<u8>,
}

impl ResponseWriter<'_, '_> {
    fn has_begun(&self) -> bool {
        self.head.is_empty()
    }

    /// Writes these bytes, behind the head if that is not sent yet.
    fn send(&mut self, slices: [&[u8]; 4]) -> io::Result<()> {
        let head = std::mem::take(&mut self.head);
        self.out.around_body += head.len() as u64;
        let [one, two, three, four] = slices.map(IoSlice::new);
        self.out.write_all(&mut [IoSlice::new(&head), one, two, three, four])
    }

    /// Writes `bytes`; how many of them, if the client leaves before the last one. Then the next write fails.
    fn send_part(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let before = self.out.sent + self.head.len() as u64;
        match self.send([bytes, b"", b"", b""]) {
            Ok(()) => Ok(bytes.len()),
            Err(_) if self.out.sent > before => Ok((self.out.sent - before) as usize),
            Err(error) => Err(error),
        }
    }

    /// Writes the buffer and `bytes` as one chunk: <https://www.rfc-editor.org/rfc/rfc9112#section-7.1>.
    fn send_chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let length = buffer.len() + bytes.len();
        if length > 0 {
            let size = format!("{length:x}\r\n");
            self.out.around_body += size.len() as u64 + 2;
            self.send([size.as_bytes(), &buffer, bytes, b"\r\n"])?;
        }
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    /// Ends a body that its writer takes for whole.
    fn end(&mut self) -> Result<()> {
        match self.framing {
            BodyFraming::Length(0)
            | BodyFraming::Declared { .. }
            | BodyFraming::Nothing
            | BodyFraming::UntilEnd => {}
            BodyFraming::Length(left) => {
                let what = format!("the body of a response has {left} bytes less than it should");
                return Err(Error::new(Kind::Internal, what));
            }
            BodyFraming::Chunked => {
                self.send_chunk(b"").map_err(gone)?;
                self.out.around_body += LAST_CHUNK.len() as u64;
                return self.send([LAST_CHUNK, b"", b"", b""]).map_err(gone);
            }
        }
        self.begin().map_err(gone)
    }

    /// Ends a body as its writer wants it. Behind a wrong length nobody knows where the next answer begins, so the
    /// connection ends there.
    fn end_shaped(&mut self, end: BodyEnd) -> Result<BodyEnd> {
        match (end, self.framing) {
            (BodyEnd::Whole, BodyFraming::Declared { length, come }) if length != come => {
                self.begin().map(|()| BodyEnd::Close).map_err(gone)
            }
            (BodyEnd::Whole, _) => self.end().map(|()| end),
            _ => self.flush().and_then(|()| self.begin()).map(|()| end).map_err(gone),
        }
    }

    /// Sends the head, if that is not sent yet.
    fn begin(&mut self) -> io::Result<()> {
        if self.has_begun() { Ok(()) } else { self.send([b""; 4]) }
    }
}

impl Write for ResponseWriter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.framing {
            BodyFraming::Length(left) => {
                let count = bytes.len() as u64;
                *left = left.checked_sub(count).ok_or_else(|| {
                    io::Error::other("the body of a response has more bytes than it should")
                })?;
                if !bytes.is_empty() {
                    return self.send_part(bytes);
                }
            }
            BodyFraming::Declared { come, .. } => {
                *come += bytes.len() as u64;
                self.send([bytes, b"", b"", b""])?;
            }
            BodyFraming::Chunked if self.buffer.len() + bytes.len() < CHUNK => {
                self.buffer.extend_from_slice(bytes);
            }
            BodyFraming::Chunked => self.send_chunk(bytes)?,
            BodyFraming::UntilEnd => self.send([bytes, b"", b"", b""])?,
            BodyFraming::Nothing => {}
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.framing == BodyFraming::Chunked { self.send_chunk(b"") } else { Ok(()) }
    }
}

impl BodyOut for ResponseWriter<'_, '_> {
    fn pause(&mut self, time: Duration) -> io::Result<()> {
        self.flush()?;
        self.begin()?;
        self.out.pause(time)
    }
}

fn gone(error: io::Error) -> Error {
    Error::io("the connection", error)
}
