//! `fhirlite serve` as a process: its start, its end, slow clients, refusals.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::support::Dir;
use crate::support::bulk::{path, url_of};
use crate::support::client::get;

const A: &str = r#"{"resourceType":"Patient","id":"a"}"#;

/// Lines of so many Patients that a file of them does not fit in the buffers of a connection.
fn many() -> String {
    (0..20_000)
        .map(|n| {
            format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"text\":\"{n:0500}\"}}\n")
        })
        .collect()
}

#[test]
fn serve_creates_the_store_and_imports_paths_first() {
    let dir = Dir::new();
    dir.write("in/a.json", A);
    let served = dir.serve(&["s.db", "in"]);
    assert_eq!(served.manifest("")["output"][0]["type"], "Patient");
}

#[test]
fn signals_end_the_server_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let dir = Dir::new();
        dir.write("a.json", A);
        let served = dir.serve(&["s.db", "a.json"]);
        served.manifest("");
        // An idle connection does not delay the end.
        let _idle = TcpStream::connect(served.authority()).unwrap();
        assert_eq!(served.end(signal), 0);
        assert!(!dir.path("s.db-wal").exists());
        dir.check("s.db");
    }
}

#[test]
fn the_exit_code_tells_of_rejected_input() {
    let dir = Dir::new();
    dir.write("a.ndjson", format!("{A}\nrubbish\n"));
    let served = dir.serve(&["s.db", "a.ndjson"]);
    assert_eq!(served.end("-TERM"), 1);
}

/// Many requests on one connection take one place, and after its time of grace the end of the server does not wait for clients that never read.
#[test]
fn clients_that_never_read_delay_neither_others_nor_the_end() {
    let dir = Dir::new();
    dir.write("a.ndjson", many());
    let served = dir.serve(&["s.db", "a.ndjson", "--quiet", "--grace", "1s"]);
    let url = url_of(&served.manifest(""), "Patient");
    let path = path(&url);
    let one = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut clients = Vec::new();
    for _ in 0..10 {
        let mut socket = TcpStream::connect(served.authority()).unwrap();
        socket.write_all(one.repeat(50).as_bytes()).unwrap();
        clients.push(socket);
    }
    let bodiless = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n";
    for _ in 0..300 {
        let mut socket = TcpStream::connect(served.authority()).unwrap();
        socket.write_all(bodiless).unwrap();
        clients.push(socket);
    }
    assert_eq!(served.get("/bulk-data/r4/$export").status, 200);
    assert_eq!(served.end("-TERM"), 0);
    assert!(!dir.path("s.db-wal").exists());
    drop(clients);
    dir.check("s.db");
}

#[test]
fn two_servers_share_a_store() {
    let dir = Dir::new();
    dir.write("a.json", A);
    let one = dir.serve(&["s.db", "a.json"]);
    let two = dir.serve(&["s.db"]);
    let url = url_of(&one.manifest(""), "Patient");
    let path = path(&url);
    assert_eq!(one.get(path).body, two.get(path).body);
}

#[test]
fn unusable_addresses_are_refused() {
    let dir = Dir::new();
    dir.write("a.json", A);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    // A machine without IPv6 cannot listen there at all.
    let has_ipv6 = TcpListener::bind("[::]:0").is_ok();
    let any_ipv6 = if has_ipv6 { (2, "--insecure") } else { (9, "cannot listen") };
    for (listen, (code, why)) in [
        (taken.as_str(), (9, "cannot listen")),
        ("0.0.0.0:0", (2, "--insecure")),
        ("[::]:0", any_ipv6),
        ("nonsense", (2, "nonsense")),
        ("127.0.0.1:99999", (2, "99999")),
    ] {
        let ran = dir.run(["serve", "s.db", "a.json", "--listen", listen]);
        assert_eq!(ran.code, code, "{listen}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{listen}: {}", ran.stderr);
        assert!(!dir.path("s.db").exists(), "{listen}: the refusal left a store");
    }
    let ran = dir.run(["serve", "s.db", "--base-url", "demo.example.org"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("https://"), "{}", ran.stderr);
}

#[test]
fn many_slow_readers_do_not_delay_others() {
    let dir = Dir::new();
    dir.write("a.ndjson", many());
    let served = dir.serve(&["s.db", "a.ndjson", "--quiet"]);
    let url = url_of(&served.manifest(""), "Patient");
    let path = path(&url);
    let whole = served.get(path).body;
    let mut slow = Vec::new();
    for _ in 0..60 {
        let mut socket = TcpStream::connect(served.authority()).unwrap();
        socket
            .write_all(
                format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            )
            .unwrap();
        let mut first = vec![0; 1000];
        socket.read_exact(&mut first).unwrap();
        slow.push((socket, first));
    }
    assert_eq!(get(served.authority(), "/bulk-data/r4/$export", "").status, 200);
    // Half of them disconnect in the middle, and the others get every byte in the end.
    for (number, (mut socket, mut bytes)) in slow.into_iter().enumerate() {
        if number % 2 == 0 {
            drop(socket);
        } else {
            socket.read_to_end(&mut bytes).unwrap();
            assert!(bytes.ends_with(&whole[whole.len() - 1000..]));
        }
    }
    assert!(served.get(path).body == whole);
}
