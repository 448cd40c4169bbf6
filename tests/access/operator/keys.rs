//! Clients with keys.

use serde_json::{Value, json};

use super::{clients, json_of, ran, refused};
use crate::support::Dir;

#[test]
fn unusable_keys_are_refused_and_a_new_private_key_is_readable_by_its_owner_only() {
    let dir = Dir::new();
    let add = ["client", "add", "s.db", "--client-id", "keyed", "--new-key", "key.pem", "--scope"];
    let added = ran(&dir, 0, &[&add[..], &["system/*.rs"]].concat());
    assert!(
        !added.stdout.contains("secret") && !added.stdout.contains("PRIVATE"),
        "{}",
        added.stdout
    );
    let pem = dir.text("key.pem");
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert_eq!(dir.mode("key.pem"), 0o600);
    let jwks: String =
        dir.open("s.db").query_row("SELECT jwks FROM client", (), |row| row.get(0)).expect("keys");
    let jwks: Value = serde_json::from_str(&jwks).expect("JSON");
    assert!(jwks["keys"][0].get("d").is_none(), "{jwks}");
    let kid = jwks["keys"][0]["kid"].as_str().expect("a kid").to_owned();
    let listed = json_of(&dir, &["client", "list", "s.db", "--json"]);
    assert_eq!(listed[0]["keys"], kid);
    assert_eq!((&listed[0]["scope"], &listed[0]["secret"]), (&json!("system/*.rs"), &json!(false)));
    // An existing file is not overwritten, and no client is registered.
    let args = ["client", "add", "s.db", "--new-key", "key.pem", "--scope", "system/*.rs"];
    refused(&dir, 2, &args, "there already");
    let args = ["client", "rotate", "s.db", "keyed", "--new-key", "key.pem"];
    refused(&dir, 2, &args, "there already");
    assert_eq!((dir.text("key.pem"), clients(&dir)), (pem, 1));

    let good = &jwks["keys"][0];
    let changed = |name: &str, value: Value| {
        let mut key = good.clone();
        match value {
            Value::Null => key.as_object_mut().expect("a key").remove(name),
            value => key.as_object_mut().expect("a key").insert(name.to_owned(), value),
        };
        json!({"keys": [key]}).to_string()
    };
    let rsa =
        |n: &str| json!({"keys": [{"kty": "RSA", "kid": "r", "n": n, "e": "AQAB"}]}).to_string();
    for (text, word) in [
        ("{".to_owned(), "no JSON Web Key Set"),
        ("[]".to_owned(), "no JSON Web Key Set"),
        ("{}".to_owned(), "keys"),
        (good.to_string(), "keys"),
        (json!({"keys": good}).to_string(), "no JSON Web Key Set"),
        (json!({"keys": []}).to_string(), "no key for RS384"),
        (changed("d", json!("AAAA")), "private"),
        (changed("k", json!("AAAA")), "symmetric"),
        (changed("kid", Value::Null), "no kid"),
        (changed("kid", json!("")), "no kid"),
        (json!({"keys": [good, good]}).to_string(), "kid of another"),
        (changed("crv", json!("P-256")), "no key for RS384"),
        (changed("x", Value::Null), "no key for RS384"),
        (changed("use", json!("enc")), "no key for RS384"),
        (changed("alg", json!("ES256")), "no key for RS384"),
        (changed("key_ops", json!(["sign"])), "no key for RS384"),
        (changed("kty", json!("oct")), "no key for RS384"),
        (rsa(&"_".repeat(171)), "no key for RS384"),
    ] {
        dir.write("jwks", &text);
        let args = ["client", "add", "s.db", "--jwks", "jwks", "--scope", "system/*.rs"];
        refused(&dir, 2, &args, word);
    }
    dir.write("jwks", jwks.to_string());
    for (scope, word) in [
        ("", "scope"),
        ("patient/*.rs", "system/"),
        ("user/*.read", "system/"),
        ("openid", "system/"),
        ("system/*.write", "more than reading"),
        ("system/*.cruds", "more than reading"),
        ("system/Patient.rs?active=true", "search parameters"),
        ("system/Patient", "system/Patient"),
        ("system/*.sr", "system/*.sr"),
    ] {
        refused(&dir, 2, &["client", "add", "s.db", "--jwks", "jwks", "--scope", scope], word);
    }
    refused(&dir, 2, &["client", "add", "s.db", "--jwks", "jwks"], "--scope");
    refused(&dir, 2, &["client", "add", "s.db", "--scope", "system/*.rs"], "--jwks");
    refused(
        &dir,
        3,
        &["client", "add", "s.db", "--jwks", "missing", "--scope", "system/*.rs"],
        "missing",
    );
    refused(
        &dir,
        2,
        &["client", "add", "s.db", "--jwks", "jwks", "--jwks-url", "https://a.example/"],
        "cannot be used with",
    );
    for url in [
        "http://a.example/jwks",
        "ftp://a.example/",
        "https://",
        "a.example",
        "http://127.0.0.1.a.example/",
        "https:///x",
    ] {
        refused(
            &dir,
            2,
            &["client", "add", "s.db", "--jwks-url", url, "--scope", "system/*.rs"],
            "https://",
        );
    }
    assert_eq!(clients(&dir), 1);
    let two = ["--scope", "system/Patient.rs", "--scope", "system/Group.read"];
    for (id, how) in
        [("file", ["--jwks", "jwks"]), ("url", ["--jwks-url", "https://a.example/jwks"])]
    {
        let args =
            [&["client", "add", "s.db", "--json", "--client-id", id][..], &how, &two].concat();
        let added = json_of(&dir, &args).remove(0);
        assert_eq!(added["scope"], "system/Patient.rs system/Group.read");
        assert_eq!(added["keys"], if id == "url" { "https://a.example/jwks" } else { &kid });
    }
    // A rotation replaces the keys and keeps the scope.
    let rotated =
        json_of(&dir, &["client", "rotate", "s.db", "file", "--new-key", "other.pem", "--json"]);
    assert_eq!(rotated[0]["scope"], "system/Patient.rs system/Group.read");
    assert_ne!(rotated[0]["keys"], *kid);
    dir.check("s.db");
}

/// <https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1.2>: a coordinate must be as long as the curve requires.
#[test]
fn a_key_with_a_short_coordinate_is_refused() {
    let dir = Dir::new();
    let (x, y) = ("A".repeat(4), "A".repeat(64));
    let key = json!({"kty": "EC", "crv": "P-384", "kid": "k", "x": x, "y": y});
    dir.write("jwks", json!({"keys": [key]}).to_string());
    let args = ["client", "add", "s.db", "--jwks", "jwks", "--scope", "system/*.rs"];
    refused(&dir, 2, &args, "no key for RS384");
}
