//! Connections with TLS: versions, downloads, and clients that do not do their part.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::{Beside, SLOW, WITH_ONE, certified, client, many, port, serve};
use crate::http::{EXPORT, lines};
use crate::support::client::parse;
use crate::support::{succeed, tool, until};

#[test]
fn only_tls_1_2_and_1_3_with_http_1_1_inside_are_spoken() {
    let Some(dir) = certified() else { return };
    let served = serve(&dir, &WITH_ONE);
    assert!(served.url.starts_with("https://127.0.0.1:"), "{}", served.url);
    let program = r#"
for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    made = context("one.pem")
    made.minimum_version = made.maximum_version = version
    made.set_alpn_protocols(["h2", "http/1.1"])
    with connect(made) as connection:
        print(connection.version(), connection.selected_alpn_protocol())
# OpenSSL itself must be willing to speak the old ones.
for version in ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1:
    made = context()
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.minimum_version = made.maximum_version = version
    try:
        connect(made)
        print("old version spoken")
    except ssl.SSLError as error:
        print("alert" if "ALERT" in error.reason else error.reason)
made = context()
made.set_alpn_protocols(["h2"])
try:
    connect(made)
    print("h2 spoken")
except ssl.SSLError:
    print("h2 refused")
# Another name than those of the certificate is for the client to refuse.
try:
    connect(context("one.pem"), "other.example")
    print("any name")
except ssl.SSLCertVerificationError:
    print("name refused")
"#;
    let said = succeed(&mut client(&dir, &served, program));
    let expected =
        ["TLSv1.2 http/1.1", "TLSv1.3 http/1.1", "alert", "alert", "h2 refused", "name refused"];
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said, expected);
    assert_eq!(served.end("-TERM"), 0);
}

#[test]
fn all_urls_begin_with_https_and_downloads_are_the_same_bytes() {
    let Some(dir) = certified() else { return };
    let served = serve(&dir, &WITH_ONE);
    let program = format!(
        r#"
made = context("one.pem")
status, _, body = get("{EXPORT}", made)
manifest = json.loads(body)
base = "https://localhost:%d" % port
assert status == 200 and manifest["request"].startswith(base), manifest
for file in manifest["output"]:
    assert file["url"].startswith(base + "/"), file
    status, head, body = get(file["url"][len(base):], made)
    assert status == 200
    open(file["type"], "wb").write(body)
    status, head, body = get(file["url"][len(base):], made, b"Accept-Encoding: gzip\r\n")
    import gzip
    if b"chunked" not in head.lower():
        assert gzip.decompress(body) == open(file["type"], "rb").read()
statement = json.loads(get("/fhir/metadata", made)[2])
assert statement["implementation"]["url"] == base + "/fhir", statement
# Several requests on one connection.
with connect(made) as connection:
    for _ in range(50):
        connection.sendall(b"GET /fhir/Patient/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.endswith(b"}}"):
            answer += connection.recv(1 << 16)
"#
    );
    succeed(&mut client(&dir, &served, &program));
    assert_eq!(dir.read("Patient"), lines("Patient"));
    assert_eq!(dir.read("Observation"), lines("Observation"));
    if let Some(mut curl) = tool("curl") {
        curl.args(["--silent", "--show-error", "--fail", "--cacert", "one.pem"]);
        curl.arg(format!("https://localhost:{}/health", port(&served)));
        assert_eq!(succeed(curl.current_dir(dir.path("."))), "{\"status\":\"ok\"}\n");
    }
    assert_eq!(served.end("-TERM"), 0);
}

#[test]
fn a_slow_reader_holds_no_more_than_a_buffer_and_can_be_cut() {
    let Some(dir) = certified() else { return };
    dir.write("many.ndjson", many());
    dir.import(0, &["m.db", "many.ndjson"]);
    let served = dir.serve_with_log(&[&["m.db", "--grace", "600s"][..], &WITH_ONE].concat());
    let mut slow: Vec<Beside> =
        (0..3).map(|_| Beside::start(client(&dir, &served, SLOW))).collect();
    for one in &mut slow {
        assert_eq!(one.line(), "begun");
    }
    let told = succeed(&mut client(&dir, &served, "print(get('/fhir/Patient/p1')[0])"));
    assert_eq!(told.trim_end(), "200");
    served.signal("-TERM");
    let authority = served.url.strip_prefix("https://").unwrap().to_owned();
    until("nobody is let in", || TcpStream::connect(&authority).is_err().then_some(()));
    assert_eq!(served.end("-TERM"), 0);
    for mut one in slow {
        one.go_on();
        let words = one.line();
        // A cut has no orderly end of TLS, so it cannot be taken for the whole.
        assert_eq!(words, "broken");
        one.end();
    }
}

#[test]
fn handshakes_that_stall_or_fail_keep_nobody_out_and_leave_nothing() {
    let Some(dir) = certified() else { return };
    let more = ["--max-connections", "20", "--head-time", "1s"];
    let served = serve(&dir, &[&WITH_ONE[..], &more].concat());
    let right = || {
        let told = succeed(&mut client(&dir, &served, "print(get('/health')[0])"));
        assert_eq!(told.trim_end(), "200");
    };
    right();
    let size = served.size();
    let threads = |size: Option<(usize, usize)>| size.map(|(threads, _)| threads);
    let authority = served.url.strip_prefix("https://").unwrap().to_owned();
    // Nothing; half a record; a record of no handshake; a long one; an old hello; bytes of no protocol.
    for begin in [
        &b""[..],
        b"\x16\x03\x01",
        b"\x17\x03\x03\x00\x01x",
        b"\x16\x03\x01\xff\xff",
        b"\x80\x2e\x01\x00\x02",
        b"\x00\x00\x00\x00",
    ] {
        let mut held = Vec::new();
        for _ in 0..50 {
            let mut socket = TcpStream::connect(&authority).unwrap();
            let _ = socket.write_all(begin);
            held.push(socket);
        }
        right();
        drop(held);
    }
    // One that drips a byte at a time is closed all the same: the time is that of the whole handshake.
    let mut dripping = TcpStream::connect(&authority).unwrap();
    let mut sending = dripping.try_clone().unwrap();
    let dripper = std::thread::spawn(move || {
        while sending.write_all(b"\x16").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    let _ = dripping.read_to_end(&mut Vec::new());
    dripper.join().unwrap();
    until("threads are back to what they were", || {
        (threads(served.size()) <= threads(size)).then_some(())
    });
    if let (Some((_, before)), Some((_, after))) = (size, served.size()) {
        assert!(after <= before + 8, "{before} files, then {after}");
    }
    assert_eq!(served.end("-TERM"), 0);
    let said = dir.text("stderr");
    assert!(said.matches("without a right TLS handshake").count() <= 1, "{said}");
}

#[test]
fn plain_http_at_a_port_with_tls_is_told_so() {
    let Some(dir) = certified() else { return };
    let served = serve(&dir, &WITH_ONE);
    let mut socket = TcpStream::connect(served.url.strip_prefix("https://").unwrap()).unwrap();
    socket.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    parse(&answer).assert_outcome(400, "https://");
}

#[test]
fn a_unix_socket_beside_tls_stays_without() {
    let Some(dir) = certified() else { return };
    let served = serve(
        &dir,
        &[&WITH_ONE[..], &["--listen", "127.0.0.1:0", "--listen", "unix:s.sock"]].concat(),
    );
    let mut stream = std::os::unix::net::UnixStream::connect(dir.path("s.sock")).unwrap();
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(parse(&answer).status, 200);
    drop(served);
    let args = [&["serve", "s.db", "--listen", "unix:s.sock"][..], &WITH_ONE].concat();
    let ran = dir.run(args);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("TLS is for TCP"), "{}", ran.stderr);
}

/// Reads the file of Patients slowly for longer than `--send-time`. Then it reads the rest at once, and says
/// whether that was the whole.
const TRICKLING: &str = r#"
import time
base = "https://localhost:%d" % port
url = json.loads(get("/bulk-data/r4/$export?_type=Patient")[2])["output"][0]["url"][len(base):]
whole = get(url)[2]
# A small window, so that the server soon has to wait.
plain = socket.socket()
plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
plain.connect(("127.0.0.1", port))
connection = context().wrap_socket(plain, suppress_ragged_eofs=False)
connection.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % url.encode())
taken = b""
for _ in range(40):
    taken += connection.recv(16384)
    time.sleep(0.1)
taken += read_all(connection)
print(taken.partition(b"\r\n\r\n")[2] == whole)
"#;

#[test]
fn a_trickling_reader_gets_the_whole_and_one_that_takes_nothing_is_given_up() {
    let Some(dir) = certified() else { return };
    dir.write("many.ndjson", many());
    dir.import(0, &["m.db", "many.ndjson"]);
    let served = dir.serve_with_log(&[&["m.db", "--send-time", "3s"][..], &WITH_ONE].concat());
    let threads = || served.size().map(|(threads, _)| threads);
    let before = threads();
    let mut stalled = Beside::start(client(&dir, &served, SLOW));
    assert_eq!(stalled.line(), "begun");
    let told = succeed(&mut client(&dir, &served, TRICKLING));
    assert_eq!(told.trim_end(), "True");
    until("the server has given up the other one", || (threads() <= before).then_some(()));
    stalled.go_on();
    assert_eq!(stalled.line(), "broken");
    stalled.end();
}
