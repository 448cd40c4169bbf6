//! JSON values as `serde_json` leaves them raw: their place in a text, their depth, their faults.

use std::ops::Range;

use memchr::memchr;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::strings::string_end;

/// The deepest nesting of a resource that is taken. SQLite's JSON functions and most readers stop
/// there.
pub const MAX_DEPTH: usize = 1000;

/// The place of `part` in `text`, of which it is a slice.
pub fn place(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

/// Deserializes a member that counts as present even where it is `null`.
pub fn present<'de, D>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error>
where
    D: Deserializer<'de>,
{
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The value of a JSON string; `None` where `raw`, a JSON value, is something else.
pub fn string_of(raw: &str) -> Option<String> {
    match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
        Some(plain) if memchr(b'\\', plain.as_bytes()).is_none() => Some(plain.to_owned()),
        _ => serde_json::from_str(raw).ok(),
    }
}

/// Says what is wrong with a text that is not JSON, without line and column.
pub fn fault(error: &serde_json::Error) -> String {
    format!("not valid JSON: {}", cause(error))
}

/// Why a JSON text cannot be read, without line and column.
pub fn cause(error: &serde_json::Error) -> String {
    let what = error.to_string();
    let what = what.split(" at line ").next().unwrap_or_default();
    // serde_json says so where one half of a pair is missing.
    if what.ends_with("hex escape") {
        "half of a surrogate pair, such as \\ud800, is no character".to_owned()
    } else {
        what.to_owned()
    }
}

/// True where brackets nest deeper than [`MAX_DEPTH`].
pub fn too_deep(text: &str) -> bool {
    if text.len() <= 2 * MAX_DEPTH {
        return false;
    }
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_strings() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(!too_deep(&deep(MAX_DEPTH)));
        assert!(too_deep(&deep(MAX_DEPTH + 1)));
        assert!(!too_deep(&format!("\"{}\"", deep(3 * MAX_DEPTH))));
    }
}
