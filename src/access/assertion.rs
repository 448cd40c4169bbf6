//! Client assertions: JWTs by which a client proves that it holds its private key.
//!
//! <https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html#signature-verification>,
//! <https://www.rfc-editor.org/rfc/rfc7523#section-3>

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::keys::{Algorithm, PublicKey};
use crate::time::Instant;

/// The one `client_assertion_type`.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The furthest that `exp` may lie ahead, in seconds.
const LIFETIME: f64 = 300.0;
/// The largest accepted difference between two clocks, in seconds.
const SKEW: f64 = 30.0;
/// The most bytes of an assertion.
const LONGEST: usize = 16 * 1024;
/// The most bytes of a `jti`.
const LONGEST_JTI: usize = 1024;

#[derive(Deserialize)]
struct AssertionHeader {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    jku: Option<String>,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct AssertionClaims {
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

/// A parsed assertion. Its claims are not verified yet.
pub struct Assertion<'a> {
    claims: AssertionClaims,
    signed: &'a str,
    signature: Vec<u8>,
    /// `iss`: the `client_id` that the assertion claims to come from.
    pub issuer: String,
    /// `alg`
    pub algorithm: Algorithm,
    /// `kid`
    pub kid: String,
    /// `jku`
    pub jku: Option<String>,
}

/// What the store must remember of a valid assertion, so that nobody can use it twice.
pub struct AssertionId {
    /// `jti`: unique among the client's assertions.
    pub jti: String,
    /// The end of the assertion's validity; after it the store may forget the `jti`.
    pub expires_at: Instant,
}

impl<'a> Assertion<'a> {
    /// Parses a JWT in compact form.
    ///
    /// # Errors
    /// What is wrong with the form of `text`.
    pub fn parse(text: &'a str) -> Result<Assertion<'a>, &'static str> {
        const NOT_A_JWT: &str = "the assertion is not a signed JWT";
        if text.len() > LONGEST {
            return Err(NOT_A_JWT);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(NOT_A_JWT)?;
        let (header, payload) = signed.split_once('.').ok_or(NOT_A_JWT)?;
        let decode = |part: &str| BASE64URL.decode(part).map_err(|_| NOT_A_JWT);
        let header: AssertionHeader =
            serde_json::from_slice(&decode(header)?).map_err(|_| NOT_A_JWT)?;
        let claims: AssertionClaims =
            serde_json::from_slice(&decode(payload)?).map_err(|_| NOT_A_JWT)?;
        let algorithm = Algorithm::named(&header.alg)
            .ok_or("the assertion is not signed with RS384 or ES384")?;
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

    /// True if `key` verifies the signature.
    pub fn is_signed_by(&self, key: &PublicKey<'_>) -> bool {
        key.verifies(self.signed.as_bytes(), &self.signature)
    }

    /// Checks the claims at the time `now`. `audiences` are the URLs of this token endpoint.
    ///
    /// # Errors
    /// The claim that is wrong, and how.
    pub fn check(&self, audiences: &[String], now: Instant) -> Result<AssertionId, String> {
        let wrong = |what: &str| Err(format!("the assertion's {what}"));
        let AssertionClaims { sub, aud, exp, nbf, iat, jti, .. } = &self.claims;
        if sub.as_deref() != Some(&self.issuer) {
            return wrong("sub is not its iss");
        }
        let is_here = |audience: &String| audiences.contains(audience);
        let is_meant = match aud {
            Some(Audience::One(audience)) => is_here(audience),
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
        let Some(jti) = jti else {
            return wrong(&format!("jti is missing, or longer than {LONGEST_JTI} bytes"));
        };
        let expires_at = Instant::from_micros(((exp + SKEW) * 1e6).ceil() as i64);
        Ok(AssertionId { jti: jti.clone(), expires_at })
    }
}
