//! Limits in time: slow clients, and what they are told. The clocks are short ones, set by options.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use super::{ONLY_PATIENTS, lines, patients};
use crate::support::bulk::{path, url_of};
use crate::support::client::Kept;
use crate::support::{Dir, Served, until};

/// How long a slow client waits before it goes on. The clocks of the server are at a second.
const PAUSE: Duration = Duration::from_millis(50);

fn serve(options: &[&str]) -> (Dir, Served) {
    let dir = Dir::new();
    dir.write("in.ndjson", super::TWO_TYPES);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&[&["s.db"], options].concat());
    (dir, served)
}

/// Sends `begin`, then `byte` over and over until the server answers; the answer.
fn dripped(served: &Served, begin: &str, byte: &[u8]) -> Kept {
    let mut kept = Kept::connect(served.authority());
    kept.send(begin);
    let mut sending = kept.socket.try_clone().expect("a second handle");
    let byte = byte.to_vec();
    thread::spawn(move || {
        while sending.write_all(&byte).is_ok() {
            thread::sleep(PAUSE);
        }
    });
    kept
}

#[test]
fn a_head_that_comes_too_slowly_is_408() {
    let (_dir, served) = serve(&["--head-time", "1s"]);
    for (begin, byte) in [
        ("G", &b""[..]),
        ("GET /health HTTP/1.1\r\nHost: localhost\r\n", b""),
        ("GET /health HTTP/1.1\r\nX: ", b"x"),
        ("GET /", b"x"),
        ("GET /health HTTP/1.1\r\n", b"X: y\r\n"),
    ] {
        let mut kept = dripped(&served, begin, byte);
        let answer = kept.answer();
        answer.assert_outcome(408, "head");
        assert_eq!(answer.header("connection"), Some("close"));
    }
    assert_eq!(served.get("/health").status, 200);
}

#[test]
fn a_body_that_comes_too_slowly_is_408() {
    let (_dir, served) = serve(&["--body-time", "1s"]);
    let head =
        "POST /fhir/$export HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    for (framing, byte) in [
        ("Content-Length: 1000\r\n\r\n", &b""[..]),
        ("Content-Length: 1000\r\n\r\n", b" "),
        ("Transfer-Encoding: chunked\r\n\r\n", b""),
        ("Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        ("Transfer-Encoding: chunked\r\n\r\n", b"0"),
        ("Transfer-Encoding: chunked\r\n\r\n5;", b"x"),
    ] {
        let mut kept = dripped(&served, &format!("{head}{framing}"), byte);
        kept.answer().assert_outcome(408, "body");
    }
    assert_eq!(served.get("/health").status, 200);
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let (_dir, served) = serve(&["--idle-time", "1s"]);
    let mut silent = Kept::connect(served.authority());
    let mut kept = Kept::connect(served.authority());
    kept.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(kept.answer().status, 200);
    assert!(silent.has_ended());
    assert!(kept.has_ended());
}

/// Lines of so many Patients that a file of them does not fit in the buffers of a connection.
fn many() -> String {
    (0..30_000)
        .map(|n| {
            format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"text\":\"{n:0500}\"}}\n")
        })
        .collect()
}

fn serve_many(options: &[&str]) -> (Dir, Served, String) {
    let dir = Dir::new();
    dir.write("a.ndjson", many());
    dir.import(0, &["s.db", "a.ndjson"]);
    let served = dir.serve(&[&["s.db"], options].concat());
    let file = path(&url_of(&served.manifest(""), "Patient")).to_owned();
    (dir, served, file)
}

/// Asks for a file and reads only the beginning of the answer.
fn begun(served: &Served, file: &str) -> TcpStream {
    let mut socket = TcpStream::connect(served.authority()).expect("a connection");
    let request = format!("GET {file} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("sent");
    socket.read_exact(&mut [0; 1000]).expect("a beginning");
    socket
}

#[test]
fn only_a_reader_that_takes_nothing_is_given_up() {
    let (_dir, served, file) = serve_many(&["--send-time", "1s"]);
    let whole = served.get(&file).body.len();
    let threads = |served: &Served| served.size().map(|(threads, _)| threads);
    let before = threads(&served);
    let mut stalled = begun(&served, &file);
    let mut slow = begun(&served, &file);
    let mut taken = 0;
    let mut piece = vec![0; 256 << 10];
    loop {
        match slow.read(&mut piece).expect("bytes or the end") {
            0 => break,
            read => taken += read,
        }
        thread::sleep(PAUSE);
    }
    assert!(taken > whole - 1000, "{taken} of {whole}");
    until("the server has given up the other one", || (threads(&served) <= before).then_some(()));
    let mut rest = Vec::new();
    let _ = stalled.read_to_end(&mut rest);
    assert!(rest.len() < whole / 2 + 4_000_000, "{} of {whole}", rest.len());
    assert!(rest.len() < taken);
}

#[test]
fn readers_that_take_nothing_hold_up_nobody() {
    let (_dir, served, file) = serve_many(&["--max-requests", "1", "--max-downloads", "3"]);
    let mut stalled: Vec<TcpStream> = (0..3).map(|_| begun(&served, &file)).collect();
    let answer = served.get(&file);
    answer.assert_outcome(503, "downloads");
    assert_eq!(answer.header("retry-after"), Some("1"));
    for _ in 0..5 {
        assert_eq!(served.get("/fhir/Patient/p1").status, 200);
    }
    drop(stalled.pop());
    until("there is room for another download", || (served.get(&file).status == 200).then_some(()));
}

#[test]
fn the_end_waits_for_requests_and_a_second_signal_waits_for_nothing() {
    let (dir, served, file) = serve_many(&["--grace", "600s"]);
    let mut stalled = begun(&served, &file);
    let mut idle = Kept::connect(served.authority());
    idle.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(idle.answer().status, 200);
    served.signal("-TERM");
    // Connections without a request end at once, and nobody is let in any more.
    assert!(idle.has_ended());
    let authority = served.authority().to_owned();
    until("nobody is let in", || TcpStream::connect(&authority).is_err().then_some(()));
    // What is under way goes on.
    stalled.read_exact(&mut vec![0; 9_000_000]).expect("more of the body");
    assert_eq!(served.end("-TERM"), 0);
    assert!(!dir.path("s.db-wal").exists());
}

#[test]
fn the_time_of_grace_ends() {
    let (dir, served, file) = serve_many(&["--grace", "1s"]);
    let _stalled = begun(&served, &file);
    assert_eq!(served.end("-INT"), 0);
    assert!(!dir.path("s.db-wal").exists());
    dir.check("s.db");
}

#[test]
fn a_request_under_way_is_answered_after_the_signal() {
    let (_dir, served) = serve(&[]);
    let file = patients(&served);
    let mut kept = Kept::connect(served.authority());
    // With the answer to the first one, the beginning of the second one has arrived.
    kept.send(format!("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET {file} HTTP/1.1\r\n"));
    assert_eq!(kept.answer().status, 200);
    let mut posting = Kept::connect(served.authority());
    posting.send(format!(
        "POST /fhir/$export HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        ONLY_PATIENTS.len()
    ));
    assert_eq!(posting.head().status, 100);
    served.signal("-TERM");
    let authority = served.authority().to_owned();
    until("nobody is let in", || TcpStream::connect(&authority).is_err().then_some(()));
    kept.send("Host: localhost\r\n\r\n");
    let answer = kept.answer();
    assert_eq!((answer.status, answer.body), (200, lines("Patient")));
    posting.send(ONLY_PATIENTS);
    let answer = posting.answer();
    assert_eq!((answer.status, answer.header("connection")), (202, Some("close")));
    assert!(kept.has_ended() && posting.has_ended());
    drop((kept, posting));
    assert_eq!(served.ended(), 0);
}
