//! Secrets: made, hashed, compared.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::Result;
use crate::random;

/// SHA-256 of something.
pub type Hash = [u8; 32];

/// A new secret or token: 64 hexadecimal digits, 256 random bits.
///
/// # Errors
/// Where the system has no randomness.
pub fn token() -> Result<String> {
    random::hex::<32>()
}

/// A new code: 32 hexadecimal digits.
///
/// # Errors
/// As [`token`].
pub fn code() -> Result<String> {
    random::hex::<16>()
}

/// What is kept of it. It has too many bits to be guessed, so once is enough.
pub fn hash(secret: &str) -> Hash {
    Sha256::digest(secret).into()
}

/// True if a secret is the one that was hashed; in the same time whether there is one or not.
pub fn is(secret: &str, hashed: Option<&[u8]>) -> bool {
    let known: Hash = hashed.and_then(|hashed| hashed.try_into().ok()).unwrap_or_default();
    let is_there = u8::from(hashed.is_some());
    bool::from(hash(secret).ct_eq(&known) & is_there.ct_eq(&1))
}
