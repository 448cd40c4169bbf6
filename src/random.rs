//! Random bytes from the operating system.

use crate::error::{Error, Kind, Result};
use crate::shown;

/// Makes `N` random bytes.
///
/// # Errors
/// `Internal` where the system has no randomness.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(Kind::Internal, format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// Makes `N` random bytes and writes them as `2 * N` hexadecimal digits.
///
/// # Errors
/// As [`bytes`].
pub fn hex<const N: usize>() -> Result<String> {
    Ok(shown::hex(&bytes::<N>()?))
}

/// Makes a random number of nine digits, which does not reveal how many others exist.
///
/// # Errors
/// As [`bytes`].
pub fn number() -> Result<i64> {
    const LOWEST: u64 = 100_000_000;
    let random = u64::from_le_bytes(bytes()?);
    Ok((LOWEST + random % (9 * LOWEST)) as i64)
}
