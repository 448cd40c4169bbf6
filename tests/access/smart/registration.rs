//! Keys that a client cannot be registered with.

use serde_json::json;

use crate::support::Dir;
use crate::support::signer::Signer;
use crate::support::smart::EVERYTHING;

#[test]
fn unusable_keys_are_refused_at_registration() {
    let Some(signer) = Signer::start() else { return };
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
    assert!(!dir.path("s.db").exists(), "the refusal left a store");
}
