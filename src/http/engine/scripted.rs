//! Tests of a whole connection without a socket: a scripted client on one side, a small handler on the
//! other.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::connection::{ClientConnection, Shared};
use super::connections::Presence;
use super::handler::RequestHandler;
use super::limits::Limits;
use super::stream::Stream;
use crate::error::{Error, Kind, Result};
use crate::http::answered::AnsweredRequest;
use crate::http::message::{Body, Request, Response};
use crate::http::peer::{Connected, Peer, Scheme};
use crate::http::proxies::TrustedProxies;
use crate::sync::lock;

/// A client that sends its pieces whatever it is answered, and keeps what it is answered.
struct ScriptedStream {
    pieces: VecDeque<Vec<u8>>,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Read for ScriptedStream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Some(mut piece) = self.pieces.pop_front() else { return Ok(0) };
        let count = piece.len().min(bytes.len());
        bytes[..count].copy_from_slice(&piece[..count]);
        if count < piece.len() {
            self.pieces.push_front(piece.split_off(count));
        }
        Ok(count)
    }
}

impl Write for ScriptedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.answer).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for ScriptedStream {
    fn set_read_time(&self, _time: Duration) -> io::Result<()> {
        Ok(())
    }

    fn set_write_time(&self, _time: Duration) -> io::Result<()> {
        Ok(())
    }

    fn end_writing(&mut self) {}

    fn is_reset(&self) -> bool {
        false
    }

    fn end_by_reset(&self) {}
}

/// Answers with what it was asked, or fails as the path says.
struct EchoHandler;

impl RequestHandler for EchoHandler {
    fn body_limit(&self, request: &Request) -> Result<usize> {
        match request.target.as_str() {
            "/closed" => Err(Error::new(Kind::Unauthorized, "who asks?")),
            "/panic-early" => panic!("before the body"),
            "/bodiless" => Ok(0),
            _ => Ok(1000),
        }
    }

    fn page_headers(&self, _: Option<&Request>) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn is_light(&self, request: &Request) -> bool {
        request.target == "/exactly"
    }

    fn answer(&self, request: &Request) -> Response {
        type Written = fn(&mut dyn Write) -> Result<()>;
        let all: Written = |out| all_of(out, &[b"one", b"two"]);
        let some: Written = |out| {
            all_of(out, &[b"one"])?;
            out.flush().map_err(|error| Error::io("out", error))?;
            Err(Error::new(Kind::Damaged, "no more"))
        };
        let body = match request.target.as_str() {
            "/panic" => panic!("in a handler"),
            "/exactly" => Body::Exactly(6, Box::new(all)),
            "/unknown" => Body::Unknown(Box::new(all)),
            "/nothing-exactly" => Body::Exactly(0, Box::new(|_| Ok(()))),
            "/nothing-unknown" => Body::Unknown(Box::new(|_| Ok(()))),
            "/too-few" => Body::Exactly(7, Box::new(all)),
            "/too-many" => Body::Exactly(5, Box::new(all)),
            "/broken-exactly" => Body::Exactly(6, Box::new(some)),
            "/broken-unknown" => Body::Unknown(Box::new(some)),
            "/unbegun" => Body::Exactly(6, Box::new(|_| Err(Error::new(Kind::Damaged, "none")))),
            "/panic-late" => Body::Unknown(Box::new(|_| panic!("in a body"))),
            target => {
                // Nothing of a body may look like the beginning of an answer.
                let body = String::from_utf8_lossy(&request.body).replace(' ', "_");
                Body::Bytes(format!("{} {target} {body}", request.method).into_bytes())
            }
        };
        Response { status: 200, headers: Vec::new(), body }
    }

    fn refuse(&self, error: &Error, request: &Request) -> Response {
        Response::error(error, &request.id)
    }

    fn log(&self, _error: &Error) {}

    fn answered(&self, _request: &AnsweredRequest) {}
}

fn all_of(out: &mut dyn Write, pieces: &[&[u8]]) -> Result<()> {
    pieces
        .iter()
        .try_for_each(|piece| out.write_all(piece))
        .map_err(|error| Error::io("out", error))
}

/// What a client is answered that sends these pieces and then ends; without `Date` and the request's id.
pub(super) fn answer(pieces: impl IntoIterator<Item = Vec<u8>>) -> String {
    let limits =
        Limits { head_bytes: 2000, header_fields: 20, target_bytes: 500, ..Limits::default() };
    let shared = Shared::new(limits, TrustedProxies::default());
    let peer = Peer::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let presence = Arc::new(Presence::new(peer.address(), None, Instant::now()));
    let answer = Arc::<Mutex<Vec<u8>>>::default();
    let stream = ScriptedStream { pieces: pieces.into_iter().collect(), answer: answer.clone() };
    ClientConnection::new(
        &shared,
        Arc::new(EchoHandler),
        presence,
        Box::new(stream),
        Connected { peer, local: None, scheme: Scheme::Http },
    )
    .serve();
    let text = String::from_utf8_lossy(&lock(&answer)).into_owned();
    let is_its_own = |line: &&str| line.starts_with("Date: ") || line.starts_with("X-Request-Id: ");
    let text: String = text.split_inclusive("\r\n").filter(|line| !is_its_own(line)).collect();
    // A fault names the request in its body.
    let mut parts = text.split("request id ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "request id " + &part[16..])
}

/// The statuses of an answer.
pub(super) fn statuses(answer: &str) -> Vec<u16> {
    // The text of a refusal may have the words too.
    let starts = answer.split("HTTP/1.1 ").skip(1);
    starts.filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn a_body_comes_whole_or_ends_the_connection() {
    for (target, end) in [
        ("/exactly", "Content-Length: 6\r\n\r\nonetwo"),
        ("/unknown", "Transfer-Encoding: chunked\r\n\r\n6\r\nonetwo\r\n0\r\n\r\n"),
        ("/nothing-exactly", "Content-Length: 0\r\n\r\n"),
        ("/nothing-unknown", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("/other", "Content-Length: 11\r\n\r\nGET /other "),
    ] {
        let one = answer([get(target).into_bytes()]);
        assert!(one.ends_with(end), "{target}: {one}");
        let two = answer([get(target).repeat(2).into_bytes()]);
        assert_eq!(two, one.repeat(2), "{target}");
    }
    for (target, end) in [
        ("/too-few", "Content-Length: 7\r\n\r\nonetwo"),
        ("/too-many", "Content-Length: 5\r\n\r\none"),
        ("/broken-exactly", "Content-Length: 6\r\n\r\none"),
        ("/broken-unknown", "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n"),
    ] {
        let broken = answer([get(target).repeat(2).into_bytes()]);
        assert!(broken.ends_with(end), "{target}: {broken}");
        assert_eq!(statuses(&broken), [200], "{target}");
    }
}

#[test]
fn faults_and_panics_are_500_and_end_their_request_alone() {
    for target in ["/unbegun", "/panic", "/panic-late"] {
        let answered = answer([format!("{}{}", get(target), get("/b")).into_bytes()]);
        assert_eq!(statuses(&answered), [500, 200], "{target}: {answered}");
        assert!(answered.contains("OperationOutcome"), "{target}: {answered}");
    }
    let post = "POST /panic-early HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(statuses(&answer([post.into()])), [500]);
}

#[test]
fn an_unread_body_ends_the_connection() {
    for (target, expected) in [("/bodiless", 200), ("/closed", 401)] {
        let post = format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /");
        let answered = answer([format!("{post}{}", get("/b")).into_bytes()]);
        assert_eq!(statuses(&answered), [expected], "{answered}");
        assert!(answered.contains("Connection: close\r\n"), "{answered}");
    }
}

#[test]
fn clients_of_http_1_0_get_no_chunks() {
    let old = "GET /unknown HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let answered = answer([old.into()]);
    assert!(answered.ends_with("Connection: close\r\n\r\nonetwo"), "{answered}");
    let kept = "GET /exactly HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n";
    let answered = answer([kept.repeat(2).into()]);
    assert_eq!(answered.matches("Connection: keep-alive\r\n").count(), 2, "{answered}");
    assert_eq!(statuses(&answer(["GET /a HTTP/1.0\r\n\r\n".repeat(2).into()])), [200]);
}

/// Requests of every kind, right and wrong.
pub(super) const MESSAGES: [&str; 20] = [
    "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET /b?c=d HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
    "HEAD /exactly HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /unknown HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /panic HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST /d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n",
    "POST /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
    "POST /f HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n",
    "POST /bodiless HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    "GET /g HTTP/1.0\r\n\r\n",
    "GET /h HTTP/1.1\r\n\r\n",
    "GET /i HTTP/2.0\r\n\r\n",
    "GET /j HTTP/1.1\nHost: a\n\n",
    "GET  /k HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /l HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n",
    "GET /m HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /n HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n",
    "GET /\u{fc} HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /o HTTP/1.1\r\nHost: \u{fc}\r\n",
];

/// Cuts `bytes` at these distances, over and over.
pub(super) fn cut(bytes: &[u8], distances: &[usize]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    for distance in distances.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*distance).min(rest.len()));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces
}

proptest! {
    #[test]
    fn however_requests_come_their_answers_are_the_same(
        chosen in prop::collection::vec(prop::sample::select(&MESSAGES[..]), 1..5),
        changed in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        distances in prop::collection::vec(1_usize..40, 1..20),
    ) {
        let mut bytes = chosen.concat().into_bytes();
        if let Some((at, byte)) = changed {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let whole = answer([bytes.clone()]);
        prop_assert_eq!(&answer(cut(&bytes, &distances)), &whole);
        prop_assert_eq!(&answer(cut(&bytes, &[1])), &whole);
    }

    #[test]
    fn no_bytes_make_a_connection_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for status in statuses(&answer([bytes])) {
            prop_assert!((400..=505).contains(&status));
        }
    }
}
