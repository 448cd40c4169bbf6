//! Keys that a client publishes at a URL.

use std::thread;

use serde_json::{Value, json};

use crate::support::signer::Signer;
use crate::support::smart::{EVERYTHING, ask, endpoint, granted, protected, refused, register};
use crate::support::{Dir, Served};

#[test]
fn published_keys_are_cached_as_their_headers_say() {
    let Some(signer) = Signer::start() else { return };
    let dir = Dir::new();
    let (host, url_of_keys) = signer.host(json!({}));
    register(&dir, "one", "--jwks-url", &url_of_keys, EVERYTHING);
    let (a, b) = (signer.jwks(&["RSA/a", "EC/a"]), signer.jwks(&["EC/b"]));

    // Each case: the headers of the keys, and how often they are fetched for three assertions.
    for (headers, expected) in [
        (json!([]), 1),
        (json!([["Cache-Control", "public, max-age=120"]]), 1),
        (json!([["Cache-Control", "no-store"]]), 3),
        (json!([["Cache-Control", "max-age=0, must-revalidate"]]), 3),
        // A header on several lines is one: https://www.rfc-editor.org/rfc/rfc9110#section-5.3
        (json!([["Cache-Control", "public"], ["Cache-Control", "no-store"]]), 3),
    ] {
        let served = protected(&dir);
        let url = endpoint(&served);
        signer.answer(host, json!({"body": a, "headers": headers}));
        let before = signer.count(host);
        for how in [json!({}), json!({"key": "EC/a", "alg": "ES384"}), json!({})] {
            let assertion = signer.sign("one", &url, how);
            granted(&ask(&served, &assertion, EVERYTHING), EVERYTHING);
        }
        assert_eq!(signer.count(host) - before, expected, "{headers}");
    }
    let accept = signer.ask(&json!({"do": "asked", "host": host}))["accept"].clone();
    assert!(accept.as_str().unwrap().contains("application/json"), "{accept}");

    let served = protected(&dir);
    let url = endpoint(&served);
    let by_a = |signer: &Signer| signer.sign("one", &url, json!({}));
    let by_b = |signer: &Signer| signer.sign("one", &url, json!({"key": "EC/b", "alg": "ES384"}));
    signer.answer(host, json!({"body": a, "headers": [["Cache-Control", "max-age=300"]]}));
    granted(&ask(&served, &by_a(&signer), EVERYTHING), EVERYTHING);
    // An unknown kid may be new, so the keys are fetched once more.
    let before = signer.count(host);
    refused(&ask(&served, &by_b(&signer), EVERYTHING), 401, "invalid_client", "not yet");
    assert_eq!(signer.count(host) - before, 1);
    signer.answer(host, json!({"body": b, "headers": [["Cache-Control", "max-age=300"]]}));
    granted(&ask(&served, &by_b(&signer), EVERYTHING), EVERYTHING);
    granted(&ask(&served, &by_b(&signer), EVERYTHING), EVERYTHING);
    assert_eq!(signer.count(host) - before, 2);
    // The former key is no longer valid.
    refused(&ask(&served, &by_a(&signer), EVERYTHING), 401, "invalid_client", "gone");

    // jku may name the registered URL. No other URL is ever requested.
    let (foreign, elsewhere) = signer.host(json!({}));
    signer.answer(foreign, json!({"body": b}));
    let with_jku = |signer: &Signer, jku: &str| {
        let how = json!({"key": "EC/b", "alg": "ES384", "header": {"jku": jku}});
        ask(&served, &signer.sign("one", &url, how), EVERYTHING)
    };
    granted(&with_jku(&signer, &url_of_keys), EVERYTHING);
    for jku in [elsewhere.as_str(), &format!("{url_of_keys}?"), &url_of_keys.to_uppercase(), ""] {
        refused(&with_jku(&signer, jku), 401, "invalid_client", jku);
    }
    assert_eq!(signer.count(foreign), 0);
}

#[test]
fn without_usable_published_keys_no_token_is_granted() {
    let Some(signer) = Signer::start() else { return };
    let dir = Dir::new();
    let (other, elsewhere) = signer.host(json!({}));
    let good = signer.jwks(&["RSA/a"]);
    signer.answer(other, json!({"body": good}));
    register(&dir, "three", "--jwks", &good, EVERYTHING);
    let key = signer.jwk("RSA/a", json!({}));
    let alike = signer.jwk("RSA/b", json!({"kid": "RSA/a"}));
    let private = signer.jwk("RSA/a", json!({"private": true}));
    let keys = |keys: Value| json!({"keys": keys}).to_string();
    let no_store = json!([["Cache-Control", "no-store"]]);
    let served = protected(&dir);
    let url = endpoint(&served);
    for (name, mut how) in [
        ("an error", json!({"status": 500, "body": good})),
        ("nothing", json!({"status": 404, "body": good})),
        ("nothing new", json!({"status": 304})),
        ("a redirect", json!({"status": 302, "headers": [["Location", elsewhere]], "body": good})),
        ("a page", json!({"body": "<html>"})),
        ("nothing in it", json!({"body": ""})),
        ("half of it", json!({"body": good[..good.len() / 2]})),
        ("a list", json!({"body": json!([key]).to_string()})),
        ("no keys", json!({"body": keys(json!([]))})),
        ("a private key", json!({"body": keys(json!([private]))})),
        ("two of that kid", json!({"body": keys(json!([key, alike]))})),
        ("the same twice", json!({"body": keys(json!([key, key]))})),
        ("much", json!({"body": format!("{good}{}", " ".repeat(1 << 20))})),
    ] {
        if how.get("headers").is_none() {
            how["headers"] = no_store.clone();
        }
        // Each has a host of its own: one that is asked often is asked once a second only.
        let (host, url_of_keys) = signer.host(json!({}));
        signer.answer(host, how);
        let client = name.replace(' ', "-");
        register(&dir, &client, "--jwks-url", &url_of_keys, EVERYTHING);
        let answer = ask(&served, &signer.sign(&client, &url, json!({})), EVERYTHING);
        refused(&answer, 401, "invalid_client", name);
        assert!(!answer.text().contains(&url_of_keys), "{name}");
        signer.answer(host, json!({"body": good, "headers": no_store}));
        granted(&ask(&served, &signer.sign(&client, &url, json!({})), EVERYTHING), EVERYTHING);
    }
    assert_eq!(signer.count(other), 0, "a redirect was followed");

    // Two key servers that never finish are given up, and do not delay other clients meanwhile.
    let (host, url_of_keys) = signer.host(json!({}));
    register(&dir, "one", "--jwks-url", &url_of_keys, EVERYTHING);
    register(&dir, "two", "--jwks-url", &elsewhere, EVERYTHING);
    signer.answer(host, json!({"body": good, "slow": "to begin"}));
    signer.answer(other, json!({"body": good, "slow": "to end"}));
    let before = signer.count(host);
    let slow = ["one", "two"].map(|client| signer.sign(client, &url, json!({})));
    thread::scope(|scope| {
        let waiting = slow.map(|text| scope.spawn(|| ask(&served, &{ text }, EVERYTHING)));
        while signer.count(host) == before || signer.count(other) == 0 {
            thread::yield_now();
        }
        let quick = signer.sign("three", &url, json!({}));
        granted(&ask(&served, &quick, EVERYTHING), EVERYTHING);
        for answer in waiting {
            refused(&answer.join().unwrap(), 401, "invalid_client", "slow");
        }
    });
}

#[test]
fn keys_are_fetched_only_from_servers_that_the_system_trusts() {
    let Some(signer) = Signer::start() else { return };
    let dir = Dir::new();
    let (host, url_of_keys) = signer.host(json!({"folder": dir.path("")}));
    let keys = signer.jwks(&["RSA/a"]);
    signer.answer(host, json!({"body": keys}));
    register(&dir, "one", "--jwks-url", &url_of_keys, EVERYTHING);
    for is_trusted in [true, false] {
        let mut command = dir.command(["serve", "s.db", "--auth", "required"]);
        command.env_remove("SSL_CERT_DIR").env_remove("SSL_CERT_FILE");
        if is_trusted {
            command.env("SSL_CERT_FILE", dir.path("ca.pem"));
        }
        let served = Served::of(command);
        let assertion = signer.sign("one", &endpoint(&served), json!({}));
        let answer = ask(&served, &assertion, EVERYTHING);
        if is_trusted {
            granted(&answer, EVERYTHING);
        } else {
            refused(&answer, 401, "invalid_client", "not trusted");
        }
        assert_eq!(signer.count(host), 1, "a server that is not trusted gets no request");
    }
    for wrong in ["http://keys.example/jwks.json", "ftp://127.0.0.1/", "file:///etc/hosts", "x"] {
        let more = ["--client-id", "x", "--jwks-url", wrong, "--scope", EVERYTHING];
        let ran = dir.run(["client", "add", "s.db"].iter().chain(&more));
        assert_eq!(ran.code, 2, "{wrong}: {}", ran.stdout);
    }
}
