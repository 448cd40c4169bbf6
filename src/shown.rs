//! Text as messages show it: nothing in it rules a terminal, and it reads in the order in which it stands.
//!
//! Names of files, members of archives and values from input may hold anything. Data that goes out, such as the
//! lines of an export, never comes here: it stays byte for byte.

use std::borrow::Cow;
use std::fmt::Write;

/// True for a character that a terminal may obey, or that changes the order of those around it: C0, DEL and C1
/// ([ECMA-48](https://ecma-international.org/publications-and-standards/standards/ecma-48/)), and the controls of
/// [Unicode's bidirectional algorithm](https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters).
pub fn rules_a_terminal(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with each such character as its escape: `\n`, `\t`, `\u{1b}`. Shown text stays as it is.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(rules_a_terminal) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.extend(c.escape_default()),
            c if rules_a_terminal(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// JSON text with each such character as JSON's escape, which means the same: `\u001b`. The text has no line
/// breaks between its tokens.
pub fn shown_json(json: &str) -> Cow<'_, str> {
    if !json.contains(rules_a_terminal) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if rules_a_terminal(c) {
            // Writing to a string does not fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Bytes as hexadecimal digits, in small letters.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The end of a long text, of at most `most` characters.
pub fn shortened_in_front(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().rev().nth(most) {
        Some((at, c)) => Cow::Owned(format!("…{}", &text[at + c.len_utf8()..])),
        None => Cow::Borrowed(text),
    }
}

/// The beginning of a long text, of at most `most` characters.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rules_a_terminal_is_escaped_and_nothing_else() {
        let cases = [
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\u{9b}2J\u{7f}", "a\\u{9b}2J\\u{7f}"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("x\u{202e}y\u{2066}z", "x\\u{202e}y\\u{2066}z"),
            ("Björn 😀 \\u{1b}", "Björn 😀 \\u{1b}"),
        ];
        for (text, wanted) in cases {
            assert_eq!(shown(text), wanted);
            assert_eq!(shown(&shown(text)), wanted);
        }
        let json = "\"\u{9b}\u{7f}\u{202e}é\"";
        assert_eq!(shown_json(json), r#""\u009b\u007f\u202eé""#);
        let same: String = serde_json::from_str(&shown_json(json)).unwrap();
        assert_eq!(same, "\u{9b}\u{7f}\u{202e}é");
    }

    #[test]
    fn long_texts_are_shortened_where_they_matter_least() {
        assert_eq!(shortened("äbc", 2), "äb…");
        assert_eq!(shortened_in_front("abcä", 2), "…cä");
        assert_eq!(shortened_in_front("ab", 2), "ab");
    }
}
