//! Connections: how long they last, malformed requests, bursts.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::{EXPORT, lines, patients, two_types};
use crate::support::client::{Kept, parse, raw, send};

#[test]
fn a_connection_goes_on_until_one_side_says_close() {
    let (_dir, served) = two_types();
    let path = patients(&served);
    let mut kept = Kept::connect(served.authority());
    for _ in 0..3 {
        kept.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        let answer = kept.answer();
        assert_eq!((answer.status, &answer.body), (200, &lines("Patient")));
        assert_eq!(answer.header("connection"), None);
        let gzip =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
        kept.send(gzip);
        assert_eq!(crate::support::gunzip(&kept.answer().body), lines("Patient"));
        kept.send(format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert_eq!(kept.head().status, 200);
        kept.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: *\r\n\r\n"));
        assert_eq!(kept.head().status, 304);
    }
    kept.send("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(kept.answer().header("connection"), Some("close"));
    assert!(kept.has_ended());
    // HTTP/1.0 has no chunks, so it gets no gzip.
    let old = format!("GET {path} HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
    let answer = parse(&raw(served.authority(), old.as_bytes()));
    assert_eq!(answer.body, lines("Patient"));
    assert_eq!(answer.header("connection"), Some("close"));
}

#[test]
fn requests_in_a_row_are_answered_in_their_order() {
    let (_dir, served) = two_types();
    let (path, body) = (patients(&served), super::ONLY_PATIENTS);
    let mut kept = Kept::connect(served.authority());
    let post = format!(
        "POST /fhir/$export HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let all = [get("/health"), post, get("/nothing"), get(&path), get("/fhir/Patient/a")].concat();
    kept.send(all.repeat(20));
    for _ in 0..20 {
        for status in [200, 202, 404, 200, 200] {
            assert_eq!(kept.answer().status, status);
        }
    }
}

#[test]
fn malformed_and_oversized_requests_do_not_end_the_server() {
    let (_dir, served) = two_types();
    let authority = served.authority();
    for length in ["100000000000000000", "18446744073709551615", "2000000", "1025"] {
        let declared = format!("Content-Length: {length}\r\n");
        // Nobody wants these bodies, so nobody reads them.
        assert_eq!(send(authority, "POST", EXPORT, &declared, b"x").status, 405, "{length}");
        assert_eq!(send(authority, "GET", EXPORT, &declared, b"x").status, 200, "{length}");
    }
    for length in ["-5", "99999999999999999999999999", "x", "1, 2"] {
        let length = format!("Content-Length: {length}\r\n");
        let smuggled = format!("GET {EXPORT} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let request = format!("GET {EXPORT} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n{smuggled}");
        let text = String::from_utf8(raw(authority, request.as_bytes())).unwrap();
        let alone = text.matches("HTTP/1.1").count() == 1;
        assert!(text.starts_with("HTTP/1.1 400 ") && alone, "{text}");
    }
    let chunks = b"5\r\nhello\r\n0\r\n\r\n";
    for body in [&chunks[..], b"zz\r\nhello", b""] {
        let answer = send(authority, "POST", EXPORT, "Transfer-Encoding: chunked\r\n", body);
        assert_eq!(answer.status, 405);
    }
    // Nothing follows the answer, whatever follows the request.
    let path = patients(&served);
    for _ in 0..20 {
        let answer = send(authority, "GET", &path, "Transfer-Encoding: chunked\r\n", chunks);
        assert_eq!(answer.body, lines("Patient"));
    }
    for (length, body) in [(0, ""), (5, "hello")] {
        let length = format!("Content-Length: {length}\r\n");
        assert_eq!(send(authority, "GET", EXPORT, &length, body.as_bytes()).status, 200);
    }
    for rubbish in
        ["\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n"]
    {
        let _ = raw(authority, rubbish.as_bytes());
    }
    assert_eq!(served.get(EXPORT).status, 200);
}

#[test]
fn every_connection_of_a_burst_is_answered() {
    let (_dir, served) = two_types();
    let request = format!("HEAD {EXPORT} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for _ in 0..5 {
        let mut sockets: Vec<_> =
            (0..24).map(|_| TcpStream::connect(served.authority()).unwrap()).collect();
        for socket in &mut sockets {
            socket.write_all(request.as_bytes()).unwrap();
        }
        // Every connection stays open until the last one is answered.
        for socket in &mut sockets {
            let mut first = [0; 15];
            socket.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200 OK");
        }
    }
}
