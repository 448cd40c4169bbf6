//! Crowds: more clients than there are connections, and requests that wait for their turn.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::process::Command;

use super::{patients, two_types};
use crate::support::client::{Kept, connect_from, get};
use crate::support::{Dir, FHIRLITE, Served, left_out, until};

fn few_connections() -> (Dir, Served) {
    let dir = Dir::new();
    dir.write("in.ndjson", super::TWO_TYPES);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db", "--max-connections", "20"]);
    (dir, served)
}

#[test]
fn stalled_connections_keep_nobody_out() {
    let (_dir, served) = few_connections();
    let size = served.size();
    let post = "POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n";
    let mut stalled = Vec::new();
    for begin in [
        String::new(),
        "GET /hea".to_owned(),
        "GET /health HTTP/1.1\r\nHost: localhost\r\n".to_owned(),
        format!("{post}Content-Length: 60000\r\n\r\ngrant"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n5\r\nx"),
    ] {
        for _ in 0..50 {
            let mut socket = TcpStream::connect(served.authority()).unwrap();
            socket.write_all(begin.as_bytes()).unwrap();
            stalled.push(socket);
        }
        for _ in 0..5 {
            assert_eq!(served.get("/health").status, 200, "beside {begin:?}");
        }
    }
    if let (Some((threads, files)), Some((most_threads, most_files))) = (size, served.size()) {
        assert!(most_threads <= threads + 42, "{threads} threads, then {most_threads}");
        assert!(most_files <= files + 26 + 8, "{files} files, then {most_files}");
    }
    // The first ones were closed for the later ones.
    assert_eq!(stalled[0].read(&mut [0]).unwrap_or(0), 0);
    drop(stalled);
    until("threads are back to what they were", || {
        let threads = |size: Option<(usize, usize)>| size.map(|(threads, _)| threads);
        (threads(served.size()) <= threads(size)).then_some(())
    });
}

#[test]
fn a_kept_connection_that_is_used_is_not_the_idlest() {
    let (_dir, served) = few_connections();
    let mut used = Kept::connect(served.authority());
    let mut idle = Vec::new();
    for _ in 0..60 {
        let mut kept = Kept::connect(served.authority());
        for kept in [&mut kept, &mut used] {
            kept.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assert_eq!(kept.answer().status, 200);
        }
        idle.push(kept);
    }
}

#[test]
fn clients_that_reset_leave_nothing_behind() {
    let (_dir, served) = two_types();
    let size = served.size();
    let file = patients(&served);
    for _ in 0..300 {
        let mut socket = TcpStream::connect(served.authority()).unwrap();
        let request = format!("GET {file} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        // Bytes that were never read turn the end of the socket into a reset.
        socket2::SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }
    assert_eq!(get(served.authority(), &file, "").status, 200);
    until("threads are back to what they were", || {
        let threads = |size: Option<(usize, usize)>| size.map(|(threads, _)| threads);
        (threads(served.size()) <= threads(size)).then_some(())
    });
}

#[test]
fn few_files_are_few_connections_and_nobody_is_kept_out() {
    let dir = Dir::new();
    dir.write("in.ndjson", super::TWO_TYPES);
    dir.import(0, &["s.db", "in.ndjson"]);
    let mut command = Command::new("sh");
    let script = "ulimit -n 150 && exec \"$0\" \"$@\"";
    command.args(["-c", script, FHIRLITE, "serve", "s.db"]).current_dir(dir.path("."));
    let served = Served::of(command);
    let file = patients(&served);
    let mut idle = Vec::new();
    for number in 0..200 {
        let mut kept = Kept::connect(served.authority());
        if number % 2 == 0 {
            kept.send(format!("GET {file} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
            assert_eq!(kept.answer().status, 200);
        }
        idle.push(kept);
    }
    assert_eq!(served.get("/fhir/Patient/a").status, 200);
    assert_eq!(served.end("-TERM"), 0);
}

/// However many connections one address opens, those of others stay.
#[test]
fn a_crowd_from_one_address_closes_no_connection_of_another() {
    let (_dir, served) = few_connections();
    let mut honest = Kept::connect(served.authority());
    let address = IpAddr::from([127, 0, 0, 2]);
    let mut crowd = Vec::new();
    for _ in 0..100 {
        let Some(socket) = connect_from(address, served.authority()) else {
            return left_out("this machine has one address on its loopback only");
        };
        crowd.push(socket);
    }
    // The crowd has lost its first ones, and the oldest connection of all is still there.
    assert_eq!(crowd[0].read(&mut [0]).unwrap_or(0), 0);
    honest.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(honest.answer().status, 200);
}
