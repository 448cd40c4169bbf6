//! Assertions: JWTs by which a client shows that it has its private key.
//!
//! <https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html#signature-verification>,
//! <https://www.rfc-editor.org/rfc/rfc7523#section-3>

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::keys::{Algorithm, Key};
use crate::time::Instant;

/// `client_assertion_type`
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// So far ahead an assertion may end.
const LIFETIME: f64 = 300.0;
/// So far clocks may be apart.
const SKEW: f64 = 30.0;
/// Longer ones are none.
const LONGEST: usize = 16 * 1024;
const LONGEST_JTI: usize = 1024;

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    jku: Option<String>,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    jti: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// An assertion as it came: nothing in it is known to be true.
pub struct Assertion<'a> {
    claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
    /// The client that it says it is from.
    pub issuer: String,
    /// How it is signed.
    pub algorithm: Algorithm,
    /// With which key.
    pub kid: String,
    /// Where that is said to be.
    pub jku: Option<String>,
}

/// What is left of one that is as it should be.
pub struct Proven {
    /// What tells it from every other of its client.
    pub jti: String,
    /// When it may be forgotten.
    pub expires_at: Instant,
}

impl<'a> Assertion<'a> {
    /// Takes one apart.
    ///
    /// # Errors
    /// What is wrong with its form.
    pub fn parse(text: &'a str) -> Result<Assertion<'a>, &'static str> {
        const NONE: &str = "the assertion is not a signed JWT";
        if text.len() > LONGEST {
            return Err(NONE);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(NONE)?;
        let (header, payload) = signed.split_once('.').ok_or(NONE)?;
        let decode = |part: &str| BASE64URL.decode(part).map_err(|_| NONE);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| NONE)?;
        let claims: Claims = serde_json::from_slice(&decode(payload)?).map_err(|_| NONE)?;
        let algorithm =
            Algorithm::of(&header.alg).ok_or("the assertion is not signed with RS384 or ES384")?;
        if header.typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err("the assertion's typ is not JWT");
        }
        if header.crit.is_some() {
            return Err("the assertion has critical extensions that are not known here");
        }
        let kid = header.kid.filter(|kid| !kid.is_empty());
        let kid = kid.ok_or("the assertion has no kid, the name of its key")?;
        let issuer = claims.iss.clone().filter(|iss| !iss.is_empty());
        let issuer = issuer.ok_or("the assertion has no iss, the client_id")?;
        let signature = decode(signature)?;
        Ok(Assertion { claims, signed, signature, issuer, algorithm, kid, jku: header.jku })
    }

    /// True if this key made its signature.
    pub fn is_signed_by(&self, key: &Key<'_>) -> bool {
        key.verifies(self.signed.as_bytes(), &self.signature)
    }

    /// Whether what it claims is as it should be at `now`, here where tokens are had at `audiences`.
    ///
    /// # Errors
    /// What is not.
    pub fn check(&self, audiences: &[String], now: Instant) -> Result<Proven, String> {
        let wrong = |what: &str| Err(format!("the assertion's {what}"));
        let Claims { sub, aud, exp, nbf, iat, jti, .. } = &self.claims;
        if sub.as_deref() != Some(&self.issuer) {
            return wrong("sub is not its iss");
        }
        let is_here = |one: &String| audiences.contains(one);
        let is_meant = match aud {
            Some(Audience::One(one)) => is_here(one),
            Some(Audience::Several(several)) => several.iter().any(is_here),
            None => false,
        };
        if !is_meant {
            let here = audiences.last().map_or("", String::as_str);
            return wrong(&format!("aud is not the URL of this token endpoint, {here}"));
        }
        let now = now.micros() as f64 / 1e6;
        let Some(exp) = exp else { return wrong("exp is missing") };
        if *exp <= now - SKEW {
            return wrong("exp is over");
        }
        if *exp > now + LIFETIME + SKEW {
            return wrong("exp is more than five minutes ahead");
        }
        if nbf.is_some_and(|nbf| nbf > now + SKEW) {
            return wrong("nbf is still to come");
        }
        if iat.is_some_and(|iat| iat > now + SKEW) {
            return wrong("iat is still to come");
        }
        let jti = jti.as_ref().filter(|jti| !jti.is_empty() && jti.len() <= LONGEST_JTI);
        let Some(jti) = jti else { return wrong("jti is missing, or endless") };
        let expires_at = Instant::from_micros(((exp + SKEW) * 1e6).ceil() as i64);
        Ok(Proven { jti: jti.clone(), expires_at })
    }
}
