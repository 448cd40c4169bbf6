//! Assertions and the keys behind them: what lets a client of SMART Backend Services in, and what does not.
//!
//! <https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html>. Keys and assertions are made
//! by Python's packages (`tests/independent/assertions.py`), so that what both sides agree on is the
//! standard.

use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use crate::support::client::{parse, raw};
use crate::support::signer::Signer;
use crate::support::smart::{
    EVERYTHING, FORM, JWT_BEARER, ask, endpoint, granted, post, protected, refused, register,
    tokens,
};
use crate::support::{Dir, Served};

/// A folder with clients `one` (RSA/a, EC/a and keys that cannot be used) and `two` (RSA/a, too).
fn two_clients(signer: &mut Signer) -> Dir {
    let dir = Dir::new();
    let odd = [
        ("RSA/enc", json!({"use": "enc"})),
        ("RSA/ops", json!({"key_ops": ["sign", "encrypt"]})),
        ("RSA/alg", json!({"alg": "RS256"})),
        ("EC/alg", json!({"alg": "ES256"})),
        ("RSA-1024/a", json!({})),
        ("P-256/a", json!({})),
    ];
    let mut keys: Vec<Value> = vec![
        signer.jwk("RSA/a", json!({"use": "sig", "alg": "RS384", "key_ops": ["verify"]})),
        signer.jwk("EC/a", json!({})),
    ];
    keys.extend(odd.map(|(name, more)| signer.jwk(name, more)));
    register(&dir, "one", "--jwks", &json!({"keys": keys}).to_string(), EVERYTHING);
    register(&dir, "two", "--jwks", &signer.jwks(&["RSA/a"]), EVERYTHING);
    dir
}

#[test]
fn assertions_are_refused_however_they_are_broken() {
    let Some(mut signer) = Signer::start() else { return };
    let dir = two_clients(&mut signer);
    let other_server = "http://other.example/fhir/oauth2/token";
    let kid = |kid: Value| json!({"header": {"kid": kid}});
    let claims = |claims: Value| json!({"claims": claims});
    let times = |times: Value| json!({"times": times});
    let edit = |edit: &str| json!({"edit": edit});
    let ec = |more: &str| json!({"key": "EC/a", "alg": "ES384", "edit": more});
    let broken = [
        ("alg none", json!({"alg": "none", "how": "none"})),
        ("alg none, signed", json!({"alg": "none", "how": "RS384"})),
        ("alg None", json!({"alg": "None", "how": "none"})),
        ("RS384, not signed", json!({"how": "none"})),
        ("no alg", json!({"header": {"alg": null}})),
        ("HS256 by the key's PEM", json!({"alg": "HS256", "how": "secret PEM"})),
        ("HS256 by the key's JWK", json!({"alg": "HS256", "how": "secret JWK"})),
        ("RS384, really HS256", json!({"how": "secret PEM"})),
        ("RS256", json!({"alg": "RS256"})),
        ("RS512", json!({"alg": "RS512"})),
        ("PS384", json!({"alg": "PS384"})),
        ("RS384, really PS384", json!({"how": "PS384"})),
        ("RS384, really RS256", json!({"how": "RS256"})),
        ("ES256", json!({"key": "P-256/a", "alg": "ES256"})),
        ("rs384", json!({"alg": "rs384", "how": "RS384"})),
        ("RS384, really ES384", json!({"key": "EC/a", "how": "ES384"})),
        ("ES384, really RS384", json!({"alg": "ES384", "how": "RS384"})),
        ("ES384 as DER", json!({"key": "EC/a", "alg": "ES384", "how": "DER"})),
        ("ES384 on P-256", json!({"key": "P-256/a", "alg": "ES384", "how": "ES256"})),
        ("another key by that name", json!({"key": "RSA/b", "header": {"kid": "RSA/a"}})),
        ("another EC key", json!({"key": "EC/b", "alg": "ES384", "header": {"kid": "EC/a"}})),
        ("a key that is not registered", json!({"key": "RSA/b"})),
        ("no kid", kid(Value::Null)),
        ("empty kid", kid(json!(""))),
        ("unknown kid", kid(json!("RSA/c"))),
        ("another key's kid", kid(json!("EC/a"))),
        ("a number as kid", kid(json!(1))),
        ("jku of a client without one", json!({"header": {"jku": "https://a.example/jwks"}})),
        ("typ", json!({"header": {"typ": "JOSE"}})),
        ("crit", json!({"header": {"crit": ["exp"]}})),
        ("empty crit", json!({"header": {"crit": []}})),
        ("no iss", claims(json!({"iss": null}))),
        ("empty iss", claims(json!({"iss": "", "sub": ""}))),
        ("iss of somebody else", claims(json!({"iss": "two"}))),
        ("no sub", claims(json!({"sub": null}))),
        ("sub of somebody else", claims(json!({"sub": "two"}))),
        ("two iss", json!({"twice": "iss"})),
        ("two sub", json!({"twice": "sub"})),
        ("no aud", claims(json!({"aud": null}))),
        ("aud of another server", claims(json!({"aud": other_server}))),
        ("auds without ours", claims(json!({"aud": [other_server, "a"]}))),
        ("no auds", claims(json!({"aud": []}))),
        ("the base as aud", claims(json!({"aud": "BASE"}))),
        ("the token URL with a slash", claims(json!({"aud": "TOKEN/"}))),
        ("no exp", claims(json!({"exp": null}))),
        ("past", times(json!({"exp": -60}))),
        ("six minutes ahead", times(json!({"exp": 360}))),
        ("ten minutes ahead", times(json!({"exp": 600}))),
        ("exp as text", claims(json!({"exp": "2000000000"}))),
        ("exp beyond all numbers", claims(json!({"exp": 1e300}))),
        ("nbf ahead", times(json!({"nbf": 90}))),
        ("iat ahead", times(json!({"iat": 90}))),
        ("no jti", claims(json!({"jti": null}))),
        ("empty jti", claims(json!({"jti": ""}))),
        ("jti as a number", claims(json!({"jti": 1}))),
        ("endless jti", claims(json!({"jti": "x".repeat(5000)}))),
        ("a key with use=enc", json!({"key": "RSA/enc"})),
        ("a key not to verify with", json!({"key": "RSA/ops"})),
        ("a key for RS256", json!({"key": "RSA/alg"})),
        ("a key for ES256", json!({"key": "EC/alg", "alg": "ES384"})),
        ("a key of 1024 bits", json!({"key": "RSA-1024/a"})),
        ("header edited", edit("header")),
        ("payload edited", edit("payload")),
        ("signature edited", edit("signature")),
        ("signature cut", edit("shorter")),
        ("signature taken away", edit("unsigned")),
        ("EC, payload edited", ec("payload")),
        ("EC, signature edited", ec("signature")),
        ("EC, signature cut", ec("shorter")),
        ("two parts", edit("two parts")),
        ("four parts", edit("four parts")),
        ("padding", edit("padded")),
        ("a blank before it", edit("blank")),
        ("20 kB of claims", claims(json!({"x": "x".repeat(20_000)}))),
    ];
    let bare = ["..", ".", "garbage", "e30.e30.e30", "\u{0}", "é.é.é", "{}"];
    let bare = bare.map(|text| (text.to_owned(), Value::Null));
    let long = [("A".repeat(50_000), Value::Null), (".".repeat(20_000), Value::Null)];
    let broken = broken.map(|(name, how)| (name.to_owned(), how));
    let all: Vec<_> = broken.into_iter().chain(bare).chain(long).collect();
    // Who fails five times has to wait, unless the server is another one.
    for some in all.chunks(4) {
        let served = protected(&dir);
        let url = endpoint(&served);
        let base = url.strip_suffix("/oauth2/token").unwrap();
        for (name, how) in some {
            let how = how.to_string().replace("\"BASE\"", &format!("\"{base}\""));
            let how = serde_json::from_str(&how.replace("TOKEN/", &format!("{url}/"))).unwrap();
            let assertion = match how {
                Value::Null => name.clone(),
                how => signer.sign("one", &url, how),
            };
            let name = name.chars().take(40).collect::<String>();
            let before = tokens(&dir);
            refused(&ask(&served, &assertion, EVERYTHING), 401, "invalid_client", &name);
            assert_eq!(tokens(&dir), before, "{name}");
            // What was refused is not why the next one would be.
            let right = signer.sign("one", &url, json!({}));
            granted(&ask(&served, &right, EVERYTHING), EVERYTHING);
            assert_eq!(tokens(&dir), before + 1, "{name}");
        }
    }
}

#[test]
fn assertions_are_taken_in_each_form_that_is_right() {
    let Some(mut signer) = Signer::start() else { return };
    let dir = two_clients(&mut signer);
    let served = protected(&dir);
    let url = endpoint(&served);
    assert_eq!(url, format!("{}/fhir/oauth2/token", served.url));
    for how in [
        json!({}),
        json!({"key": "EC/a", "alg": "ES384"}),
        json!({"claims": {"aud": ["https://a.example/", url]}}),
        json!({"claims": {"aud": format!("{}/oauth2/token", served.url)}}),
        json!({"times": {"iat": 0, "nbf": 0}}),
        json!({"times": {"exp": -15}}),
        json!({"times": {"exp": 310, "iat": 15, "nbf": 15}}),
        json!({"claims": {"more": {"a": [1]}}, "header": {"x": 1}}),
    ] {
        let answer = ask(&served, &signer.sign("one", &url, how.clone()), EVERYTHING);
        let header = granted(&answer, EVERYTHING);
        assert_eq!(served.get_with("/fhir/Patient", &header).status, 200, "{how}");
    }
    let fields = |assertion: &str, more: &[(&'static str, &'static str)]| {
        let mut fields = vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_assertion_type", JWT_BEARER.to_owned()),
            ("client_assertion", assertion.to_owned()),
            ("scope", EVERYTHING.to_owned()),
        ];
        fields.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        let more = more.iter().filter(|(_, value)| !value.is_empty());
        fields.extend(more.map(|(name, value)| (*name, (*value).to_owned())));
        fields
    };
    let mut form = |more: &[(&'static str, &'static str)], content_type: &str| {
        let fields = fields(&signer.sign("one", &url, json!({})), more);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        post(served.authority(), &fields, content_type)
    };
    granted(&form(&[], "application/x-www-form-urlencoded; charset=UTF-8"), EVERYTHING);
    granted(&form(&[("client_id", "one")], FORM), EVERYTHING);

    let before = tokens(&dir);
    let other = form(&[("client_id", "two")], FORM);
    refused(&other, 401, "invalid_client", "another client_id");
    for (name, value, error) in [
        ("grant_type", "password", "unsupported_grant_type"),
        ("grant_type", "CLIENT_CREDENTIALS", "unsupported_grant_type"),
        ("grant_type", "", "invalid_request"),
        ("client_assertion_type", "urn:example:other", "invalid_request"),
        ("client_assertion_type", "", "invalid_request"),
        ("client_assertion", "", "invalid_request"),
        ("scope", "", "invalid_scope"),
        ("scope", " ", "invalid_scope"),
    ] {
        refused(&form(&[(name, value)], FORM), 400, error, &format!("{name}={value}"));
    }
    assert_eq!(tokens(&dir), before);

    // What a client calls this server is no proof that an assertion was meant for it.
    let meant = "http://other.example/fhir/oauth2/token";
    let assertion = signer.sign("one", meant, json!({}));
    let body = format!(
        "grant_type=client_credentials&scope={EVERYTHING}&client_assertion_type={JWT_BEARER}&client_assertion={assertion}"
    );
    for host in ["other.example", "other.example:80"] {
        let head = format!(
            "POST /fhir/oauth2/token HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {FORM}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = parse(&raw(served.authority(), format!("{head}{body}").as_bytes()));
        refused(&answer, 401, "invalid_client", host);
    }
    assert_eq!(tokens(&dir), before);
}

#[test]
fn who_is_not_known_is_told_the_same_as_who_signed_wrongly() {
    let Some(mut signer) = Signer::start() else { return };
    let dir = two_clients(&mut signer);
    let ran = dir.run(["client", "add", "s.db", "--client-id", "secretive"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let served = protected(&dir);
    let url = endpoint(&served);
    let mut bytes = |client: &str, how: Value| {
        let answer = ask(&served, &signer.sign(client, &url, how), EVERYTHING);
        refused(&answer, 401, "invalid_client", client);
        let head: Vec<_> = answer.head.lines().filter(|line| !line.starts_with("Date:")).collect();
        (head.join("\n"), answer.body)
    };
    let unknown = bytes("nobody", json!({}));
    for (client, how) in [
        ("one", json!({"key": "RSA/b", "header": {"kid": "RSA/a"}})),
        ("one", json!({"header": {"kid": "RSA/none"}})),
        ("one", json!({"header": {"jku": "http://127.0.0.1:1/"}})),
        // What else is wrong is told to nobody who has not signed.
        ("one", json!({"key": "RSA/b", "header": {"kid": "RSA/a"}, "times": {"exp": -90}})),
        ("two", json!({"key": "EC/a", "alg": "ES384"})),
        ("secretive", json!({})),
        ("nobody", json!({"times": {"exp": -90}})),
    ] {
        assert_eq!(bytes(client, how.clone()), unknown, "{client} {how}");
    }
}

#[test]
fn an_assertion_is_taken_once() {
    let Some(mut signer) = Signer::start() else { return };
    let dir = two_clients(&mut signer);
    // By this name it is the same server whatever its port is.
    let start = || dir.serve(&["s.db", "--auth", "required", "--base-url", "https://f.example"]);
    let url = "https://f.example/fhir/oauth2/token";
    let served = start();
    assert_eq!(endpoint(&served), url);
    let jti = json!({"claims": {"jti": "the same"}});
    let first = signer.sign("one", url, jti.clone());
    granted(&ask(&served, &first, EVERYTHING), EVERYTHING);
    refused(&ask(&served, &first, EVERYTHING), 401, "invalid_client", "again");
    let again =
        signer.sign("one", url, json!({"claims": {"jti": "the same"}, "times": {"exp": 9}}));
    refused(&ask(&served, &again, EVERYTHING), 401, "invalid_client", "only its jti again");
    let of_other_key = json!({"key": "EC/a", "alg": "ES384", "claims": {"jti": "the same"}});
    let of_other_key = signer.sign("one", url, of_other_key);
    refused(&ask(&served, &of_other_key, EVERYTHING), 401, "invalid_client", "by another key");
    granted(&ask(&served, &signer.sign("two", url, jti), EVERYTHING), EVERYTHING);
    let own = format!("{}/fhir/oauth2/token", served.url);
    let by_address = signer.sign("one", &own, json!({}));
    refused(&ask(&served, &by_address, EVERYTHING), 401, "invalid_client", "the address as aud");

    // Exactly one of those that come at once.
    const AT_ONCE: usize = 4;
    for round in 0..8 {
        let assertion = signer.sign("two", url, json!({}));
        let barrier = Barrier::new(AT_ONCE);
        let statuses: Vec<u16> = thread::scope(|scope| {
            let run = || {
                barrier.wait();
                ask(&served, &assertion, EVERYTHING).status
            };
            let running: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(run)).collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let won = statuses.iter().filter(|status| **status == 200).count();
        let lost = statuses.iter().filter(|status| **status == 401).count();
        assert_eq!((won, lost), (1, AT_ONCE - 1), "round {round}");
        // A success, so that failures do not add up.
        granted(&ask(&served, &signer.sign("two", url, json!({})), EVERYTHING), EVERYTHING);
    }

    // A server that was killed has not forgotten; one that ended neither.
    drop(served);
    let served = start();
    refused(&ask(&served, &first, EVERYTHING), 401, "invalid_client", "after a kill");
    assert_eq!(served.end("-TERM"), 0);
    let served = start();
    refused(&ask(&served, &first, EVERYTHING), 401, "invalid_client", "after an end");
    granted(&ask(&served, &signer.sign("one", url, json!({})), EVERYTHING), EVERYTHING);
    let plain = "SELECT count(*) FROM assertion WHERE instr(CAST(jti AS TEXT), 'the same') > 0";
    assert_eq!(dir.count("s.db", plain), 0, "a jti is kept as its hash");
}

#[test]
fn keys_that_no_client_may_have_are_refused_at_registration() {
    let Some(mut signer) = Signer::start() else { return };
    let dir = Dir::new();
    let right = signer.jwk("RSA/a", json!({}));
    let private = signer.jwk("EC/a", json!({"private": true}));
    let alike = signer.jwk("RSA/b", json!({"kid": "RSA/a"}));
    for (keys, word) in [
        (json!([right, private]), "private"),
        (json!([right, {"kty": "oct", "kid": "s", "k": "c2VjcmV0"}]), "private"),
        (json!([right, alike]), "kid"),
        (json!([signer.jwk("RSA/a", json!({"kid": ""}))]), "kid"),
        (json!([signer.jwk("RSA-1024/a", json!({}))]), "2048"),
        (json!([signer.jwk("P-256/a", json!({}))]), "P-384"),
        (json!([signer.jwk("RSA/a", json!({"use": "enc"}))]), "no key"),
        (json!([]), "no key"),
        (json!(null), "JSON Web Key Set"),
    ] {
        dir.write("jwks.json", json!({"keys": keys}).to_string());
        let more = ["--client-id", "x", "--jwks", "jwks.json", "--scope", EVERYTHING];
        let ran = dir.run(["client", "add", "s.db"].iter().chain(&more));
        assert_eq!(ran.code, 2, "{word}: {}", ran.stdout);
        assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
        let secret = private["d"].as_str().unwrap();
        assert!(!ran.stderr.contains(secret) && !ran.stdout.contains(secret));
    }
    assert!(!dir.path("s.db").exists(), "a store was made for nobody");
}

#[test]
fn published_keys_are_fetched_as_their_client_says() {
    let Some(mut signer) = Signer::start() else { return };
    let dir = Dir::new();
    let (host, place) = signer.host(json!({}));
    register(&dir, "one", "--jwks-url", &place, EVERYTHING);
    let (a, b) = (signer.jwks(&["RSA/a", "EC/a"]), signer.jwks(&["EC/b"]));

    // How often keys are fetched for three assertions.
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
    let by_a = |signer: &mut Signer| signer.sign("one", &url, json!({}));
    let by_b =
        |signer: &mut Signer| signer.sign("one", &url, json!({"key": "EC/b", "alg": "ES384"}));
    signer.answer(host, json!({"body": a, "headers": [["Cache-Control", "max-age=300"]]}));
    granted(&ask(&served, &by_a(&mut signer), EVERYTHING), EVERYTHING);
    // A kid that is not among those that are kept may be new: one more look, no more.
    let before = signer.count(host);
    refused(&ask(&served, &by_b(&mut signer), EVERYTHING), 401, "invalid_client", "not yet");
    assert_eq!(signer.count(host) - before, 1);
    signer.answer(host, json!({"body": b, "headers": [["Cache-Control", "max-age=300"]]}));
    granted(&ask(&served, &by_b(&mut signer), EVERYTHING), EVERYTHING);
    granted(&ask(&served, &by_b(&mut signer), EVERYTHING), EVERYTHING);
    assert_eq!(signer.count(host) - before, 2);
    // The old key is one no more.
    refused(&ask(&served, &by_a(&mut signer), EVERYTHING), 401, "invalid_client", "gone");

    // jku may say what is registered, and nothing else is ever asked for.
    let (foreign, elsewhere) = signer.host(json!({}));
    signer.answer(foreign, json!({"body": b}));
    let with_jku = |signer: &mut Signer, jku: &str| {
        let how = json!({"key": "EC/b", "alg": "ES384", "header": {"jku": jku}});
        ask(&served, &signer.sign("one", &url, how), EVERYTHING)
    };
    granted(&with_jku(&mut signer, &place), EVERYTHING);
    for jku in [elsewhere.as_str(), &format!("{place}?"), &place.to_uppercase(), ""] {
        refused(&with_jku(&mut signer, jku), 401, "invalid_client", jku);
    }
    assert_eq!(signer.count(foreign), 0);
}

#[test]
fn keys_that_cannot_be_had_let_nobody_in() {
    let Some(mut signer) = Signer::start() else { return };
    let dir = Dir::new();
    let (host, place) = signer.host(json!({}));
    let (other, elsewhere) = signer.host(json!({}));
    register(&dir, "one", "--jwks-url", &place, EVERYTHING);
    let good = signer.jwks(&["RSA/a"]);
    signer.answer(other, json!({"body": good}));
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
        signer.answer(host, how);
        let answer = ask(&served, &signer.sign("one", &url, json!({})), EVERYTHING);
        refused(&answer, 401, "invalid_client", name);
        assert!(!answer.text().contains(&place), "{name}");
        signer.answer(host, json!({"body": good, "headers": no_store}));
        granted(&ask(&served, &signer.sign("one", &url, json!({})), EVERYTHING), EVERYTHING);
    }
    assert_eq!(signer.count(other), 0, "a redirect was followed");

    // Two that take forever are given up, and hold up nobody else meanwhile.
    register(&dir, "two", "--jwks-url", &elsewhere, EVERYTHING);
    register(&dir, "three", "--jwks", &good, EVERYTHING);
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
fn keys_are_fetched_over_tls_from_whom_the_system_trusts() {
    let Some(mut signer) = Signer::start() else { return };
    let dir = Dir::new();
    let (host, place) = signer.host(json!({"folder": dir.path("")}));
    let keys = signer.jwks(&["RSA/a"]);
    signer.answer(host, json!({"body": keys}));
    register(&dir, "one", "--jwks-url", &place, EVERYTHING);
    for is_trusted in [true, false] {
        let mut command = dir.command(["serve", "s.db", "--auth", "required"]);
        command.env_remove("SSL_CERT_DIR").env_remove("SSL_CERT_FILE");
        if is_trusted {
            command.env("SSL_CERT_FILE", dir.path("ca.pem"));
        }
        let served = Served::of(command);
        let assertion = signer.sign("one", &endpoint(&served), json!({}));
        let answer = ask(&served, &assertion, EVERYTHING);
        match is_trusted {
            true => drop(granted(&answer, EVERYTHING)),
            false => refused(&answer, 401, "invalid_client", "not trusted"),
        }
        assert_eq!(signer.count(host), 1, "a place that is not trusted is asked for nothing");
    }
    for wrong in ["http://keys.example/jwks.json", "ftp://127.0.0.1/", "file:///etc/hosts", "x"] {
        let more = ["--client-id", "x", "--jwks-url", wrong, "--scope", EVERYTHING];
        let ran = dir.run(["client", "add", "s.db"].iter().chain(&more));
        assert_eq!(ran.code, 2, "{wrong}: {}", ran.stdout);
    }
}
