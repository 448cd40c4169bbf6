//! TLS: versions, certificates and their fingerprints, downloads, clients that do not do their part, SIGHUP.
//!
//! The other side is Python's `ssl`, which is OpenSSL.

mod certificates;
mod connections;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::TWO_TYPES;
use crate::support::{Dir, Served, left_out, python, succeed};

/// A folder with a store of [`TWO_TYPES`], and two certificates with their keys: `one` and `two`. `None` where
/// this machine lacks `openssl` or Python.
fn certified() -> Option<Dir> {
    let (mut trial, _) = (tool_openssl()?, python(&["ssl", "socket"])?);
    succeed(&mut trial);
    let dir = Dir::new();
    dir.write("in.ndjson", TWO_TYPES);
    dir.import(0, &["s.db", "in.ndjson"]);
    for name in ["one", "two"] {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        openssl.args(["-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext"]);
        openssl.args(["subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout"]);
        openssl.arg(format!("{name}.key")).arg("-out").arg(format!("{name}.pem"));
        succeed(openssl.current_dir(dir.path(".")));
    }
    Some(dir)
}

fn tool_openssl() -> Option<Command> {
    let mut openssl = Command::new("openssl");
    openssl.arg("version");
    if openssl.output().is_ok_and(|output| output.status.success()) {
        return Some(openssl);
    }
    left_out("openssl is missing");
    None
}

/// The fingerprint of the certificate `name`, by openssl.
fn fingerprint(dir: &Dir, name: &str) -> String {
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(dir.path(name));
    let line = succeed(&mut openssl);
    line.trim_end().rsplit('=').next().expect("a fingerprint").to_owned()
}

const WITH_ONE: [&str; 4] = ["--tls-cert", "one.pem", "--tls-key", "one.key"];

/// Serves the store with TLS, with standard error in the file `stderr`.
fn serve(dir: &Dir, more: &[&str]) -> Served {
    dir.serve_with_log(&[&["s.db"][..], more].concat())
}

/// The port of a server with TLS.
fn port(served: &Served) -> &str {
    served.url.strip_prefix("https://127.0.0.1:").expect("https on the loopback")
}

/// What every Python client begins with: a context that trusts the certificate in `trusted`.
const CLIENT: &str = r#"
import hashlib, json, os, socket, ssl, sys, threading, warnings
warnings.simplefilter("ignore")
port = int(sys.argv[1])

def context(trusted=None):
    made = ssl.create_default_context(cafile=trusted)
    if trusted is None:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made

def connect(made=None, name="localhost"):
    return (made or context()).wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname=name, suppress_ragged_eofs=False)

def fingerprint(connection):
    digest = hashlib.sha256(connection.getpeercert(True)).hexdigest().upper()
    return ":".join(digest[at:at + 2] for at in range(0, 64, 2))

def read_all(connection):
    pieces = []
    while piece := connection.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)

def get(path, made=None, head=b""):
    with connect(made) as connection:
        connection.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n" % port + head + b"\r\n")
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
        return int(head.split()[1]), head, body
"#;

/// A Python program behind [`CLIENT`].
fn client(dir: &Dir, served: &Served, program: &str) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", &format!("{CLIENT}{program}"), port(served)]).current_dir(dir.path("."));
    command
}

/// Lines of so many Patients that a file of them does not fit in the buffers of a connection.
fn many() -> String {
    (0..30_000)
        .map(|n| {
            format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"text\":\"{n:0500}\"}}\n")
        })
        .collect()
}

/// A Python client that runs beside the test: it says a line, and goes on when it gets one.
struct Beside {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Beside {
    fn start(mut command: Command) -> Beside {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let said = BufReader::new(child.stdout.take().expect("its standard output"));
        Beside { child, said }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    fn go_on(&mut self) {
        self.child.stdin.as_mut().expect("its input").write_all(b"\n").expect("told");
    }

    fn end(mut self) {
        assert!(self.child.wait().expect("it ends").success());
    }
}

/// Fetches the file of Patients: half of it, then the rest when told so; says how long it is and its hash.
const SLOW: &str = r#"
base = "https://localhost:%d" % port
url = json.loads(get("/bulk-data/r4/$export?_type=Patient")[2])["output"][0]["url"][len(base):]
connection = connect()
connection.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % url.encode())
begin = connection.recv(1000)
print("begun", flush=True)
sys.stdin.readline()
try:
    rest = read_all(connection)
except OSError as error:
    print("broken", flush=True)
    sys.exit()
body = (begin + rest).partition(b"\r\n\r\n")[2]
print(len(body), hashlib.sha256(body).hexdigest(), flush=True)
"#;
