//! Requests from web pages of other origins: which pages may read, and what they are told.

use super::{EXPORT, every_path, two_types};
use crate::rest::filled;
use crate::support::bulk::kick_off;
use crate::support::client::{Answer, parse, raw, send};
use crate::support::oneup::Client;
use crate::support::{Dir, Served};

const ELSEWHERE: &str = "https://app.example.org";
const HERE: &str = "http://localhost:3000";

/// Every header about pages in an answer.
fn page_headers(answer: &Answer) -> Vec<String> {
    let lines = answer.head.lines().map(str::to_ascii_lowercase);
    lines.filter(|line| line.starts_with("access-control-") || line == "vary: origin").collect()
}

/// Answers of every kind to pages of an origin: data, errors, refusals by the engine, preflights.
fn answers(served: &Served, origin: &str) -> Vec<Answer> {
    let to = served.authority();
    let from = format!("Origin: {origin}\r\n");
    let preflight = format!(
        "{from}Access-Control-Request-Method: GET\r\nAccess-Control-Request-Private-Network: true\r\n"
    );
    vec![
        served.get_with(EXPORT, &from),
        served.get_with("/health", &from),
        served.get_with("/nowhere", &from),
        served.get_with("/fhir/Patient?x=1", &from),
        send(to, "BREW", "/health", &from, b""),
        send(to, "POST", "/fhir/$export", &format!("{from}Content-Length: 99999999\r\n"), b""),
        send(to, "OPTIONS", EXPORT, &preflight, b""),
        send(to, "OPTIONS", "*", &preflight, b""),
    ]
}

/// The value of a header in an answer that has it once.
fn once<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let is_named = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
    assert!(answer.head.lines().filter(is_named).count() <= 1, "{}", answer.head);
    answer.header(name)
}

#[test]
fn an_open_server_lets_pages_of_this_machine_read_and_no_others() {
    let (_dir, served) = two_types();
    for origin in [HERE, "https://127.0.0.1:8443", "http://[::1]", "http://app.localhost"] {
        for answer in answers(&served, origin) {
            assert_eq!(
                once(&answer, "access-control-allow-origin"),
                Some(origin),
                "{}",
                answer.head
            );
            assert!(page_headers(&answer).contains(&"vary: origin".to_owned()), "{}", answer.head);
        }
    }
    for origin in [ELSEWHERE, "null", "http://localhost.example.org", "http://192.168.0.1"] {
        for answer in answers(&served, origin) {
            assert_eq!(page_headers(&answer), ["vary: origin"], "{origin}: {}", answer.head);
        }
    }
    // A client that is no page notices nothing of this.
    let plain = served.get(EXPORT);
    assert_eq!((plain.status, page_headers(&plain)), (200, vec!["vary: origin".to_owned()]));
    // What is no request has no origin.
    let nothing = parse(&raw(served.authority(), b"nonsense\r\n\r\n"));
    assert_eq!((nothing.status, page_headers(&nothing)), (400, vec!["vary: origin".to_owned()]));
}

#[test]
fn the_operator_names_the_origins_whose_pages_may_read() {
    let (dir, open) = two_types();
    drop(open);
    Client::add(&dir, "s.db", "app");
    let serve = |more: &[&str]| dir.serve(&[&["s.db"], more].concat());
    let allowed = |served: &Served, origin: &str| {
        let all = answers(served, origin);
        let first = once(&all[0], "access-control-allow-origin").map(str::to_owned);
        for answer in &all {
            let one = once(answer, "access-control-allow-origin");
            assert_eq!(one, first.as_deref(), "{}", answer.head);
            let private = answer.header("access-control-allow-private-network");
            assert!(private.is_none() || first.is_some(), "{}", answer.head);
        }
        first
    };
    let named = serve(&["--cors", ELSEWHERE, "--cors", "https://b.example.org:8443"]);
    assert_eq!(allowed(&named, ELSEWHERE).as_deref(), Some(ELSEWHERE));
    assert_eq!(
        allowed(&named, "https://b.example.org:8443").as_deref(),
        Some("https://b.example.org:8443")
    );
    for origin in [HERE, "http://app.example.org", "https://b.example.org"] {
        assert_eq!(allowed(&named, origin), None, "{origin}");
    }
    // A page needs a token of its own.
    let required = serve(&["--auth", "required"]);
    assert_eq!(allowed(&required, ELSEWHERE).as_deref(), Some("*"));
    let answer = required.get_with(EXPORT, &format!("Origin: {ELSEWHERE}\r\n"));
    assert_eq!((answer.status, once(&answer, "vary")), (401, None));
    let limited = serve(&["--auth", "required", "--cors", ELSEWHERE]);
    assert_eq!(allowed(&limited, ELSEWHERE).as_deref(), Some(ELSEWHERE));
    assert_eq!(allowed(&limited, HERE), None);
    assert_eq!(allowed(&serve(&["--cors", "any"]), ELSEWHERE).as_deref(), Some("*"));
    assert_eq!(allowed(&serve(&["--cors", "none"]), HERE), None);
    for wrong in ["app.example.org", "https://app.example.org/", "*", "any,none"] {
        let ran = Dir::run(&dir, ["serve", "s.db", "--listen", "127.0.0.1:0", "--cors", wrong]);
        assert_eq!(ran.code, 2, "{wrong}: {}", ran.stderr);
        assert!(ran.stderr.contains("should be an origin such as"), "{}", ran.stderr);
    }
}

#[test]
fn a_preflight_says_what_a_page_may_send_and_read_on_every_path() {
    let (_dir, served) = filled();
    for (path, allow) in every_path(&served) {
        let plain = send(served.authority(), "OPTIONS", &path, "", b"");
        assert_eq!((plain.status, plain.body.len()), (204, 0), "{path}");
        assert_eq!(plain.header("allow"), Some(allow), "{path}");
        assert_eq!(plain.header("access-control-allow-methods"), None, "{path}");
        let asked = format!(
            "Origin: {HERE}\r\nAccess-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: content-type, prefer\r\n"
        );
        let preflight = send(served.authority(), "OPTIONS", &path, &asked, b"");
        assert_eq!(preflight.status, 204, "{path}");
        assert_eq!(preflight.header("access-control-allow-origin"), Some(HERE));
        assert_eq!(preflight.header("access-control-allow-methods"), Some(allow), "{path}");
        assert_eq!(preflight.header("access-control-allow-private-network"), None);
        let headers = preflight.header("access-control-allow-headers").unwrap().to_lowercase();
        for name in ["accept", "authorization", "content-type", "if-none-match", "prefer", "range"]
        {
            assert!(headers.split(", ").any(|known| known == name), "{path}: {headers}");
        }
        let private = format!("{asked}Access-Control-Request-Private-Network: true\r\n");
        let preflight = send(served.authority(), "OPTIONS", &path, &private, b"");
        assert_eq!(preflight.header("access-control-allow-private-network"), Some("true"));
    }
    let origin = format!("Origin: {HERE}\r\n");
    let started = kick_off(served.authority(), "/fhir/$export", &[], &origin);
    assert_eq!(started.header("access-control-allow-origin"), Some(HERE));
    let exposed = started.header("access-control-expose-headers").unwrap().to_lowercase();
    for name in [
        "content-location",
        "retry-after",
        "x-progress",
        "x-export-status",
        "expires",
        "etag",
        "last-modified",
        "preference-applied",
    ] {
        assert!(exposed.split(", ").any(|known| known == name), "{name}: {exposed}");
    }
    assert_eq!(send(served.authority(), "OPTIONS", "/nowhere", "", b"").status, 404);
}
