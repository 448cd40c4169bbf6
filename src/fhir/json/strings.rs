//! The string values of a JSON text, each with the keys above it.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr2, memchr3};

/// A string value in a JSON text, with the key it stands under.
pub struct StringValue<'a, 'k> {
    /// The nearest key as written between its quotes; array elements have their array's key.
    pub key: &'a str,
    /// The place of the value in the text, its quotes included.
    pub at: Range<usize>,
    /// The value as written between its quotes, escapes and all.
    pub raw: &'a str,
    /// The key of the object that the value is a member of; empty at the root.
    pub parent: &'a str,
    /// The keys of the objects around the value, as written. That of the root is empty.
    pub enclosing: &'k [&'a str],
}

impl<'a, 'k> StringValue<'a, 'k> {
    /// The string `inside` its quotes in `text`.
    pub fn new(
        text: &'a str,
        key: &'a str,
        enclosing: &'k [&'a str],
        inside: Range<usize>,
    ) -> StringValue<'a, 'k> {
        StringValue {
            key,
            at: inside.start - 1..inside.end + 1,
            raw: &text[inside],
            parent: enclosing.last().copied().unwrap_or_default(),
            enclosing,
        }
    }

    /// True where `path` has the keys from the root down to the value. Lists have no keys.
    pub fn is_at(&self, path: &[impl AsRef<str>]) -> bool {
        let Some((last, above)) = path.split_last() else { return false };
        let enclosing = self.enclosing.get(1..).unwrap_or_default();
        let same = |key: &str, wanted: &str| key == wanted || unescaped(key) == wanted;
        enclosing.len() == above.len()
            && same(self.key, last.as_ref())
            && enclosing.iter().zip(above).all(|(key, wanted)| same(key, wanted.as_ref()))
    }
}

/// The end of the string that opens at `open`: one past its closing quote.
pub(super) fn string_end(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while let Some(step) = memchr2(b'"', b'\\', &bytes[at..]) {
        at += step;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at = (at + 2).min(bytes.len());
    }
    bytes.len()
}

/// The string that a text begins with, as written between its quotes.
pub fn raw_string(text: &str) -> &str {
    let end = string_end(text.as_bytes(), 0);
    &text[1..end.saturating_sub(1).max(1)]
}

/// Calls `visit` with every string value of a valid JSON text, in order, at any depth.
pub fn each_string<'a>(text: &'a str, mut visit: impl FnMut(StringValue<'a, '_>)) {
    let bytes = text.as_bytes();
    let mut keys: Vec<&str> = Vec::with_capacity(16);
    let mut key = "";
    let mut at = 0;
    while let Some(step) = memchr3(b'"', b'{', b'}', &bytes[at..]) {
        at += step;
        match bytes[at] {
            b'{' => {
                keys.push(key);
                at += 1;
            }
            b'}' => {
                key = keys.pop().unwrap_or_default();
                at += 1;
            }
            _ => {
                let end = string_end(bytes, at);
                let inside = at + 1..end.saturating_sub(1).max(at + 1);
                // In valid JSON a string is a key exactly when a colon follows.
                let next = bytes[end..].iter().find(|b| !b.is_ascii_whitespace());
                if next == Some(&b':') {
                    key = &text[inside];
                } else {
                    visit(StringValue::new(text, key, &keys, inside));
                }
                at = end;
            }
        }
    }
}

/// Decodes a JSON string as it is written between its quotes.
pub fn unescaped(raw: &str) -> Cow<'_, str> {
    if memchr(b'\\', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    match serde_json::from_str::<String>(&format!("\"{raw}\"")) {
        Ok(value) => Cow::Owned(value),
        // A lone surrogate has no form in Rust. As written it equals no reference that we know.
        Err(_) => Cow::Borrowed(raw),
    }
}

/// Decodes a JSON string as it is written between its quotes, and says for each byte of the result,
/// and for its end, at which byte of `raw` it is written.
pub fn unescaped_at(raw: &str) -> (String, Vec<usize>) {
    let (mut out, mut places) = (String::with_capacity(raw.len()), Vec::with_capacity(raw.len()));
    let mut at = 0;
    while at < raw.len() {
        let rest = &raw[at..];
        let length = match rest.as_bytes() {
            // A pair of surrogates is one character.
            [
                b'\\',
                b'u',
                b'd' | b'D',
                b'8'..=b'9' | b'a'..=b'b' | b'A'..=b'B',
                _,
                _,
                b'\\',
                b'u',
                ..,
            ] => 12,
            [b'\\', b'u', ..] => 6,
            [b'\\', ..] => 2,
            _ => rest.find('\\').unwrap_or(rest.len()),
        };
        let written = rest.get(..length).unwrap_or(rest);
        let read = unescaped(written);
        let is_plain = read.len() == written.len() && !written.starts_with('\\');
        places.extend((0..read.len()).map(|step| if is_plain { at + step } else { at }));
        out.push_str(&read);
        at += written.len();
    }
    places.push(raw.len());
    (out, places)
}

/// The first escape in a valid JSON text that is half of a surrogate pair, as written: `\ud800`. It stands for no
/// character.
///
/// <https://www.rfc-editor.org/rfc/rfc8259#section-8.2>
pub fn lone_surrogate(text: &str) -> Option<&str> {
    let unit = |at: usize| {
        let escape = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(escape, 16).ok()
    };
    let mut at = 0;
    while let Some(step) = memchr(b'\\', &text.as_bytes()[at..]) {
        at += step;
        match (unit(at), unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
            (Some(0xd800..=0xdfff), _) => return text.get(at..at + 6),
            (Some(_), _) => at += 6,
            // A backslash, and the one character that it escapes.
            (None, _) => at += 2,
        }
    }
    None
}

/// Writes `value` as a JSON string, quotes included.
pub fn quoted(value: &str) -> String {
    // Every string has a JSON form.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_with_their_keys() {
        let text = r#"{"a":"1","b":["2",{"c":"3","d\"":[["4"]]},"5"],"e":{"f":{}},"g":"\\"}"#;
        let mut seen = Vec::new();
        each_string(text, |string| seen.push((string.key, string.raw)));
        assert_eq!(
            seen,
            [("a", "1"), ("b", "2"), ("c", "3"), ("d\\\"", "4"), ("b", "5"), ("g", "\\\\")]
        );
    }

    #[test]
    fn every_byte_of_a_string_has_its_place() {
        let raw = r#"a\u003cé\ud83d\ude00\n\ud800x"#;
        let (text, places) = unescaped_at(raw);
        assert_eq!(text, "a<é😀\n\\ud800x");
        assert_eq!(places, [0, 1, 7, 8, 9, 9, 9, 9, 21, 23, 23, 23, 23, 23, 23, 29, 30]);
    }

    #[test]
    fn half_of_a_surrogate_pair_is_found() {
        for (text, found) in [
            (r#""\ud800""#, Some(r"\ud800")),
            (r#""\uDC00x""#, Some(r"\uDC00")),
            (r#""\ud83d\ude00""#, None),
            (r#""\ud83d\ud83d\ude00""#, Some(r"\ud83d")),
            (r#""\\ud800""#, None),
            (r#""\\\ud800""#, Some(r"\ud800")),
            (r#""\u00e9\n\\""#, None),
        ] {
            assert_eq!(lone_surrogate(text), found, "{text}");
        }
    }

    #[test]
    fn paths_are_those_of_keys_from_the_root() {
        let text = r#"{"a":[{"b":"1"},{"c":{"b":"2"}}],"b":"3","contained":[{"a":[{"b":"4"}]}]}"#;
        let at = |path: &[&str]| {
            let mut seen = Vec::new();
            each_string(text, |string| {
                if string.is_at(path) {
                    seen.push(string.raw);
                }
            });
            seen
        };
        assert_eq!(at(&["a", "b"]), ["1"]);
        assert_eq!(at(&["a", "c", "b"]), ["2"]);
        assert_eq!(at(&["b"]), ["3"]);
        assert_eq!(at(&["c", "b"]), [""; 0]);
    }
}
