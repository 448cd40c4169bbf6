//! `Attachment.url`: relative URLs are made absolute on the way out.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#attachments>: "the `url` element SHALL be an
//! absolute URL that can be dereferenced to the attachment's content". `Binary/x` becomes such a
//! URL when the base of the server stands before it.

use std::borrow::Cow;

use super::json::{self, Edits, StringValue};
use super::name::type_and_id;
use super::reference::{LinkKind, link_kind};

/// True for a `url` that names a resource by a relative `Type/id`.
fn is_relative(string: &StringValue<'_, '_>) -> bool {
    if link_kind(string) != Some(LinkKind::Url) || json::unescaped(string.key) != "url" {
        return false;
    }
    let link = json::unescaped(string.raw);
    // Types begin with a capital letter: `docs/report.pdf` is no `Type/id`.
    link.starts_with(|c: char| c.is_ascii_uppercase()) && type_and_id(&link).is_some()
}

/// False where a text holds no attachment with a URL. Cheaper than reading its strings.
fn may_have(text: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), b"\"url\"").is_some()
}

/// Counts the relative URLs of a resource's attachments.
pub fn relative_urls(text: &str) -> u64 {
    let mut count = 0;
    if may_have(text) {
        json::each_string(text, |string| count += u64::from(is_relative(&string)));
    }
    count
}

/// Puts `base` before each relative URL. `base` ends in a slash and needs no escapes in JSON. The
/// text grows by the length of `base` times [`relative_urls`].
pub fn absolute<'a>(text: &'a str, base: &str) -> Cow<'a, str> {
    let mut edits = Edits::default();
    if may_have(text) {
        json::each_string(text, |string| {
            if is_relative(&string) {
                let inside = string.at.start + 1;
                edits.replace(inside..inside, base.to_owned());
            }
        });
    }
    if edits.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(edits.apply(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_urls_of_attachments_change() {
        let text = r#"{"url":"Binary/0","content":[{"attachment":{"url":"Binary/1"}},{"attachment":{"url":"Binary\/2"}},
            {"attachment":{"url":"http://x/Binary/3"}},{"attachment":{"url":"a/b.pdf"}}],
            "extension":[{"url":"Binary/4","valueAttachment":{"url":"Binary/5"}}]}"#;
        assert_eq!(relative_urls(text), 3);
        let new = absolute(text, "http://h/fhir/");
        assert_eq!(new.len(), text.len() + 3 * "http://h/fhir/".len());
        assert_eq!(
            new,
            text.replace("\"Binary/1", "\"http://h/fhir/Binary/1")
                .replace("\"Binary\\/2", "\"http://h/fhir/Binary\\/2")
                .replace("\"Binary/5", "\"http://h/fhir/Binary/5")
        );
    }
}
