//! JSON as text that keeps its bytes: finding strings, taking line breaks out, replacing pieces.
//!
//! `serde_json` says whether a text is JSON; what is here then works on the text itself, because
//! a number's lexeme, the order of keys and the spelling of escapes must survive and a parsed
//! value would lose them. Nothing recurses, so depth costs no stack.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr2, memchr3};

/// Deeper than this no resource is taken: SQLite's JSON functions and most readers stop there.
pub const MAX_DEPTH: usize = 1000;

/// A string value in a JSON text, with the key it stands under.
pub struct Found<'a, 'k> {
    /// The nearest key as written between its quotes; array elements have their array's key.
    pub key: &'a str,
    /// The key of the object that the value is a member of; empty at the root.
    pub parent: &'a str,
    /// Where the value is, its quotes included.
    pub at: Range<usize>,
    /// The value as written between its quotes, escapes and all.
    pub raw: &'a str,
    text: &'a str,
    enclosing: &'k [Range<usize>],
}

impl Found<'_, '_> {
    /// True where the keys from the root down to the value are these. Lists are not counted.
    pub fn is_at(&self, path: &[impl AsRef<str>]) -> bool {
        let Some((last, above)) = path.split_last() else { return false };
        // The root has no key.
        let enclosing = self.enclosing.get(1..).unwrap_or_default();
        let same = |key: &str, wanted: &str| key == wanted || unescaped(key) == wanted;
        enclosing.len() == above.len()
            && same(self.key, last.as_ref())
            && enclosing
                .iter()
                .zip(above)
                .all(|(key, wanted)| same(&self.text[key.clone()], wanted.as_ref()))
    }
}

/// The end of the string that opens at `open`, one past its closing quote.
fn string_end(bytes: &[u8], open: usize) -> usize {
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

/// Calls `visit` with every string value of a valid JSON text, in order, at any depth.
pub fn each_string<'a>(text: &'a str, mut visit: impl FnMut(Found<'a, '_>)) {
    let bytes = text.as_bytes();
    let mut keys: Vec<Range<usize>> = Vec::with_capacity(16);
    let mut key = 0..0;
    let mut at = 0;
    while let Some(step) = memchr3(b'"', b'{', b'}', &bytes[at..]) {
        at += step;
        match bytes[at] {
            b'{' => {
                keys.push(key.clone());
                at += 1;
            }
            b'}' => {
                key = keys.pop().unwrap_or(0..0);
                at += 1;
            }
            _ => {
                let end = string_end(bytes, at);
                let inside = at + 1..end.saturating_sub(1).max(at + 1);
                // In valid JSON a string is a key exactly when a colon follows.
                let next = bytes[end..].iter().find(|b| !b.is_ascii_whitespace());
                if next == Some(&b':') {
                    key = inside;
                } else {
                    visit(Found {
                        key: &text[key.clone()],
                        parent: &text[keys.last().cloned().unwrap_or(0..0)],
                        at: at..end,
                        raw: &text[inside],
                        text,
                        enclosing: &keys,
                    });
                }
                at = end;
            }
        }
    }
}

/// A member of an object: its name as written between its quotes, and where it stands, from the
/// opening quote of its name to the end of its value.
pub struct Member<'a> {
    /// The name, escapes and all.
    pub name: &'a str,
    /// Name and value.
    pub at: Range<usize>,
    /// The value alone.
    pub value: Range<usize>,
}

/// The members of the object that a valid JSON text is, in order.
pub fn members(text: &str) -> Vec<Member<'_>> {
    let bytes = text.as_bytes();
    let mut members = Vec::new();
    let mut at = bytes.iter().position(|b| *b == b'{').map_or(bytes.len(), |open| open + 1);
    while let Some(step) = memchr::memchr(b'"', &bytes[at..]) {
        let start = at + step;
        let name_end = string_end(bytes, start);
        let is_space = |b: &u8| b.is_ascii_whitespace() || *b == b':';
        let value = name_end + bytes[name_end..].iter().take_while(|b| is_space(b)).count();
        let end = value_end(bytes, value);
        let name = &text[start + 1..name_end.saturating_sub(1).max(start + 1)];
        members.push(Member { name, at: start..end, value: value..end });
        at = end;
    }
    members
}

/// The end of the value that begins at `start`.
fn value_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = string_end(bytes, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => {
                let behind = bytes[start..at].iter().rev().take_while(|b| b.is_ascii_whitespace());
                return at - behind.count();
            }
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
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

/// The text without white space outside its strings.
pub fn minified(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let (mut at, mut kept) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = string_end(bytes, at),
            b' ' | b'\n' | b'\r' | b'\t' => {
                out.push_str(&text[kept..at]);
                while at < bytes.len() && matches!(bytes[at], b' ' | b'\n' | b'\r' | b'\t') {
                    at += 1;
                }
                kept = at;
            }
            _ => at += 1,
        }
    }
    out.push_str(&text[kept..]);
    out
}

/// The text on one line: as it is, or [`minified`] where it has line breaks.
pub fn one_line(text: &str) -> Cow<'_, str> {
    match memchr2(b'\n', b'\r', text.as_bytes()) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(minified(text)),
    }
}

/// What is wrong with a text that is not JSON, without the place.
pub fn fault(error: &serde_json::Error) -> String {
    let what = error.to_string();
    format!("not valid JSON: {}", what.split(" at line ").next().unwrap_or_default())
}

/// The value of a JSON string as written between its quotes.
pub fn unescaped(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    match serde_json::from_str::<String>(&format!("\"{raw}\"")) {
        Ok(value) => Cow::Owned(value),
        // A lone surrogate: no string in Rust's sense, and so equal to no reference we know.
        Err(_) => Cow::Borrowed(raw),
    }
}

/// `value` as a JSON string, quotes included.
pub fn quoted(value: &str) -> String {
    // A string always has a JSON form.
    serde_json::to_string(value).unwrap_or_default()
}

/// Pieces of a text to be replaced, gathered in order of place.
#[derive(Default)]
pub struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Replaces what stands at `at`; an empty range inserts. Places must come in ascending order.
    pub fn replace(&mut self, at: Range<usize>, with: String) {
        debug_assert!(self.0.last().is_none_or(|(last, _)| last.end <= at.start));
        self.0.push((at, with));
    }

    /// True where nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `text` with the edits made.
    pub fn apply(&self, text: &str) -> String {
        let grown: usize = self.0.iter().map(|(_, with)| with.len()).sum();
        let mut out = String::with_capacity(text.len() + grown);
        let mut at = 0;
        for (range, with) in &self.0 {
            out.push_str(&text[at..range.start]);
            out.push_str(with);
            at = range.end;
        }
        out.push_str(&text[at..]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_with_their_keys() {
        let text = r#"{"a":"1","b":["2",{"c":"3","d\"":[["4"]]},"5"],"e":{"f":{}},"g":"\\"}"#;
        let mut seen = Vec::new();
        each_string(text, |found| seen.push((found.key, found.raw)));
        assert_eq!(
            seen,
            [("a", "1"), ("b", "2"), ("c", "3"), ("d\\\"", "4"), ("b", "5"), ("g", "\\\\")]
        );
    }

    #[test]
    fn members_of_an_object_stand_where_they_are_said_to() {
        let text = r#" { "a" : 1.00 , "b":{"c":[1,{"d":"}"}]},"e\"":"x,y" ,"f":[] } "#;
        let seen: Vec<_> = members(text)
            .into_iter()
            .map(|member| (member.name, &text[member.value.clone()], &text[member.at]))
            .collect();
        assert_eq!(
            seen,
            [
                ("a", "1.00", r#""a" : 1.00"#),
                ("b", r#"{"c":[1,{"d":"}"}]}"#, r#""b":{"c":[1,{"d":"}"}]}"#),
                ("e\\\"", r#""x,y""#, r#""e\"":"x,y""#),
                ("f", "[]", r#""f":[]"#)
            ]
        );
        assert!(members("{}").is_empty());
    }

    #[test]
    fn paths_are_those_of_keys_from_the_root() {
        let text = r#"{"a":[{"b":"1"},{"c":{"b":"2"}}],"b":"3","contained":[{"a":[{"b":"4"}]}]}"#;
        let at = |path: &[&str]| {
            let mut seen = Vec::new();
            each_string(text, |found| {
                if found.is_at(path) {
                    seen.push(found.raw);
                }
            });
            seen
        };
        assert_eq!(at(&["a", "b"]), ["1"]);
        assert_eq!(at(&["a", "c", "b"]), ["2"]);
        assert_eq!(at(&["b"]), ["3"]);
        assert_eq!(at(&["c", "b"]), [""; 0]);
    }

    #[test]
    fn minifying_touches_only_what_is_outside_strings() {
        let text = "{ \"a b\" :\t[ 1.00 ,\r\n \" \\\" { \" ] }\n";
        assert_eq!(minified(text), r#"{"a b":[1.00," \" { "]}"#);
        assert!(matches!(one_line("{ \"a\": 1 }"), Cow::Borrowed(_)));
    }

    #[test]
    fn depth_is_counted_outside_strings() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(!too_deep(&deep(MAX_DEPTH)));
        assert!(too_deep(&deep(MAX_DEPTH + 1)));
        assert!(!too_deep(&format!("\"{}\"", deep(3 * MAX_DEPTH))));
    }
}
