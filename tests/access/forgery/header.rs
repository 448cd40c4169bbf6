//! Names with another header or signature algorithm.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use hmac::{Hmac, KeyInit, Mac};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use sha2::Sha512;

use super::{
    HEADER, REQUIRED, assert_file_of, assert_refused, fetch, forged, halves, name_of, payload_of,
    setting, settled, token,
};

#[test]
fn another_header_is_refused_with_any_signature() {
    let dir = settled();
    let served = dir.serve(REQUIRED);
    let ann = token(&dir, "--user ann");
    let name = name_of(&served, &ann);
    let (payload, key) = (payload_of(&name), setting(&dir, "signing_key"));
    let (signed, signature) = halves(&name);
    let body = signed.split_once('.').expect("a header").1;
    // The test can make a right name, so the others are refused for what is changed in them.
    assert_eq!(forged(HEADER, &payload, &key), name);
    assert_file_of(&fetch(&served, &name, &ann), "ann");
    assert_eq!(fetch(&served, &name, "").status, 401);

    let mut names: Vec<(String, String)> = Vec::new();
    for algorithm in ["none", "None", "NONE", "nOnE", "", "null"] {
        for header in [
            json!({"typ": "JWT", "alg": algorithm}),
            json!({"alg": algorithm}),
            json!({"typ": "JWT"}),
        ] {
            let header = BASE64URL.encode(header.to_string());
            for rest in ["", ".", ".AA", &format!(".{signature}")] {
                names.push((format!("alg {algorithm}"), format!("{header}.{body}{rest}")));
            }
        }
    }
    // HS256 with a key that is no secret, as if the public key of a client were one.
    let jwks: String = dir
        .open("s.db")
        .query_row("SELECT jwks FROM client WHERE client_id = 'smart'", (), |row| row.get(0))
        .expect("a JWKS");
    let pem = dir.text("smart.pem");
    let stored: Value = serde_json::from_str(&jwks).expect("JSON");
    let public = stored["keys"][0].to_string();
    for (what, known) in [("JWKS", &jwks), ("JWK", &public), ("private key", &pem)] {
        for header in [HEADER, r#"{"typ":"JWT","alg":"RS256"}"#, r#"{"typ":"JWT","alg":"ES384"}"#] {
            let forged = forged(header, &payload, known.as_bytes());
            names.push((format!("{header} by the {what}"), forged));
        }
    }
    // The right key, but another header.
    for header in [
        r#"{"typ":"JWT","alg":"RS256"}"#,
        r#"{"typ":"JWT","alg":"HS384"}"#,
        r#"{"typ":"JWT","alg":"HS512"}"#,
        r#"{"typ":"JWT","alg":"hs256"}"#,
        r#"{"typ":"JWT","alg":"none"}"#,
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{ "typ":"JWT","alg":"HS256"}"#,
        "{\"typ\":\"JWT\",\"alg\":\"HS256\"}\n",
        r#"{"typ":"jwt","alg":"HS256"}"#,
        r#"{"typ":"JWT","alg":"HS256","kid":"1"}"#,
        r#"{"typ":"JWT","alg":"HS256","jku":"http://127.0.0.1/keys"}"#,
        r#"{"typ":"JWT","alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#,
        r#"{"typ":"JWT","alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"typ":"JWT","alg":"HS256","zip":"DEF"}"#,
        r#"{"typ":"JWT","alg":"none","alg":"HS256"}"#,
        r#"{"typ":"JWT","alg":"HS256","alg":"none"}"#,
        r#"{"typ":"JWT","alg":["HS256"]}"#,
        "{}",
        "null",
        "",
    ] {
        names.push((header.to_owned(), forged(header, &payload, &key)));
    }
    // Signed as the header says, with a key of the forger's own in the header.
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let own = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    let own = EcdsaKeyPair::from_pkcs8(algorithm, own.as_ref(), &random).expect("a key");
    let header =
        BASE64URL.encode(r#"{"typ":"JWT","alg":"ES256","jwk":{"kty":"EC","crv":"P-256"}}"#);
    let es256 = own.sign(&random, format!("{header}.{body}").as_bytes()).expect("a signature");
    names.push(("ES256".to_owned(), format!("{header}.{body}.{}", BASE64URL.encode(es256))));
    let hs512 = Hmac::<Sha512>::new_from_slice(&key).expect("a key").chain_update(signed);
    let hs512 = BASE64URL.encode(hs512.finalize().into_bytes());
    names.push(("HS512".to_owned(), format!("{signed}.{hs512}")));
    for (what, name) in names {
        assert_refused(&fetch(&served, &name, &ann), &what);
    }
}
