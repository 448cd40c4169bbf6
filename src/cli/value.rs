//! Values of arguments that several commands read alike.

use std::time::Duration;

use fhirlite::{Error, Kind, Result, type_and_id};

/// Reads a number with a unit: `90s`, `15m`, `24h`, `7d`.
pub fn duration(text: &str) -> std::result::Result<Duration, String> {
    let wrong = || format!("{text:?} should be a number with s, m, h or d, such as 24h");
    let (at, unit) = text.char_indices().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..at].parse().map_err(|_| wrong())?;
    match number.checked_mul(seconds) {
        // A thousand years at most: microseconds must not overflow.
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.min(1000 * 365 * 86_400))),
        _ => Err(wrong()),
    }
}

/// Reads `Type/id`.
pub fn parse_resource(text: &str) -> Result<(String, String)> {
    match type_and_id(text) {
        Some((resource_type, id)) => Ok((resource_type.to_owned(), id.to_owned())),
        None => Err(Error::new(
            Kind::Usage,
            format!("{text}: not of the form Type/id, such as Patient/123"),
        )),
    }
}
