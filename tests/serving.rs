//! `serve` as a process: its start, its end, and what it refuses.

use std::io::Read;
use std::net::TcpListener;

use crate::support::Dir;
use crate::support::client::get;

const A: &str = r#"{"resourceType":"Patient","id":"a"}"#;

#[test]
fn paths_are_imported_first_and_the_store_is_made() {
    let dir = Dir::new();
    dir.write("in/a.json", A);
    let served = dir.serve(&["s.db", "in"]);
    assert_eq!(served.manifest("")["output"][0]["type"], "Patient");
}

#[cfg(unix)]
#[test]
fn signals_end_it_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let dir = Dir::new();
        dir.write("a.json", A);
        let served = dir.serve(&["s.db", "a.json"]);
        served.manifest("");
        // An idle connection does not keep it.
        let _idle = std::net::TcpStream::connect(served.authority()).unwrap();
        assert_eq!(served.end(signal), 0);
        assert!(!dir.path("s.db-wal").exists());
        dir.check("s.db");
    }
}

#[cfg(unix)]
#[test]
fn something_rejected_is_in_the_exit_code_of_the_end() {
    let dir = Dir::new();
    dir.write("a.ndjson", format!("{A}\nrubbish\n"));
    let served = dir.serve(&["s.db", "a.ndjson"]);
    assert_eq!(served.end("-TERM"), 1);
}

/// Requests that wait for each other on one connection take one place, and the end does not wait for
/// clients that never read.
#[cfg(unix)]
#[test]
fn a_client_that_never_reads_keeps_nobody_from_anything() {
    use std::io::Write;
    let dir = Dir::new();
    dir.write("a.ndjson", many());
    let served = dir.serve(&["s.db", "a.ndjson", "--quiet"]);
    let url = served.manifest("")["output"][0]["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&served.url).unwrap().to_owned();
    let one = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut clients = Vec::new();
    for _ in 0..10 {
        let mut socket = std::net::TcpStream::connect(served.authority()).unwrap();
        socket.write_all(one.repeat(50).as_bytes()).unwrap();
        clients.push(socket);
    }
    let bodiless = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n";
    for _ in 0..300 {
        let mut socket = std::net::TcpStream::connect(served.authority()).unwrap();
        socket.write_all(bodiless).unwrap();
        clients.push(socket);
    }
    assert_eq!(served.get("/bulk-data/r4/$export").status, 200);
    assert_eq!(served.end("-TERM"), 0);
    assert!(!dir.path("s.db-wal").exists());
    drop(clients);
    dir.check("s.db");
}

fn many() -> String {
    (0..20_000)
        .map(|n| {
            format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"text\":\"{n:0500}\"}}\n")
        })
        .collect()
}

#[test]
fn two_servers_share_a_store() {
    let dir = Dir::new();
    dir.write("a.json", A);
    let one = dir.serve(&["s.db", "a.json"]);
    let two = dir.serve(&["s.db"]);
    let url = one.manifest("")["output"][0]["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&one.url).unwrap();
    assert_eq!(one.get(path).body, two.get(path).body);
}

#[test]
fn addresses_that_cannot_be_are_refused() {
    let dir = Dir::new();
    dir.write("a.json", A);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (listen, code, why) in [
        (taken.as_str(), 9, "cannot listen"),
        ("0.0.0.0:0", 2, "--insecure"),
        ("[::]:0", 2, "--insecure"),
        ("nonsense", 2, "nonsense"),
        ("127.0.0.1:99999", 2, "99999"),
    ] {
        let ran = dir.run(["serve", "s.db", "a.json", "--listen", listen]);
        // A machine without IPv6 cannot listen there at all.
        let without_ipv6 = listen.starts_with("[::]") && ran.code == 9;
        assert!(ran.code == code || without_ipv6, "{listen}: {} {}", ran.code, ran.stderr);
        assert!(ran.stderr.contains(why) || without_ipv6, "{listen}: {}", ran.stderr);
        assert!(!dir.path("s.db").exists(), "{listen}: the store was made all the same");
    }
    let ran = dir.run(["serve", "s.db", "--base-url", "demo.example.org"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("https://"), "{}", ran.stderr);
}

#[test]
fn many_slow_readers_do_not_keep_others_waiting() {
    use std::io::Write;
    let dir = Dir::new();
    dir.write("a.ndjson", many());
    let served = dir.serve(&["s.db", "a.ndjson", "--quiet"]);
    let url = served.manifest("")["output"][0]["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&served.url).unwrap();
    let whole = served.get(path).body;
    let mut slow = Vec::new();
    for _ in 0..60 {
        let mut socket = std::net::TcpStream::connect(served.authority()).unwrap();
        socket
            .write_all(
                format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
            )
            .unwrap();
        let mut first = vec![0; 1000];
        socket.read_exact(&mut first).unwrap();
        slow.push((socket, first));
    }
    assert_eq!(get(served.authority(), "/bulk-data/r4/$export", "").status, 200);
    // Half of them go away in the middle, the others get every byte in the end.
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
