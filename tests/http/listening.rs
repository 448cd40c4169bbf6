//! Where a server listens: several addresses at once, IPv6, Unix sockets, sockets that systemd hands over.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use super::{EXPORT, TWO_TYPES, lines};
use crate::support::bulk::url_of;
use crate::support::client::{Answer, get, parse, raw};
use crate::support::{Dir, FHIRLITE, Served, left_out, python, succeed, tool, until};

/// A folder with a store of [`TWO_TYPES`].
fn stored() -> Dir {
    let dir = Dir::new();
    dir.write("in.ndjson", TWO_TYPES);
    dir.import(0, &["s.db", "in.ndjson"]);
    dir
}

/// Serves the store at these places.
fn serve(dir: &Dir, places: &[&str]) -> Served {
    let places = places.iter().flat_map(|place| ["--listen", place]);
    Served::at_its_places(dir.command(["serve", "s.db"].into_iter().chain(places)))
}

/// Sends GET over a Unix socket.
fn get_over(socket: &Path, target: &str, host: &str) -> Answer {
    let mut stream = UnixStream::connect(socket).expect("a connection");
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the end");
    parse(&answer)
}

/// True if this machine has the address `::1`.
fn has_ipv6() -> bool {
    let has = TcpListener::bind("[::1]:0").is_ok();
    if !has {
        left_out("this machine has no address ::1");
    }
    has
}

#[test]
fn a_server_listens_at_several_places_and_names_each() {
    let dir = stored();
    let mut served = serve(&dir, &["127.0.0.1:0", "localhost:0", "unix:s.sock", ":0"]);
    let others = [served.next_place(), served.next_place(), served.next_place()];
    assert!(served.url.starts_with("http://127.0.0.1:"), "{}", served.url);
    assert!(others[0].starts_with("http://"), "{others:?}");
    assert_eq!(others[1], "unix:s.sock");
    assert!(others[2].starts_with("http://127.0.0.1:"), "{others:?}");
    // They share the work, also while connections stay open at each.
    let mut held = Vec::new();
    for _ in 0..3 {
        for url in [&served.url, &others[0], &others[2]] {
            let authority = url.strip_prefix("http://").unwrap();
            held.push(TcpStream::connect(authority).unwrap());
            assert_eq!(get(authority, "/fhir/Patient/a", "").status, 200, "{url}");
        }
        assert_eq!(get_over(&dir.path("s.sock"), "/fhir/Patient/a", "x").status, 200);
    }
    drop(held);
    assert_eq!(served.end("-TERM"), 0);
    assert!(!dir.path("s.sock").exists());
}

#[test]
fn an_ipv6_address_is_written_in_brackets_everywhere() {
    if !has_ipv6() {
        return;
    }
    let dir = stored();
    let served = serve(&dir, &["[::1]:0"]);
    assert!(served.url.starts_with("http://[::1]:"), "{}", served.url);
    let manifest = served.manifest("?_type=Patient");
    assert!(url_of(&manifest, "Patient").starts_with(&format!("{}{EXPORT}/", served.url)));
    assert_eq!(served.files(&manifest)[0].1, lines("Patient"));
}

#[test]
fn each_client_of_every_address_is_told_the_one_at_which_it_arrived() {
    if !has_ipv6() {
        return;
    }
    let dir = stored();
    for (place, hosts) in [
        ("0.0.0.0:0", &["127.0.0.1"][..]),
        ("[::]:0", &["[::1]", "127.0.0.1"]),
        ("[::1]:0", &["[::1]"]),
    ] {
        let args = ["serve", "s.db", "--insecure", "--listen", place];
        let served = Served::at_its_places(dir.command(args));
        let port = served.url.rsplit(':').next().unwrap();
        for host in hosts {
            let authority = format!("{host}:{port}");
            // Some systems have IPv6 and IPv4 apart.
            if TcpStream::connect(&authority).is_err() {
                left_out("this system has no sockets for both versions of IP");
                continue;
            }
            let answer = get(&authority, "/fhir/metadata", "").json();
            assert_eq!(answer["implementation"]["url"], format!("http://{authority}/fhir"));
            let request = format!("GET {EXPORT} HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n");
            let nameless = parse(&raw(&authority, request.as_bytes())).json();
            assert_eq!(nameless["request"], format!("http://{authority}{EXPORT}"));
        }
    }
}

#[test]
fn a_wrong_address_is_named_and_nothing_is_served_at_the_right_ones() {
    let dir = stored();
    for (wrong, word) in [
        ("[::1]", "no address to listen on"),
        ("::1:8080x", "no address to listen on"),
        ("unix:", "names no socket"),
    ] {
        let ran = dir.run(["serve", "s.db", "--listen", "unix:s.sock", "--listen", wrong]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{wrong}: {}", ran.stderr);
        assert!(ran.stderr.contains(word), "{wrong}: {}", ran.stderr);
        assert!(!dir.path("s.sock").exists(), "{wrong}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address.to_string())).unwrap();
    let ran = dir.run(["serve", "s.db", "--listen", "unix:s.sock", "--listen", &taken.1]);
    assert_eq!((ran.code, ran.stdout.as_str()), (9, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains(&taken.1), "{}", ran.stderr);
    assert!(!dir.path("s.sock").exists());
}

#[test]
fn a_unix_socket_is_for_its_owner_and_urls_have_the_clients_host() {
    let dir = stored();
    let served = serve(&dir, &["unix:s.sock"]);
    assert_eq!(served.url, "unix:s.sock");
    let socket = dir.path("s.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for (host, base) in
        [("demo.example.org:99", "http://demo.example.org:99"), ("a!b", "http://localhost")]
    {
        let manifest = get_over(&socket, EXPORT, host).json();
        assert_eq!(manifest["request"], format!("{base}{EXPORT}"));
    }
    let Some(mut curl) = tool("curl") else { return };
    curl.args(["--silent", "--show-error", "--fail", "--unix-socket"]).arg(&socket);
    let manifest = succeed(curl.arg(format!("http://localhost{EXPORT}?_type=Patient")));
    let manifest = serde_json::from_str(&manifest).unwrap();
    let url = url_of(&manifest, "Patient");
    assert!(url.starts_with(&format!("http://localhost{EXPORT}/")), "{url}");
    let mut curl = tool("curl").unwrap();
    let file = curl.args(["--silent", "--unix-socket"]).arg(&socket).arg(url).output().unwrap();
    assert_eq!(file.stdout, lines("Patient"));
    assert_eq!(served.end("-TERM"), 0);
    assert!(!socket.exists());
}

#[test]
fn only_the_socket_of_a_server_that_has_ended_is_replaced() {
    let dir = stored();
    let socket = dir.path("s.sock");
    // A killed server leaves its file.
    let killed = serve(&dir, &["unix:s.sock"]);
    killed.end("-KILL");
    assert!(std::fs::metadata(&socket).unwrap().file_type().is_socket());
    let served = serve(&dir, &["unix:s.sock"]);
    let refused = |word: &str| {
        let ran = dir.run(["serve", "s.db", "--listen", "unix:s.sock"]);
        assert_eq!(ran.code, 9, "{}", ran.stderr);
        assert!(ran.stderr.contains("unix:s.sock") && ran.stderr.contains(word), "{}", ran.stderr);
    };
    refused("another process listens there");
    assert_eq!(get_over(&socket, "/health", "x").status, 200);
    // Another process has put its own socket there: it stays.
    std::fs::remove_file(&socket).unwrap();
    let other = UnixListener::bind(&socket).unwrap();
    assert_eq!(served.end("-TERM"), 0);
    assert!(std::fs::metadata(&socket).unwrap().file_type().is_socket());
    drop(other);
    std::fs::remove_file(&socket).unwrap();
    for make in [
        (|path: &Path| std::fs::write(path, "precious").unwrap()) as fn(&Path),
        |path| std::fs::create_dir(path).unwrap(),
        |path| std::os::unix::fs::symlink("s.db", path).unwrap(),
    ] {
        make(&socket);
        refused("is no socket");
        let is_folder = socket.is_dir();
        if is_folder { std::fs::remove_dir(&socket) } else { std::fs::remove_file(&socket) }
            .unwrap();
    }
    let ran = dir.run(["serve", "s.db", "--listen", "unix:missing/s.sock"]);
    assert_eq!(ran.code, 9, "{}", ran.stderr);
    assert!(ran.stderr.contains("unix:missing/s.sock"), "{}", ran.stderr);
    dir.check("s.db");
}

/// Opens sockets as systemd does, from descriptor 3 on, and becomes the server.
const SYSTEMD: &str = r#"
import os, socket, sys
kinds, program, *arguments = sys.argv[1:]
ready = []
for kind in kinds.split(","):
    if kind == "tcp":
        one = socket.create_server(("127.0.0.1", 0))
    elif kind == "unix":
        one = socket.socket(socket.AF_UNIX)
        one.bind("handed.sock")
        one.listen()
    else:
        one = open("/dev/null")
    ready.append(one)
# First out of the way of the numbers that they get.
moved = [os.dup2(one.fileno(), 100 + at) for at, one in enumerate(ready)]
for at, one in enumerate(moved):
    os.dup2(one, 3 + at)
os.environ["LISTEN_FDS"] = str(len(moved))
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(program, [program, *arguments])
"#;

/// A server to which systemd hands over sockets of these kinds.
fn handed_over(dir: &Dir, kinds: &str, more: &[&str]) -> Option<Command> {
    let mut command = python(&["socket"])?;
    command.args(["-c", SYSTEMD, kinds, FHIRLITE, "serve", "s.db"]).args(more);
    command.current_dir(dir.path("."));
    Some(command)
}

#[test]
fn sockets_of_systemd_are_taken_where_nothing_else_is_said() {
    let dir = stored();
    let Some(command) = handed_over(&dir, "tcp,unix", &[]) else { return };
    let mut served = Served::at_its_places(command);
    assert!(served.url.starts_with("http://127.0.0.1:"), "{}", served.url);
    assert_eq!(served.next_place(), "unix:handed.sock");
    assert_eq!(served.get("/fhir/Patient/a").status, 200);
    assert_eq!(get_over(&dir.path("handed.sock"), "/fhir/Patient/a", "x").status, 200);
    assert_eq!(served.end("-TERM"), 0);
    // The file is systemd's.
    assert!(dir.path("handed.sock").exists());
    // An address that is given counts for more.
    std::fs::remove_file(dir.path("handed.sock")).unwrap();
    let command = handed_over(&dir, "unix", &["--listen", "127.0.0.1:0"]).unwrap();
    let served = Served::at_its_places(command);
    assert_eq!(served.get("/health").status, 200);
    assert_eq!(served.end("-TERM"), 0);
    let output = handed_over(&dir, "file", &[]).unwrap().output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("file descriptor 3") && stderr.contains("LISTEN_FDS"), "{stderr}");
}

#[test]
fn clients_of_a_unix_socket_that_leave_or_stall_keep_nobody_out() {
    let dir = stored();
    let args = ["serve", "s.db", "--listen", "unix:s.sock", "--max-connections", "20"];
    let served = Served::at_its_places(dir.command(args));
    let socket = dir.path("s.sock");
    let size = served.size();
    let mut stalled = Vec::new();
    for number in 0..200 {
        let mut stream = UnixStream::connect(&socket).unwrap();
        if number % 2 == 0 {
            stream.write_all(b"GET /hea").unwrap();
        }
        stalled.push(stream);
    }
    assert_eq!(get_over(&socket, "/health", "x").status, 200);
    drop(stalled);
    let threads = |size: Option<(usize, usize)>| size.map(|(threads, _)| threads);
    until("threads are back to what they were", || {
        (threads(served.size()) <= threads(size)).then_some(())
    });
    assert_eq!(served.end("-TERM"), 0);
}
