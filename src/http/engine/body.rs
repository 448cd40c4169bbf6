//! Reads request bodies, within limits of bytes and time.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::sockets::find;
use crate::error::{Error, Kind, Result};

/// The longest time that a client sends nothing of a body. The whole body may take three times as long.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// The most bytes that one read returns.
const PIECE: usize = 64 << 10;

/// Reads at most `limit` bytes within 60 s.
///
/// # Errors
/// `TooMuch` for a longer body, `TooSlow` where the time is over, `Invalid` where the body ends early.
pub fn read_body(request: &mut tiny_http::Request, limit: usize) -> Result<Vec<u8>> {
    let too_much = || Error::new(Kind::TooMuch, format!("a request body may have {limit} bytes"));
    let slow = || Error::new(Kind::TooSlow, "the request body did not come in time");
    if request.body_length().is_some_and(|length| length > limit) {
        return Err(too_much());
    }
    // On this connection only: on the listener, the time-out would end accepting.
    let client = request.remote_addr().copied();
    if let Some(connection) = client.and_then(find) {
        let _ = connection.set_read_timeout(Some(RECEIVE_TIMEOUT));
    }
    let started = Instant::now();
    let length = request.body_length();
    let has = |name| request.headers().iter().any(|header| header.field.equiv(name));
    // With `Connection: close`, tiny_http may have ended the receiving side already.
    let can_tell = has("Transfer-Encoding") && !has("Connection");
    let reader = request.as_reader();
    let mut body = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        let read = match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if is_timeout(&error) => return Err(slow()),
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
    // tiny_http does not distinguish the end of a body from the end of a connection.
    match length {
        Some(length) if body.len() < length => Err(broke_off()),
        None if can_tell && client.is_some_and(has_ended) => Err(broke_off()),
        _ => Ok(body),
    }
}

/// True for the error of a read that took too long.
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// True if a client has ended its sending side. A client that waits for the answer to a chunked body
/// keeps that side open, so the client left in the middle of the body.
fn has_ended(client: SocketAddr) -> bool {
    let Some(connection) = find(client) else { return false };
    let _ = connection.set_read_timeout(Some(Duration::from_millis(1)));
    let mut next = [MaybeUninit::uninit()];
    matches!(connection.peek(&mut next), Ok(0))
}

fn broke_off() -> Error {
    Error::new(Kind::Invalid, "the request body broke off")
}
