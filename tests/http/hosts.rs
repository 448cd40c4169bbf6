//! The names that a server answers to: a web page that gives its own name our address (DNS rebinding) reads nothing.

use super::{EXPORT, two_types};
use crate::support::Served;
use crate::support::client::{Answer, parse, raw};
use crate::support::oneup::Client;

/// Sends GET with these lines about the host.
fn ask(served: &Served, target: &str, host: &str) -> Answer {
    let request = format!("GET {target} HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
    parse(&raw(served.authority(), request.as_bytes()))
}

fn named(served: &Served, host: &str) -> u16 {
    ask(served, EXPORT, &format!("Host: {host}\r\n")).status
}

#[test]
fn an_open_server_on_this_machine_answers_only_to_its_own_names() {
    let (dir, served) = two_types();
    for host in [
        "localhost",
        "LOCALHOST:1",
        "a.localhost:8080",
        "127.0.0.1",
        "127.1.2.3:9",
        "[::1]:80",
        "pc:80",
        "",
    ] {
        assert_eq!(named(&served, host), 200, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.1",
        "[2001:db8::1]",
        "x.y",
    ] {
        for target in
            [EXPORT, "/health", "/fhir/Patient", "/nowhere", &format!("http://{host}{EXPORT}")]
        {
            let refused =
                ask(&served, target, &format!("Host: {host}\r\nOrigin: http://localhost\r\n"));
            refused.assert_outcome(421, "--allow-host");
            assert!(refused.head.starts_with("HTTP/1.1 421 Misdirected Request\r\n"));
            let outcome = refused.json();
            assert_eq!(outcome["issue"][0]["code"], "security");
        }
    }
    // The target counts for more than `Host`.
    assert_eq!(
        ask(&served, &format!("http://evil.example{EXPORT}"), "Host: localhost\r\n").status,
        421
    );
    // Nothing of a body is read, and nothing is done.
    let post = "POST /fhir/Patient/$export HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\n\
                Content-Length: 36\r\nConnection: close\r\n\r\n{\"resourceType\":\"Parameters\"}      ";
    assert_eq!(parse(&raw(served.authority(), post.as_bytes())).status, 421);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 0);
    // HTTP/1.0 needs no Host, and no browser speaks it.
    let old = format!("GET {EXPORT} HTTP/1.0\r\n\r\n");
    assert_eq!(parse(&raw(served.authority(), old.as_bytes())).status, 200);
}

#[test]
fn the_operator_gives_further_names() {
    let (dir, open) = two_types();
    drop(open);
    let served = dir.serve(&[
        "s.db",
        "--base-url",
        "https://demo.example.org:8443/x",
        "--allow-host",
        "Other.example.org",
        "--allow-host",
        "192.0.2.7",
    ]);
    for host in ["demo.example.org", "other.example.org:80", "192.0.2.7:80", "localhost"] {
        assert_eq!(named(&served, host), 200, "{host}");
    }
    for host in ["example.org", "a.demo.example.org", "192.0.2.8"] {
        assert_eq!(named(&served, host), 421, "{host}");
    }
    for wrong in ["http://a.example", "a.example:80", "a/b", ""] {
        let ran = dir.run(["serve", "s.db", "--listen", "127.0.0.1:0", "--allow-host", wrong]);
        assert_eq!(ran.code, 2, "{wrong}: {}", ran.stderr);
        assert!(ran.stderr.contains("without scheme and port"), "{}", ran.stderr);
    }
}

#[test]
fn a_server_that_needs_a_token_answers_to_every_name_unless_names_are_given() {
    let (dir, open) = two_types();
    drop(open);
    Client::add(&dir, "s.db", "app");
    let required = dir.serve(&["s.db", "--auth", "required"]);
    assert_eq!(named(&required, "fhir.example.org"), 401);
    drop(required);
    let named_too = dir.serve(&["s.db", "--auth", "required", "--allow-host", "fhir.example.org"]);
    assert_eq!(named(&named_too, "fhir.example.org"), 401);
    assert_eq!(named(&named_too, "evil.example"), 421);
}
