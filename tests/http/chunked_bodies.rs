//! Request bodies in chunks, bodies that end early, and `Expect: 100-continue`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::{MOST, ONLY_PATIENTS, types};
use crate::rest::filled;
use crate::support::Served;
use crate::support::client::{Answer, Kept, parse, send};

#[test]
fn a_body_may_be_chunked() {
    let (_dir, served) = filled();
    let headers = "Content-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\n";
    let mut pieces = Vec::new();
    for piece in ONLY_PATIENTS.as_bytes().chunks(17) {
        pieces.extend(format!("{:X};note=x\r\n", piece.len()).into_bytes());
        pieces.extend([piece, b"\r\n"].concat());
    }
    pieces.extend(b"0\r\n\r\n");
    let started = send(served.authority(), "POST", "/fhir/$export", headers, &pieces);
    assert_eq!(types(&served, &started), ["Patient"]);
    let nothing = send(served.authority(), "POST", "/fhir/$export", headers, b"0\r\n\r\n");
    assert_eq!(types(&served, &nothing).len(), 5);
    for broken in [&b"zz\r\n"[..], b"-1\r\n", b"\r\n\r\n"] {
        let answer = send(served.authority(), "POST", "/fhir/$export", headers, broken);
        answer.assert_outcome(400, "body");
    }
}

/// Sends these bytes and closes the connection for writing; the answer.
fn broken_off(served: &Served, request: &str) -> Answer {
    let mut socket = TcpStream::connect(served.authority()).expect("a connection");
    socket.write_all(request.as_bytes()).expect("sent");
    socket.shutdown(Shutdown::Write).expect("the end sent");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("an answer");
    parse(&answer)
}

const POST_JSON: &str =
    "POST /fhir/$export HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

#[test]
fn an_interrupted_body_starts_no_export() {
    let (_dir, served) = filled();
    for rest in [
        "Content-Length: 2000\r\n\r\n{\"resourceType\":\"Parameters\"",
        "Transfer-Encoding: chunked\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n1d\r\n{\"resourceType\":\"Parameters\"}\r\n",
    ] {
        broken_off(&served, &format!("{POST_JSON}{rest}")).assert_outcome(400, "body");
    }
}

/// <https://www.rfc-editor.org/rfc/rfc9112#section-8>: a message that ends before its length is
/// incomplete, even if its beginning is valid JSON.
#[test]
fn a_body_shorter_than_declared_starts_no_export() {
    let (_dir, served) = filled();
    for rest in [
        "Content-Length: 2000\r\n\r\n",
        "Content-Length: 2000\r\n\r\n{\"resourceType\":\"Parameters\"}",
        "Transfer-Encoding: chunked\r\n\r\n64\r\n",
        "Transfer-Encoding: chunked\r\n\r\n64\r\n{\"resourceType\":\"Parameters\"}",
    ] {
        broken_off(&served, &format!("{POST_JSON}{rest}")).assert_outcome(400, "body");
    }
}

#[test]
fn a_client_that_expects_100_continue_receives_it() {
    let (_dir, served) = filled();
    let head = |length: usize| {
        format!(
            "POST /fhir/$export HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n",
            served.authority()
        )
    };
    let mut socket = TcpStream::connect(served.authority()).expect("a connection");
    socket.write_all(head(ONLY_PATIENTS.len()).as_bytes()).expect("sent");
    // It is nothing but its status line, and comes before a byte of the body.
    let mut interim = [0; 25];
    socket.read_exact(&mut interim).expect("an interim answer");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    let mut kept = Kept::of(socket);
    kept.send(ONLY_PATIENTS);
    assert_eq!(types(&served, &kept.answer()), ["Patient"]);
    // A client that does not wait needs no interim answer.
    kept.send(format!("{}{ONLY_PATIENTS}", head(ONLY_PATIENTS.len())));
    assert_eq!(types(&served, &kept.answer()), ["Patient"]);
    // A body that is too large is refused before it is sent.
    kept.send(head(MOST + 1));
    kept.answer().assert_outcome(413, "16777216");
    assert!(kept.has_ended());
    // Nor is a body wanted that nobody reads.
    let mut kept = Kept::connect(served.authority());
    kept.send(
        "POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(kept.answer().status, 405);
}
