//! Escapes in the values of searches: a backslash takes the meaning from `,` `|` `$` and `\`.
//!
//! <https://hl7.org/fhir/R4/search.html#escaping>. Percent-encoding is undone before.

/// Splits a text at each `separator` that has its meaning. The parts keep their escapes.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((part, behind)) = split_once(rest, separator) {
        parts.push(part);
        rest = behind;
    }
    parts.push(rest);
    parts
}

/// Splits a text at the first `separator` that has its meaning. Both parts keep their escapes.
pub(super) fn split_once(text: &str, separator: char) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    let (at, _) = text.char_indices().find(|(_, c)| {
        let is_here = *c == separator && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        is_here
    })?;
    Some((&text[..at], &text[at + separator.len_utf8()..]))
}

/// The text that an escaped one means. A backslash at the end means nothing.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next()),
            c => plain.push(c),
        }
    }
    plain
}

/// Escapes a text, so that a search has it as one value.
#[cfg(test)]
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, ',' | '|' | '$' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_escaped_separator_does_not_split() {
        // microsoft/fhir-server#1389: `\,` is a comma of the value.
        for (text, parts) in [
            ("", vec![""]),
            ("a,b", vec!["a", "b"]),
            (r"KEBER MD\, BARBARA A", vec![r"KEBER MD\, BARBARA A"]),
            (r"a\\,b", vec![r"a\\", "b"]),
            (r"a\\\,b", vec![r"a\\\,b"]),
            (",", vec!["", ""]),
            (r"é\", vec![r"é\"]),
        ] {
            assert_eq!(split(text, ','), parts, "{text}");
        }
        assert_eq!(unescaped(r"KEBER MD\, BARBARA A"), "KEBER MD, BARBARA A");
        assert_eq!(unescaped(r"a\|b\$c\\d\"), r"a|b$c\d");
    }

    proptest! {
        #[test]
        fn escaping_and_unescaping_are_inverse(texts in prop::collection::vec(".*", 1..4)) {
            let joined = texts.iter().map(|text| escaped(text)).collect::<Vec<_>>().join(",");
            let parts: Vec<String> = split(&joined, ',').into_iter().map(unescaped).collect();
            prop_assert_eq!(parts, texts);
        }

        #[test]
        fn splitting_loses_nothing(text in r"[,\\a|$é]*") {
            prop_assert_eq!(split(&text, ',').join(","), text);
        }
    }
}
