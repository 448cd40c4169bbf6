//! Proxies before the server: from whom `Forwarded` and `X-Forwarded-` fields are believed, and what for.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use super::{EXPORT, TWO_TYPES};
use crate::support::client::{Answer, get, parse};
use crate::support::oneup::Client;
use crate::support::{Dir, Served};

/// Serves a store of two types with these options.
fn serve(options: &[&str]) -> (Dir, Served) {
    let dir = Dir::new();
    dir.write("in.ndjson", TWO_TYPES);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&[&["s.db"], options].concat());
    (dir, served)
}

/// What a proxy says: each of these alone.
const SAID: [&str; 3] = [
    "Forwarded: for=192.0.2.1;proto=https;host=demo.example.org\r\n",
    "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: demo.example.org\r\n",
    "X-Forwarded-Proto: https\r\nX-Forwarded-Host: demo.example.org\r\n",
];

/// The URL that an export says it was asked for.
fn asked(answer: &Answer) -> String {
    let manifest = answer.json();
    manifest["request"].as_str().expect("a URL").strip_suffix(EXPORT).expect("the path").to_owned()
}

#[test]
fn only_a_trusted_proxy_is_believed_what_the_urls_of_its_clients_begin_with() {
    for (options, is_believed) in [
        (&[][..], false),
        (&["--trust-proxy", "10.0.0.0/8"], false),
        (&["--trust-proxy", "unix"], false),
        (&["--trust-proxy", "127.0.0.2"], false),
        (&["--trust-proxy", "10.0.0.0/8", "--trust-proxy", "127.0.0.0/8"], true),
        (&["--trust-proxy", "127.0.0.1"], true),
    ] {
        let (_dir, served) = serve(options);
        for said in SAID {
            let base = asked(&served.get_with(EXPORT, said));
            let expected = if is_believed { "https://demo.example.org" } else { &served.url };
            assert_eq!(base, expected, "{options:?}: {said}");
        }
        if is_believed {
            // What cannot stand in a URL, and fields that contradict each other, count for nothing.
            for said in [
                "Forwarded: for=192.0.2.1;host=\"a b\"\r\n",
                "Forwarded: host=evil.example;proto=gopher,\r\n",
                "Forwarded: host=evil.example\r\nX-Forwarded-For: 192.0.2.1\r\n",
                "X-Forwarded-Host: a/b\r\n",
            ] {
                assert_eq!(asked(&served.get_with(EXPORT, said)), served.url, "{said}");
            }
        }
    }
    // The operator's word counts for more than a proxy's.
    let (_dir, served) = serve(&["--trust-proxy", "127.0.0.1", "--base-url", "https://a.example"]);
    assert_eq!(asked(&served.get_with(EXPORT, SAID[0])), "https://a.example");
}

#[test]
fn a_proxy_at_a_unix_socket_is_believed_where_these_are_trusted() {
    for (options, base) in [
        (&[][..], "http://here"),
        (&["--trust-proxy", "127.0.0.1"], "http://here"),
        (&["--trust-proxy", "unix"], "https://demo.example.org"),
    ] {
        let more = [&["--listen", "unix:s.sock"][..], options].concat();
        let dir = Dir::new();
        dir.write("in.ndjson", TWO_TYPES);
        dir.import(0, &["s.db", "in.ndjson"]);
        let _served = Served::at_its_places(dir.command([&["serve", "s.db"], &more[..]].concat()));
        let mut stream = UnixStream::connect(dir.path("s.sock")).unwrap();
        let head = format!("GET {EXPORT} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n");
        stream.write_all(format!("{head}{}\r\n", SAID[0]).as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(asked(&parse(&answer)), base, "{options:?}");
    }
}

/// Tries a wrong secret until it must wait; how many tries that took. `said` makes the header lines of a try.
fn tries_until_throttled(served: &Served, said: impl Fn(usize) -> String) -> usize {
    let most = 30;
    let is_throttled = |number: &usize| {
        let headers = format!(
            "{}client_id: app\r\nclient_secret: wrong\r\nx-oneup-user-id: client\r\n",
            said(*number)
        );
        let answer = get(served.authority(), EXPORT, &headers);
        assert!([401, 429].contains(&answer.status), "{}", answer.text());
        answer.status == 429
    };
    (0..most).find(is_throttled).unwrap_or(most)
}

#[test]
fn a_forged_address_does_not_help_those_who_guess_secrets() {
    let dir = Dir::new();
    dir.write("in.ndjson", TWO_TYPES);
    dir.import(0, &["s.db", "in.ndjson"]);
    Client::add(&dir, "s.db", "app");
    let serve = |options: &[&str]| dir.serve(&[&["s.db", "--auth", "required"], options].concat());
    let forged = |number: usize| format!("Forwarded: for=192.0.2.{number}\r\n");
    let served = serve(&[]);
    let by_itself = tries_until_throttled(&served, |_| String::new());
    drop(served);
    // From a peer that nobody trusts, another address with each try changes nothing.
    let served = serve(&["--trust-proxy", "10.0.0.0/8"]);
    assert_eq!(tries_until_throttled(&served, forged), by_itself);
    drop(served);
    // Behind a trusted proxy each client waits for itself, and what it put in front itself does not count.
    let served = serve(&["--trust-proxy", "127.0.0.1"]);
    let in_front = |number| format!("X-Forwarded-For: 192.0.2.{number}, 198.51.100.1\r\n");
    assert_eq!(tries_until_throttled(&served, in_front), by_itself);
    drop(served);
    let served = serve(&["--trust-proxy", "127.0.0.1"]);
    assert_eq!(tries_until_throttled(&served, |_| forged(7)), by_itself);
}

#[test]
fn what_a_proxy_says_does_not_name_the_token_endpoint() {
    let dir = Dir::new();
    dir.write("in.ndjson", TWO_TYPES);
    dir.import(0, &["s.db", "in.ndjson"]);
    Client::add(&dir, "s.db", "app");
    let served = dir.serve(&["s.db", "--auth", "required", "--trust-proxy", "127.0.0.1"]);
    for said in SAID {
        let answer = served.get_with("/fhir/.well-known/smart-configuration", said).json();
        let endpoint = answer["token_endpoint"].as_str().unwrap();
        assert!(endpoint.starts_with(&format!("{}/", served.url)), "{endpoint}");
    }
}

#[test]
fn what_is_no_proxy_is_refused() {
    let dir = Dir::new();
    for wrong in ["", "proxy.example", "10.0.0.0/33", "127.0.0.1:80", "*"] {
        let ran = dir.run(["serve", "s.db", &format!("--trust-proxy={wrong}")]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{wrong}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("{wrong:?}")), "{wrong}: {}", ran.stderr);
    }
}
