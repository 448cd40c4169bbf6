//! `Attachment.url`: which resources attachments name, and relative URLs made absolute.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#attachments>: "the `url` element SHALL be an
//! absolute URL that can be dereferenced to the attachment's content". `Binary/x` becomes such a
//! URL when the base of the server stands before it, in place of `./` or of the path of a base.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::binary::BINARY;
use super::json::{self, Edits, StringValue};
use super::link_kind::{LinkKind, URL, link_kind};
use super::link_strings::LinkStrings;
use super::name::{local_reference, relative_url, short};

/// The URLs of a resource's attachments that name one resource by one base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentUrls {
    /// The type that they name; empty for a relative URL that names no resource.
    pub target_type: String,
    /// The id that they name; else the beginning of the URL.
    pub target_id: String,
    /// What stands before the type in absolute URLs, its last slash included; empty for relative URLs.
    pub base: String,
    /// How many relative URLs these are; 0 for absolute ones.
    pub relative: u64,
    /// The bytes before the type in these.
    pub removed: u64,
}

/// One URL, as far as it matters here.
enum AttachmentUrl {
    /// Relative, with a resource's name after so many bytes as written.
    Relative { before: usize, target_type: String, target_id: String },
    /// Absolute, with the name of a Binary after a base.
    Absolute { base: String, target_type: String, target_id: String },
    /// Relative, without a resource's name.
    Nameless(String),
}

/// Reads a string of a resource. `None` for what is no `url` of an attachment, or leads elsewhere.
fn url_of(string: &StringValue<'_, '_>) -> Option<AttachmentUrl> {
    if link_kind(string) != Some(LinkKind::Url) || json::unescaped(string.key) != URL {
        return None;
    }
    let link = json::unescaped(string.raw);
    // Types begin with a capital letter: `docs/report.pdf` names no resource.
    let is_type = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase());
    if has_scheme(&link) {
        let (target_type, target_id) =
            local_reference(&link).filter(|(name, _)| *name == BINARY)?;
        let name = format!("{target_type}/{target_id}");
        let base = link[..link.rfind(&name)?].to_owned();
        let (target_type, target_id) = (target_type.to_owned(), target_id.to_owned());
        return Some(AttachmentUrl::Absolute { base, target_type, target_id });
    }
    if link.is_empty() || link.starts_with('#') || link.starts_with("//") {
        return None;
    }
    match relative_url(&link).filter(|(_, (name, _))| is_type(name)) {
        Some((base, (target_type, target_id))) => Some(AttachmentUrl::Relative {
            before: as_written(string.raw, base),
            target_type: target_type.to_owned(),
            target_id: target_id.to_owned(),
        }),
        None => Some(AttachmentUrl::Nameless(short(&link))),
    }
}

/// True for an absolute URL: <https://www.rfc-editor.org/rfc/rfc3986#section-3.1>.
fn has_scheme(link: &str) -> bool {
    let scheme = link.split_once(':').map_or("", |(scheme, _)| scheme);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-'))
}

/// How many bytes of a JSON string, as written, are its first `length` bytes.
fn as_written(raw: &str, length: usize) -> usize {
    let (mut at, mut read) = (0, 0);
    while read < length {
        let rest = &raw[at..];
        let step = match rest.as_bytes() {
            // Names and the paths before them need no surrogates.
            [b'\\', b'u', ..] => 6,
            [b'\\', ..] => 2,
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        let step = step.min(rest.len()).max(1);
        read += json::unescaped(rest.get(..step).unwrap_or_default()).len();
        at = (at + step).min(raw.len());
        if at == raw.len() {
            break;
        }
    }
    at
}

/// False where a text holds no attachment with a URL. Cheaper than reading its strings.
fn may_have(text: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), b"\"url\"").is_some()
}

/// Lists the URLs of a resource's attachments that are relative or name a Binary, in order of what they
/// name.
pub fn urls(text: &str) -> Vec<AttachmentUrls> {
    if may_have(text) { urls_among(&LinkStrings::of(text)) } else { Vec::new() }
}

/// [`urls`] for strings of the resource that were found before.
pub(super) fn urls_among(strings: &LinkStrings<'_>) -> Vec<AttachmentUrls> {
    let mut found: BTreeMap<(String, String, String), (u64, u64)> = BTreeMap::new();
    for string in strings.urls() {
        let (key, relative, removed) = match url_of(&string) {
            Some(AttachmentUrl::Relative { before, target_type, target_id }) => {
                ((target_type, target_id, String::new()), 1, before as u64)
            }
            Some(AttachmentUrl::Absolute { base, target_type, target_id }) => {
                ((target_type, target_id, base), 0, 0)
            }
            Some(AttachmentUrl::Nameless(link)) => ((String::new(), link, String::new()), 1, 0),
            None => continue,
        };
        let sums = found.entry(key).or_default();
        *sums = (sums.0 + relative, sums.1 + removed);
    }
    let urls = found.into_iter().map(|((target_type, target_id, base), (relative, removed))| {
        AttachmentUrls { target_type, target_id, base, relative, removed }
    });
    urls.collect()
}

/// Makes each relative URL absolute whose resource `exists`: `base` stands before the resource's name
/// then. `base` ends in a slash and needs no escapes in JSON.
pub fn absolute<'a>(
    text: &'a str,
    base: &str,
    mut exists: impl FnMut(&str, &str) -> bool,
) -> Cow<'a, str> {
    let mut edits = Edits::default();
    if may_have(text) {
        json::each_string(text, |string| {
            if let Some(AttachmentUrl::Relative { before, target_type, target_id }) =
                url_of(&string)
                && exists(&target_type, &target_id)
            {
                let inside = string.at.start + 1;
                edits.replace(inside..inside + before, base.to_owned());
            }
        });
    }
    if edits.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(edits.apply(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "http://h/fhir/";

    #[test]
    fn only_relative_urls_of_attachments_change() {
        let text = r#"{"url":"Binary/0","content":[{"attachment":{"url":"Binary/1"}},{"attachment":{"url":"Binary\/2"}},
            {"attachment":{"url":"http://x/Binary/3"}},{"attachment":{"url":"a/b.pdf"}}],
            "extension":[{"url":"Binary/4","valueAttachment":{"url":"Binary/5"}}]}"#;
        let new = absolute(text, BASE, |_, _| true);
        assert_eq!(new.len(), text.len() + 3 * BASE.len());
        assert_eq!(
            new,
            text.replace("\"Binary/1", "\"http://h/fhir/Binary/1")
                .replace("\"Binary\\/2", "\"http://h/fhir/Binary\\/2")
                .replace("\"Binary/5", "\"http://h/fhir/Binary/5")
        );
        assert_eq!(absolute(text, BASE, |_, _| false), text);
    }

    /// A URL as written, what it becomes, and the base of an absolute one.
    #[test]
    fn each_form_of_a_url_becomes_the_same() {
        for (raw, becomes) in [
            ("Binary/x", Some("http://h/fhir/Binary/x")),
            ("Binary/x/_history/1", Some("http://h/fhir/Binary/x/_history/1")),
            ("./Binary/x", Some("http://h/fhir/Binary/x")),
            ("../Binary/x", Some("http://h/fhir/Binary/x")),
            ("/Binary/x", Some("http://h/fhir/Binary/x")),
            ("/fhir/Binary/x", Some("http://h/fhir/Binary/x")),
            ("/a/much/longer/path/Binary/x/_history/2", Some("http://h/fhir/Binary/x/_history/2")),
            (r"\/fhir\/Binary\/x", Some(r"http://h/fhir/Binary\/x")),
            (r"\u002ffh\u0069r/Binary/x", Some("http://h/fhir/Binary/x")),
            (r"/é/\u00e9/Binary/x", Some("http://h/fhir/Binary/x")),
            ("//x/fhir/Binary/x", None),
            ("http://x/fhir/Binary/x", None),
            ("urn:uuid:x", None),
            ("data:text/plain,Binary/x", None),
            ("#x", None),
            ("", None),
            ("fhir/Binary/x", None),
            ("binary/x", None),
            ("Binary/x?y", None),
            ("docs/report.pdf", None),
        ] {
            let text = format!(r#"{{"photo":[{{"url":"{raw}"}}]}}"#);
            let expected = text.replace(raw, becomes.unwrap_or(raw));
            let expected = if raw.is_empty() { text.clone() } else { expected };
            let made = absolute(&text, BASE, |name, id| (name, id) == ("Binary", "x"));
            assert_eq!(made, expected, "{raw}");
            let growth: i64 = urls(&text)
                .iter()
                .filter(|url| !url.target_type.is_empty())
                .map(|url| (url.relative * BASE.len() as u64) as i64 - url.removed as i64)
                .sum();
            assert_eq!(made.len() as i64, text.len() as i64 + growth, "{raw}");
        }
    }

    #[test]
    fn urls_are_listed_by_what_they_name() {
        let text = r#"{"photo":[{"url":"./Binary/x"},{"url":"Binary/x"},{"url":"http://h/fhir/Binary/x"},
            {"url":"a.png"},{"url":"https://h/a.png"},{"url":"http://h/fhir/Basic/x"}]}"#;
        let listed: Vec<_> = urls(text)
            .into_iter()
            .map(|url| {
                (url.target_type + "/" + &url.target_id, url.base, url.relative, url.removed)
            })
            .collect();
        let row = |name: &str, base: &str, relative, removed| {
            (name.to_owned(), base.to_owned(), relative, removed)
        };
        assert_eq!(
            listed,
            [row("/a.png", "", 1, 0), row("Binary/x", "", 2, 2), row("Binary/x", BASE, 0, 0)]
        );
    }
}
