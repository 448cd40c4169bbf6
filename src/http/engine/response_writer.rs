//! Writes responses: status line, headers, and the body in its framing.
//!
//! <https://www.rfc-editor.org/rfc/rfc9112>

use std::io::{self, Write};

use crate::error::{Error, Result};
use crate::http::cross_origin;
use crate::http::header::http_date;
use crate::http::message::{Body, Response};
use crate::time::Clock;

/// The size of chunks in bytes.
const CHUNK: usize = 256 << 10;

/// Writes a response, without its body if the request was HEAD.
pub fn write_response(response: Response, is_head: bool, out: &mut dyn Write) -> Result<()> {
    let is_bodiless = matches!(response.status, 204 | 304);
    let mut bytes = head(&response, is_bodiless).into_bytes();
    let broken = |error| Error::io("the connection", error);
    match response.body {
        _ if is_head || is_bodiless => out.write_all(&bytes).map_err(broken)?,
        Body::Bytes(body) => {
            bytes.extend_from_slice(&body);
            out.write_all(&bytes).map_err(broken)?;
        }
        Body::Exactly(_, write) => {
            out.write_all(&bytes).map_err(broken)?;
            write(out)?;
        }
        Body::Unknown(write) => {
            out.write_all(&bytes).map_err(broken)?;
            let mut chunks = ChunkedWriter { out, buffer: Vec::with_capacity(CHUNK) };
            write(&mut chunks)?;
            // Only a whole body gets the last chunk.
            chunks.end().map_err(broken)?;
        }
    }
    out.flush().map_err(broken)
}

/// The status line and the headers.
fn head(response: &Response, is_bodiless: bool) -> String {
    let mut head =
        format!("HTTP/1.1 {} {}\r\nServer: fhirlite\r\n", response.status, response.reason());
    head.push_str(&format!("Date: {}\r\n", http_date(Clock::system().now())));
    let own = response.headers.iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in own.chain(cross_origin::headers()) {
        // Handlers check the parts of their values. A value with a line break is left out.
        if !value.contains(['\r', '\n']) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str("Connection: close\r\n");
    match &response.body {
        Body::Bytes(_) if is_bodiless => {}
        Body::Bytes(bytes) => head.push_str(&format!("Content-Length: {}\r\n", bytes.len())),
        Body::Exactly(length, _) => head.push_str(&format!("Content-Length: {length}\r\n")),
        Body::Unknown(_) => head.push_str("Transfer-Encoding: chunked\r\n"),
    }
    head.push_str("\r\n");
    head
}

/// Writes a chunked body: <https://www.rfc-editor.org/rfc/rfc9112#section-7.1>
struct ChunkedWriter<'a> {
    out: &'a mut dyn Write,
    buffer: Vec<u8>,
}

impl ChunkedWriter<'_> {
    /// Writes the buffer as a chunk.
    fn send(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.out.write_all(format!("{:x}\r\n", self.buffer.len()).as_bytes())?;
            self.buffer.extend_from_slice(b"\r\n");
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Writes the last chunk.
    fn end(mut self) -> io::Result<()> {
        self.send()?;
        self.out.write_all(b"0\r\n\r\n")
    }
}

impl Write for ChunkedWriter<'_> {
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
