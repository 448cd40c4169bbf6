//! HTTP by hand, so that a test sees every byte that was sent.

use std::io::{Read, Write};
use std::net::TcpStream;

/// An answer, taken apart no further than it must be.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// It must be an OperationOutcome of `status` whose text holds `word`.
    pub fn assert_outcome(&self, status: u16, word: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/fhir+json"));
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        assert_eq!(outcome["issue"][0]["severity"], "error");
        let text = outcome["issue"][0]["diagnostics"].as_str().expect("diagnostics");
        assert!(text.contains(word), "{text:?} does not say {word:?}");
    }
}

/// Sends `bytes` as they are and reads to the end of the connection.
pub fn raw(authority: &str, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(authority).expect("a connection");
    socket.write_all(bytes).expect("sent");
    let mut answer = Vec::new();
    // A connection that is given up may end in a reset; what came before counts.
    let _ = socket.read_to_end(&mut answer);
    answer
}

/// One request on a connection of its own.
pub fn send(authority: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{headers}\r\n"
    )
    .into_bytes();
    request.extend_from_slice(body);
    parse(&raw(authority, &request))
}

pub fn get(authority: &str, path: &str, headers: &str) -> Answer {
    send(authority, "GET", path, headers, b"")
}

/// Takes one whole answer apart.
pub fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| {
        panic!("no answer: {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(300)]));
    });
    let head = String::from_utf8(bytes[..end].to_vec()).expect("a head of text");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let mut body = bytes[end + 4..].to_vec();
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        body = unchunked(&body);
    }
    Answer { status, head, body }
}

/// The whole body of a chunked one; panics where the last chunk is missing.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n").expect("a chunk's size");
        let size = std::str::from_utf8(&bytes[..end]).expect("text");
        let size = usize::from_str_radix(size, 16).expect("a number");
        let data = &bytes[end + 2..];
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&data[..size]);
        bytes = &data[size + 2..];
    }
}
