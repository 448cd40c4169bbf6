//! Secrets: how they are made, hashed and compared.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::Result;
use crate::random;

/// A SHA-256 hash.
pub type SecretHash = [u8; 32];

/// Makes a secret or token of 256 random bits, as 64 hexadecimal digits.
///
/// # Errors
/// `Internal` where the system has no randomness.
pub fn token() -> Result<String> {
    random::hex::<32>()
}

/// Makes an authorization code of 128 random bits, as 32 hexadecimal digits.
///
/// # Errors
/// As [`token`].
pub fn code() -> Result<String> {
    random::hex::<16>()
}

/// Hashes a secret for the store. It has too many bits to be guessed, so one round is enough.
pub fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret).into()
}

/// True if `hashed` is the hash of `secret`. Takes equal time with and without a hash.
pub fn matches(secret: &str, hashed: Option<&[u8]>) -> bool {
    let known: SecretHash = hashed.and_then(|hashed| hashed.try_into().ok()).unwrap_or_default();
    let is_there = u8::from(hashed.is_some());
    bool::from(hash(secret).ct_eq(&known) & is_there.ct_eq(&1))
}
