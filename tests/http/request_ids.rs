//! `X-Request-Id`: the name of a request in its answer, in its OperationOutcome and in the log.

use std::collections::BTreeSet;

use super::{every_path, two_types};
use crate::rest::filled;
use crate::support::client::{Kept, get, parse, raw, send};
use crate::support::{Dir, Served};

const ID: &str = "x-request-id";

#[test]
fn a_plain_id_of_the_client_comes_back() {
    let (_dir, served) = two_types();
    for id in ["a", "A-b_c.d:9", "0af7651916cd43dd8448eb211c80319c", &"i".repeat(128)] {
        let answer = served.get_with("/health", &format!("X-Request-Id: {id}\r\n"));
        assert_eq!(answer.header(ID), Some(id));
    }
    let token = "5a".repeat(32);
    for id in
        ["", "a b", "a\"b", "ü", "a/b", "<b>", &"i".repeat(129), &token, "eyJhbGciOiJub25lIn0.e.e"]
    {
        let answer = served.get_with("/health", &format!("X-Request-Id: {id}\r\n"));
        let made = answer.header(ID).unwrap();
        assert!(made.len() == 16 && made.bytes().all(|b| b.is_ascii_hexdigit()), "{id}: {made}");
    }
    let two = served.get_with("/health", "X-Request-Id: a\r\nX-Request-Id: b\r\n");
    assert_eq!(two.header(ID).map(str::len), Some(16));
}

#[test]
fn every_answer_has_an_id_of_its_own() {
    let (_dir, served) = filled();
    let to = served.authority();
    let mut answers = Vec::new();
    for (path, _) in every_path(&served) {
        for method in ["OPTIONS", "HEAD", "GET", "PATCH"] {
            answers.push(send(to, method, &path, "", b""));
        }
    }
    // What the engine itself refuses has one too.
    let huge =
        format!("GET /health HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(17_000));
    for message in [
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &huge,
        &long,
    ] {
        answers.push(parse(&raw(to, message.as_bytes())));
    }
    let mut kept = Kept::connect(to);
    for _ in 0..3 {
        kept.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        answers.push(kept.answer());
    }
    let ids: BTreeSet<&str> = answers
        .iter()
        .map(|answer| answer.header(ID).unwrap_or_else(|| panic!("{}", answer.head)))
        .collect();
    assert_eq!(ids.len(), answers.len());
    let to_page = get(to, "/health", "Origin: http://localhost:3000\r\n");
    let exposed = to_page.header("access-control-expose-headers").unwrap().to_lowercase();
    assert!(exposed.split(", ").any(|name| name == ID), "{exposed}");
}

/// Serves a store that contradicts itself, so that an export is a fault of the server.
pub fn broken(more: &[&str]) -> (Dir, Served) {
    let (dir, served) = two_types();
    drop(served);
    let served = dir.serve_with_log(&[&["s.db"], more].concat());
    let sql = "UPDATE setting SET value = 'x' WHERE name = 'last_seq'";
    dir.open("s.db").execute_batch(sql).unwrap();
    (dir, served)
}

#[test]
fn a_fault_names_the_request_to_the_client_and_in_the_log() {
    let (dir, served) = broken(&[]);
    let given = served.get_with("/fhir/$export", "X-Request-Id: my-request.1\r\n");
    given.assert_outcome(500, "request id my-request.1");
    let made = served.get("/fhir/$bulk-publish");
    made.assert_outcome(500, made.header(ID).unwrap());
    // Other errors are the client's own, and need no log.
    let wrong = served.get_with("/fhir/Patient?a=b", "X-Request-Id: mine\r\n");
    assert!(!wrong.text().contains("mine"), "{}", wrong.text());
    served.end("-TERM");
    let log = dir.text("stderr");
    assert!(log.contains("my-request.1"), "{log}");
    assert!(!log.contains("mine"), "{log}");
}
