//! An HTTP client that sends exactly the bytes that a test gives it.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

/// A response: status, head, and the body with its chunks joined.
#[derive(Clone)]
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

    /// The lines of the head without `Date` and `X-Request-Id`, which differ from one response to the next.
    pub fn undated(&self) -> Vec<&str> {
        let is_its_own = |line: &str| {
            let line = line.to_ascii_lowercase();
            line.starts_with("date:") || line.starts_with("x-request-id:")
        };
        self.head.lines().filter(|line| !is_its_own(line)).collect()
    }

    /// Fails unless the other response is the same but for its `Date` and its id.
    pub fn assert_same(&self, other: &Answer) {
        assert_eq!(self.undated(), other.undated());
        assert_eq!(self.body, other.body);
    }

    /// Fails unless this is an OperationOutcome with this status and `word` in its diagnostics.
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

/// Sends `bytes` on a new connection and reads to its end.
pub fn raw(authority: &str, bytes: &[u8]) -> Vec<u8> {
    exchange(TcpStream::connect(authority).expect("a connection"), bytes)
}

fn exchange(mut socket: TcpStream, bytes: &[u8]) -> Vec<u8> {
    socket.write_all(bytes).expect("sent");
    let mut answer = Vec::new();
    // The server may reset a connection that it gives up; what came before that counts.
    let _ = socket.read_to_end(&mut answer);
    answer
}

/// Sends one request on a new connection. `headers` are lines that each end in CRLF.
pub fn send(authority: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    parse(&raw(authority, &request(authority, method, path, headers, body)))
}

/// Sends GET on a new connection.
pub fn get(authority: &str, path: &str, headers: &str) -> Answer {
    send(authority, "GET", path, headers, b"")
}

/// A connection that is kept for several requests.
pub struct Kept {
    pub socket: TcpStream,
    bytes: Vec<u8>,
}

impl Kept {
    pub fn connect(authority: &str) -> Kept {
        Kept::of(TcpStream::connect(authority).expect("a connection"))
    }

    pub fn of(socket: TcpStream) -> Kept {
        Kept { socket, bytes: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).expect("sent");
    }

    /// Reads more. False at the end of the connection.
    fn more(&mut self) -> bool {
        let mut piece = [0; 64 << 10];
        let read = self.socket.read(&mut piece).unwrap_or(0);
        self.bytes.extend_from_slice(&piece[..read]);
        read > 0
    }

    /// True if nothing comes any more but the end.
    pub fn has_ended(&mut self) -> bool {
        self.bytes.is_empty() && !self.more()
    }

    /// Reads the next head, of an answer without a body.
    pub fn head(&mut self) -> Answer {
        loop {
            if let Some(end) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let answer = parse(&[&self.bytes[..end], b"\r\n\r\n0\r\n\r\n"].concat());
                self.bytes.drain(..end + 4);
                return Answer { body: Vec::new(), ..answer };
            }
            assert!(
                self.more(),
                "the connection ended: {:?}",
                String::from_utf8_lossy(&self.bytes)
            );
        }
    }

    /// Reads the next answer, with its body.
    pub fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        match answer.header("content-length").map(|length| length.parse().expect("a length")) {
            Some(length) => {
                while self.bytes.len() < length {
                    assert!(self.more(), "the body broke off");
                }
                answer.body = self.bytes.drain(..length).collect();
            }
            None => {
                assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
                let end = b"\r\n0\r\n\r\n";
                let end = loop {
                    match self.bytes.windows(end.len()).position(|seven| seven == end) {
                        Some(at) => break at + end.len(),
                        None => assert!(self.more(), "the body broke off"),
                    }
                };
                answer.body = unchunked(&self.bytes[..end]);
                self.bytes.drain(..end);
            }
        }
        answer
    }
}

/// Connects from another address of this machine. `None` where the machine has no such address.
pub fn connect_from(peer: IpAddr, authority: &str) -> Option<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(peer, 0).into()).ok()?;
    let server: SocketAddr = authority.parse().expect("an address");
    socket.connect(&server.into()).expect("a connection");
    Some(socket.into())
}

/// Sends one request from another address of this machine. `None` where the machine has no such address.
pub fn send_from(
    peer: IpAddr,
    authority: &str,
    (method, path, headers, body): (&str, &str, &str, &[u8]),
) -> Option<Answer> {
    let socket = connect_from(peer, authority)?;
    let request = request(authority, method, path, headers, body);
    Some(parse(&exchange(socket, &request)))
}

fn request(authority: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Parses one whole response.
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

/// Joins the chunks of a body; panics if the last chunk is missing.
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
