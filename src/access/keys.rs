//! Public keys: JSON Web Key Sets, and the signatures that they verify.
//!
//! <https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html>,
//! <https://www.rfc-editor.org/rfc/rfc7517>

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use ring::signature::{
    ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA384, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

use super::key_pair::{COORDINATE, NewKeyPair};
use crate::error::{Error, Kind, Result};

/// The algorithms that may sign assertions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// ECDSA on P-384 with SHA-384.
    Es384,
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Algorithm; 2] = [Algorithm::Rs384, Algorithm::Es384];

    /// The value of `alg`.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Rs384 => "RS384",
            Algorithm::Es384 => "ES384",
        }
    }

    /// The algorithm with this `alg`.
    pub fn named(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn key_type(self) -> &'static str {
        match self {
            Algorithm::Rs384 => "RSA",
            Algorithm::Es384 => "EC",
        }
    }
}

/// One key as JSON has it: <https://www.rfc-editor.org/rfc/rfc7517#section-4>.
#[derive(Clone, Debug, Deserialize)]
struct Jwk {
    kty: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<serde::de::IgnoredAny>,
    k: Option<serde::de::IgnoredAny>,
}

/// A JSON Web Key Set as JSON has it.
#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

/// The keys of a client.
#[derive(Clone, Debug)]
pub struct KeySet(Vec<Jwk>);

impl KeySet {
    /// Parses a JSON Web Key Set.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> std::result::Result<KeySet, String> {
        serde_json::from_str::<Jwks>(text)
            .map(|set| KeySet(set.keys))
            .map_err(|error| format!("it is no JSON Web Key Set, {{\"keys\": [...]}}: {error}"))
    }

    /// Checks that a client can be registered with these keys.
    ///
    /// # Errors
    /// Which key is wrong, and how: private and symmetric keys are refused. Also a set without a usable
    /// key.
    pub fn check(&self) -> std::result::Result<(), String> {
        for (index, key) in self.0.iter().enumerate() {
            let wrong = |what: &str| Err(format!("key {} of the JWKS {what}", index + 1));
            if key.d.is_some() || key.k.is_some() {
                return wrong(
                    "is private or symmetric; register the public half, and keep this one to the client",
                );
            }
            let Some(kid) = key.kid.as_ref().filter(|kid| !kid.is_empty()) else {
                return wrong("has no kid, by which assertions name it");
            };
            let same = |other: &&Jwk| other.kid.as_ref() == Some(kid) && other.kty == key.kty;
            if self.0.iter().filter(same).count() > 1 {
                return wrong("has the kid of another one");
            }
        }
        let is_usable = |key: &Jwk| Algorithm::ALL.into_iter().any(|alg| key.can_verify(alg));
        if self.0.iter().any(is_usable) {
            return Ok(());
        }
        Err("the JWKS has no key for RS384 (RSA of 2048 to 8192 bits) or ES384 (EC on P-384)"
            .to_owned())
    }

    /// Makes decoy keys, one for each algorithm: they take equal time and never verify.
    ///
    /// # Errors
    /// `Internal` where the system has no randomness.
    pub fn decoy() -> Result<KeySet> {
        let pair = NewKeyPair::make()?;
        let mut keys =
            KeySet::parse(&pair.jwks).map_err(|error| Error::new(Kind::Internal, error))?;
        let mut rsa = keys.0[0].clone();
        // Any odd number of 2048 bits costs the time of a real modulus.
        (rsa.kty, rsa.alg) = (Some("RSA".to_owned()), None);
        (rsa.n, rsa.e) = (Some(BASE64URL.encode([255; 256])), Some("AQAB".to_owned()));
        keys.0.push(rsa);
        Ok(keys)
    }

    /// The decoy key for an algorithm.
    pub fn decoy_for(&self, algorithm: Algorithm) -> Option<PublicKey<'_>> {
        let key = self.0.iter().find(|key| key.can_verify(algorithm))?;
        Some(PublicKey { key, algorithm })
    }

    /// The `kid` of each key.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().filter_map(|key| key.kid.as_deref()).collect()
    }

    /// The key with this `kid` for this algorithm; `None` if there is none, or several.
    pub fn find(&self, kid: &str, algorithm: Algorithm) -> Option<PublicKey<'_>> {
        let is_meant = |key: &&Jwk| {
            key.kid.as_deref() == Some(kid) && key.kty.as_deref() == Some(algorithm.key_type())
        };
        let mut meant = self.0.iter().filter(is_meant);
        let key = meant.next().filter(|key| key.can_verify(algorithm))?;
        meant.next().is_none().then_some(PublicKey { key, algorithm })
    }
}

/// A key, for one algorithm.
pub struct PublicKey<'a> {
    key: &'a Jwk,
    algorithm: Algorithm,
}

impl PublicKey<'_> {
    /// True if the private half of this key signed `message` with `signature`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self.algorithm {
            Algorithm::Rs384 => self
                .key
                .rsa()
                .map(|key| key.verify(&RSA_PKCS1_2048_8192_SHA384, message, signature).is_ok()),
            Algorithm::Es384 => self.key.point().map(|point| {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
                    .verify(message, signature)
                    .is_ok()
            }),
        };
        verified.unwrap_or(false)
    }
}

impl Jwk {
    /// True if the key may and can verify signatures of this algorithm.
    fn can_verify(&self, algorithm: Algorithm) -> bool {
        self.d.is_none()
            && self.k.is_none()
            && self.kty.as_deref() == Some(algorithm.key_type())
            && self.alg.as_deref().is_none_or(|alg| alg == algorithm.name())
            && self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"))
            && match algorithm {
                Algorithm::Rs384 => {
                    self.rsa().is_some_and(|key| (256..=1024).contains(&key.n.len()))
                }
                Algorithm::Es384 => self.point().is_some(),
            }
    }

    fn rsa(&self) -> Option<RsaPublicKeyComponents<Vec<u8>>> {
        let number = |text: &Option<String>| {
            let bytes = decode(text.as_deref()?)?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            Some(bytes[zeros..].to_vec())
        };
        Some(RsaPublicKeyComponents { n: number(&self.n)?, e: number(&self.e)? })
    }

    /// The uncompressed point: <https://www.secg.org/sec1-v2.pdf>, section 2.3.3.
    fn point(&self) -> Option<Vec<u8>> {
        if self.crv.as_deref() != Some("P-384") {
            return None;
        }
        let mut point = vec![4];
        for text in [&self.x, &self.y] {
            // Coordinates have their full length: https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1.2
            point.extend(decode(text.as_deref()?).filter(|bytes| bytes.len() == COORDINATE)?);
        }
        Some(point)
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL.decode(text.trim_end_matches('=')).ok()
}
