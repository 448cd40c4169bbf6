//! White space in JSON.

use std::borrow::Cow;

use memchr::memchr2;

use super::strings::string_end;

/// Removes white space outside strings.
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

/// Puts a text on one line: [`minified`] where it has line breaks, as it is otherwise.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if memchr2(b'\n', b'\r', text.as_bytes()).is_some() {
        Cow::Owned(minified(text))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minifying_touches_only_what_is_outside_strings() {
        let text = "{ \"a b\" :\t[ 1.00 ,\r\n \" \\\" { \" ] }\n";
        assert_eq!(minified(text), r#"{"a b":[1.00," \" { "]}"#);
        assert!(matches!(one_line("{ \"a\": 1 }"), Cow::Borrowed(_)));
    }
}
