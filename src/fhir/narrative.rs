//! Links in a narrative: `<a href>` and `<img src>` of the XHTML in `text.div`.
//!
//! <https://hl7.org/fhir/R4/narrative.html>. The XHTML stands in a JSON string, so a place in it is a
//! place in the string as written, escapes and all.

use std::ops::Range;

use super::json::unescaped_at;

/// A link in a narrative.
pub(super) struct NarrativeLink {
    /// The place of the attribute's value between its quotes, in the JSON string as written.
    pub(super) at: Range<usize>,
    /// The value, without character references.
    pub(super) target: String,
}

/// Lists the links in a narrative, in order. `raw` is the JSON string as written between its quotes.
pub(super) fn links(raw: &str) -> Vec<NarrativeLink> {
    let mut links = Vec::new();
    let may_have = |name: &[u8]| memchr::memmem::find(raw.as_bytes(), name).is_some();
    // Some tools escape every `<`; hardly any escapes a letter.
    if !may_have(b"href") && !may_have(b"src") && !may_have(b"\\u00") {
        return links;
    }
    let (xhtml, places) = unescaped_at(raw);
    let mut rest = 0;
    while let Some(open) = xhtml[rest..].find('<').map(|step| rest + step) {
        let tag = &xhtml[open..];
        rest = open
            + match tag {
                _ if tag.starts_with("<!--") => tag.find("-->").map_or(tag.len(), |end| end + 3),
                _ if tag.starts_with("<![CDATA[") => {
                    tag.find("]]>").map_or(tag.len(), |end| end + 3)
                }
                _ => tag_end(tag),
            };
        let wanted = match tag[1..].split(|c: char| !c.is_ascii_alphanumeric()).next() {
            Some(name) if name.eq_ignore_ascii_case("a") => "href",
            Some(name) if name.eq_ignore_ascii_case("img") => "src",
            _ => continue,
        };
        if let Some(value) = attribute(&xhtml[open..rest], wanted) {
            let at = open + value.start..open + value.end;
            links.push(NarrativeLink {
                at: places[at.start]..places[at.end],
                target: without_references(&xhtml[at]),
            });
        }
    }
    links
}

/// The end of the tag that `text` begins with: behind its `>`, which may also stand in a value.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (at, b) in text.bytes().enumerate() {
        match (quote, b) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(b),
            (Some(open), b) if open == b => quote = None,
            _ => {}
        }
    }
    text.len()
}

/// The place of an attribute's value in a tag, between its quotes.
fn attribute(tag: &str, wanted: &str) -> Option<Range<usize>> {
    let bytes = tag.as_bytes();
    let skip = |mut at: usize, skipped: &dyn Fn(u8) -> bool| {
        while bytes.get(at).is_some_and(|b| skipped(*b)) {
            at += 1;
        }
        at
    };
    let is_space = |b: u8| b.is_ascii_whitespace();
    let mut at = skip(1, &|b| b.is_ascii_alphanumeric());
    while at < bytes.len() {
        at = skip(at, &|b| is_space(b) || matches!(b, b'/' | b'>'));
        let name = at;
        at = skip(at, &|b| !is_space(b) && !matches!(b, b'=' | b'/' | b'>' | b'"' | b'\''));
        let is_wanted = tag[name..at].eq_ignore_ascii_case(wanted);
        let equals = skip(at, &is_space);
        if bytes.get(equals) != Some(&b'=') {
            // An attribute without a value, or a quote that has no place here.
            at = at.max(name + 1);
            continue;
        }
        let open = skip(equals + 1, &is_space);
        let quote = *bytes.get(open)?;
        if !matches!(quote, b'"' | b'\'') {
            return None;
        }
        let end = open + 1 + memchr::memchr(quote, &bytes[open + 1..])?;
        if is_wanted {
            return Some(open + 1..end);
        }
        at = end + 1;
    }
    None
}

/// Replaces the character references that occur in URLs.
fn without_references(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let read = rest.find(';').and_then(|end| Some((character(&rest[1..end])?, end + 1)));
        let (character, length) = read.unwrap_or(('&', 1));
        out.push(character);
        rest = &rest[length..];
    }
    out + rest
}

/// The character that a character reference stands for.
fn character(reference: &str) -> Option<char> {
    match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = reference.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                None => number.parse(),
            };
            code.ok().and_then(char::from_u32)
        }
    }
}

/// Writes a link as the value of an attribute, in a JSON string. It fits between quotes of both kinds.
pub(super) fn quoted(link: &str) -> String {
    let mut out = String::with_capacity(link.len());
    for character in link.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    let json = super::json::quoted(&out);
    json[1..json.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stand_in_two_attributes_of_two_elements() {
        let raw = r#"<div><a class='b' href=\"urn:1\">x href=\"no\"</a><img alt=\"a>b\" src = 'u&#x3a;2'/><p href='no'/><!-- <a href='no'> -->\u003cA HREF=\u00223&amp;4\u0022><a name='n'/><area href='no'/><b src='no'/><a title='href=\"no\"' href='5é\n'/><a href=no><a href='6"#;
        let found: Vec<_> = links(raw).into_iter().map(|link| (link.at, link.target)).collect();
        let targets: Vec<_> = found.iter().map(|(_, target)| target.as_str()).collect();
        assert_eq!(targets, ["urn:1", "u:2", "3&4", "5é\n"]);
        let written: Vec<_> = found.iter().map(|(at, _)| &raw[at.clone()]).collect();
        assert_eq!(written, ["urn:1", "u&#x3a;2", "3&amp;4", r"5é\n"]);
        assert!(links("<div>no links</div>").is_empty());
        assert_eq!(quoted("Patient/1?a&b\"'<"), "Patient/1?a&amp;b&quot;&#39;&lt;");
    }

    #[test]
    fn damaged_xhtml_ends_somewhere() {
        for raw in [
            "<",
            "<a",
            "<a href",
            "<a href=",
            "<a href='",
            "<a href src",
            "<!--href",
            "&;src",
            "<a '' href='",
            "<img src=\\",
            "<a =href",
        ] {
            assert!(links(raw).is_empty(), "{raw}");
        }
    }
}
