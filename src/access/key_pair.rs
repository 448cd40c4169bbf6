//! New pairs of keys with which SMART clients sign, in the forms that clients and servers take.
//!
//! <https://www.rfc-editor.org/rfc/rfc7518#section-6.2>, <https://www.rfc-editor.org/rfc/rfc5958>. Keys that clients
//! bring are read by `keys.rs`.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64URL};
use memchr::memmem;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::error::{Error, Kind, Result};

/// The bytes of a coordinate on P-384, and of a private key.
pub(super) const COORDINATE: usize = 48;
/// What stands before the private key in its DER: version 1, and the head of an octet string of 48 bytes. See
/// <https://www.rfc-editor.org/rfc/rfc5915#section-3>.
const BEFORE_KEY: [u8; 5] = [0x02, 0x01, 0x01, 0x04, COORDINATE as u8];

/// A pair of keys on P-384, for ES384.
///
/// The `kid` is the key's thumbprint (<https://www.rfc-editor.org/rfc/rfc7638>), as clients compute it.
pub(super) struct NewKeyPair {
    /// The private key as PEM.
    pub pem: String,
    /// The private key as a JSON Web Key.
    pub jwk: String,
    /// The public key as a JSON Web Key Set.
    pub jwks: String,
}

impl NewKeyPair {
    /// Makes a pair of keys.
    ///
    /// # Errors
    /// `Internal` where the system has no randomness.
    pub fn make() -> Result<NewKeyPair> {
        let failed = || Error::new(Kind::Internal, "no key could be made");
        let (kind, random) = (&ECDSA_P384_SHA384_FIXED_SIGNING, SystemRandom::new());
        let private = EcdsaKeyPair::generate_pkcs8(kind, &random).map_err(|_| failed())?;
        let private = private.as_ref();
        let pair = EcdsaKeyPair::from_pkcs8(kind, private, &random).map_err(|_| failed())?;
        let point = pair.public_key().as_ref();
        let (x, y) =
            point.get(1..).ok_or_else(failed)?.split_at_checked(COORDINATE).ok_or_else(failed)?;
        let (x, y) = (BASE64URL.encode(x), BASE64URL.encode(y));
        let d = BASE64URL.encode(number(private).ok_or_else(failed)?);
        let canonical = format!(r#"{{"crv":"P-384","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = BASE64URL.encode(Sha256::digest(canonical));
        let jwk = json!({"kty": "EC", "crv": "P-384", "x": x, "y": y, "d": d, "kid": kid, "use": "sig", "alg": "ES384"});
        let jwks = json!({"keys": [
            {"kty": "EC", "crv": "P-384", "x": x, "y": y, "kid": kid, "use": "sig", "alg": "ES384"}
        ]});
        Ok(NewKeyPair { pem: pem(private), jwk: jwk.to_string(), jwks: jwks.to_string() })
    }
}

/// The number that is the private key, in its DER.
fn number(private: &[u8]) -> Option<&[u8]> {
    let start = memmem::find(private, &BEFORE_KEY)? + BEFORE_KEY.len();
    private.get(start..start + COORDINATE)
}

fn pem(private: &[u8]) -> String {
    let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
    let text = BASE64_STANDARD.encode(private);
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem
}
