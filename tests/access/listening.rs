//! Servers that are protected, open, or refuse to start without saying which.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::Dir;
use crate::support::client::get;
use crate::support::oneup::{Client, EXPORT};

/// Starts a server on the address in `args`; the process and its first line.
fn start(dir: &Dir, args: &[&str]) -> (Child, String) {
    let mut command: Command = dir.command(["serve"].iter().chain(args));
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("its standard output");
    BufReader::new(out).read_line(&mut line).expect("a first line");
    (child, line)
}

#[test]
fn a_server_for_other_machines_must_be_protected_or_insecure() {
    let dir = Dir::new();
    dir.write("in.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n");
    dir.import(0, &["s.db", "in.ndjson"]);
    let here = ["--listen", "127.0.0.1:0"];
    let refused = |args: &[&str], word: &str| {
        let ran = dir.run(["serve", "s.db"].iter().chain(args));
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(word), "{args:?}: {}", ran.stderr);
    };
    refused(&[&["--auth", "required"][..], &here].concat(), "fhirlite client add s.db");
    refused(&["--auth", "maybe"], "required");
    let everywhere = ["--listen", "0.0.0.0:0"];
    refused(&everywhere, "--insecure");
    refused(&[&everywhere[..], &["--auth", "off"]].concat(), "--auth required");
    let app = Client::add(&dir, "s.db", "app");
    refused(&everywhere, "--auth required");
    // A protected server has TLS, its own or that of a proxy, or says that it needs none.
    let protected = [&everywhere[..], &["--auth", "required"]].concat();
    for way in ["--tls-cert", "--base-url https://", "--insecure"] {
        refused(&protected, way);
    }
    refused(&[&protected[..], &["--base-url", "http://demo.example.org"]].concat(), "without TLS");
    refused(&[&everywhere[..], &["--tls-self-signed"]].concat(), "--auth required");
    refused(&["--listen", "127.0.0.1:0", "--listen", "[::]:0"], "--insecure");
    for more in [
        &["--auth", "required", "--tls-self-signed"][..],
        &["--auth", "required", "--base-url", "https://demo.example.org"],
    ] {
        let (mut child, line) = start(&dir, &[&["s.db"][..], &everywhere, more].concat());
        let is_encrypted = more.contains(&"--tls-self-signed");
        let scheme = if is_encrypted { "https" } else { "http" };
        assert!(
            line.starts_with(&format!("listening on {scheme}://0.0.0.0:")),
            "{more:?}: {line:?}"
        );
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    }
    for (more, status) in [(&["--auth", "required", "--insecure"][..], 401), (&["--insecure"], 200)]
    {
        let (mut child, line) = start(&dir, &[&["s.db"][..], &everywhere, more].concat());
        let port = line.trim_end().rsplit_once(':').map(|(_, port)| port.to_owned());
        let to = format!("127.0.0.1:{}", port.unwrap_or_else(|| panic!("{more:?}: {line:?}")));
        assert_eq!(get(&to, EXPORT, "").status, status, "{more:?}");
        assert_eq!(get(&to, EXPORT, &app.headers("client")).status, 200, "{more:?}");
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    }
    // A removed client does not count.
    assert_eq!(dir.run(["client", "remove", "s.db", "app"]).code, 0);
    refused(&[&["--auth", "required"][..], &here].concat(), "fhirlite client add s.db");
    dir.check("s.db");
}
