//! Assertions that are refused.

use serde_json::{Value, json};

use super::two_clients;
use crate::support::signer::Signer;
use crate::support::smart::{EVERYTHING, ask, endpoint, granted, protected, refused, tokens};

#[test]
fn each_invalid_assertion_is_refused() {
    let Some(signer) = Signer::start() else { return };
    let dir = two_clients(&signer);
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
    // A client waits after five failures, so the server is replaced before that.
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
            // A right assertion succeeds, so the next one is not refused for this one.
            let right = signer.sign("one", &url, json!({}));
            granted(&ask(&served, &right, EVERYTHING), EVERYTHING);
            assert_eq!(tokens(&dir), before + 1, "{name}");
        }
    }
}

#[test]
fn an_unknown_client_and_a_wrong_signature_are_answered_alike() {
    let Some(signer) = Signer::start() else { return };
    let dir = two_clients(&signer);
    let ran = dir.run(["client", "add", "s.db", "--client-id", "secretive"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let served = protected(&dir);
    let url = endpoint(&served);
    let bytes = |client: &str, how: Value| {
        let answer = ask(&served, &signer.sign(client, &url, how), EVERYTHING);
        refused(&answer, 401, "invalid_client", client);
        (answer.undated().join("\n"), answer.body.clone())
    };
    let unknown = bytes("nobody", json!({}));
    for (client, how) in [
        ("one", json!({"key": "RSA/b", "header": {"kid": "RSA/a"}})),
        ("one", json!({"header": {"kid": "RSA/none"}})),
        ("one", json!({"header": {"jku": "http://127.0.0.1:1/"}})),
        // Only a client with a right signature learns what else is wrong.
        ("one", json!({"key": "RSA/b", "header": {"kid": "RSA/a"}, "times": {"exp": -90}})),
        ("two", json!({"key": "EC/a", "alg": "ES384"})),
        ("secretive", json!({})),
        ("nobody", json!({"times": {"exp": -90}})),
    ] {
        assert_eq!(bytes(client, how.clone()), unknown, "{client} {how}");
    }
}
