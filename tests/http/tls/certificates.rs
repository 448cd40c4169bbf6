//! Certificates: from files, read anew at SIGHUP, made for one run, or wrong.

use std::process::Command;

use super::{Beside, SLOW, certified, client, fingerprint, many, serve};
use crate::support::{succeed, until};

#[test]
fn sighup_changes_the_certificate_while_a_download_goes_on() {
    let Some(dir) = certified() else { return };
    dir.write("many.ndjson", many());
    dir.import(0, &["m.db", "many.ndjson"]);
    std::fs::copy(dir.path("one.pem"), dir.path("current.pem")).unwrap();
    std::fs::copy(dir.path("one.key"), dir.path("current.key")).unwrap();
    let files = ["--tls-cert", "current.pem", "--tls-key", "current.key"];
    let served = dir.serve_with_log(&[&["m.db"][..], &files].concat());
    let seen = || succeed(&mut client(&dir, &served, "print(fingerprint(connect()))"));
    let (one, two) = (fingerprint(&dir, "one.pem"), fingerprint(&dir, "two.pem"));
    assert_eq!(seen().trim_end(), one);
    let mut slow = Beside::start(client(&dir, &served, SLOW));
    assert_eq!(slow.line(), "begun");
    let said = |words: &str| {
        until(words, || dir.text("stderr").contains(words).then_some(()));
    };
    // Half a pair is no pair: the old one stays, and the log says why.
    std::fs::copy(dir.path("two.pem"), dir.path("current.pem")).unwrap();
    served.signal("-HUP");
    said("the certificate stays as it was: current.key: this is not the key of the certificate");
    assert_eq!(seen().trim_end(), one);
    std::fs::copy(dir.path("two.key"), dir.path("current.key")).unwrap();
    served.signal("-HUP");
    said(&format!("the certificate was read anew: sha256 Fingerprint={two}"));
    assert_eq!(seen().trim_end(), two);
    slow.go_on();
    let words = slow.line();
    slow.end();
    // It is the same file as that of a client which takes everything at once.
    let mut again = Beside::start(client(&dir, &served, SLOW));
    assert_eq!(again.line(), "begun");
    again.go_on();
    assert_eq!(words, again.line());
    again.end();
    let length: usize = words.split(' ').next().unwrap().parse().unwrap();
    assert!(length > many().len(), "{words}");
    assert_eq!(served.end("-TERM"), 0);
}

#[test]
fn without_files_to_read_anew_sighup_ends_the_server() {
    let Some(dir) = certified() else { return };
    for more in [&[][..], &["--tls-self-signed"]] {
        assert_eq!(serve(&dir, more).end("-HUP"), 0, "{more:?}");
    }
}

#[test]
fn a_certificate_for_one_run_is_told_by_its_fingerprint() {
    let Some(dir) = certified() else { return };
    let served = serve(&dir, &["--tls-self-signed", "--base-url", "https://fhir.example:8443/x"]);
    let program = r#"
connection = connect()
print(fingerprint(connection))
pem = ssl.DER_cert_to_PEM_cert(connection.getpeercert(True))
open("seen.pem", "w").write(pem)
for name in "localhost", "127.0.0.1", "::1", "fhir.example":
    with connect(context("seen.pem"), name): pass
"#;
    let seen = succeed(&mut client(&dir, &served, program));
    assert_eq!(seen.trim_end(), fingerprint(&dir, "seen.pem"));
    let said = dir.text("stderr");
    assert!(said.contains(&format!("sha256 Fingerprint={}", seen.trim_end())), "{said}");
    // Another run has another key.
    drop(served);
    let next = serve(&dir, &["--tls-self-signed"]);
    let other = succeed(&mut client(&dir, &next, "print(fingerprint(connect()))"));
    assert_ne!(other, seen);
}

#[test]
fn wrong_files_are_named() {
    let Some(dir) = certified() else { return };
    dir.write("empty", "");
    dir.write("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let mut openssl = Command::new("openssl");
    openssl.args(["pkcs8", "-topk8", "-in", "one.key", "-passout", "pass:x", "-out", "locked.key"]);
    succeed(openssl.current_dir(dir.path(".")));
    for (certificate, key, word) in [
        ("missing.pem", "one.key", "missing.pem: "),
        ("one.pem", "missing.key", "missing.key: "),
        ("empty", "one.key", "empty: there is no certificate in it"),
        ("one.key", "one.key", "one.key: there is no certificate in it"),
        ("s.db", "one.key", "s.db: "),
        ("broken", "one.key", "broken and one.key: "),
        ("one.pem", "empty", "empty: there is no private key in it"),
        ("one.pem", "one.pem", "one.pem: there is no private key in it"),
        ("one.pem", "locked.key", "must not be encrypted"),
        ("one.pem", "two.key", "two.key: this is not the key of the certificate in one.pem"),
    ] {
        let args = ["serve", "s.db", "--tls-cert", certificate, "--tls-key", key];
        let ran = dir.run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(word), "{args:?}: {}", ran.stderr);
    }
    for args in [
        &["--tls-cert", "one.pem"][..],
        &["--tls-key", "one.key"],
        &["--tls-self-signed", "--tls-cert", "one.pem", "--tls-key", "one.key"],
    ] {
        let ran = dir.run([&["serve", "s.db"], args].concat());
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.stderr);
    }
}
