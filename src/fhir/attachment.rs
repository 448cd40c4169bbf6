//! `Attachment.url`: relative ones are made absolute on the way out.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#attachments>: "the `url` element SHALL be an
//! absolute URL that can be dereferenced to the attachment's content". `Binary/x` is such a URL once
//! the base it is served on stands before it.

use std::borrow::Cow;

use super::json::{self, Edits, Found};
use super::name::type_and_id;
use super::reference::{self, Slot};

/// True for a `url` that names a resource by a relative `Type/id`.
fn is_relative(found: &Found<'_, '_>) -> bool {
    if reference::slot(found) != Some(Slot::Url) || json::unescaped(found.key) != "url" {
        return false;
    }
    let link = json::unescaped(found.raw);
    // `docs/report.pdf` has the form of one, but types begin with a capital.
    link.starts_with(|c: char| c.is_ascii_uppercase()) && type_and_id(&link).is_some()
}

fn may_have(text: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), b"\"url\"").is_some()
}

/// How many of them a resource has.
pub fn relative_urls(text: &str) -> u64 {
    let mut count = 0;
    if may_have(text) {
        json::each_string(text, |found| count += u64::from(is_relative(&found)));
    }
    count
}

/// The text with `base` (which ends in a slash and needs no escapes) put before each of them: so
/// many bytes longer as there are of them, times the length of `base`.
pub fn absolute<'a>(text: &'a str, base: &str) -> Cow<'a, str> {
    let mut edits = Edits::default();
    if may_have(text) {
        json::each_string(text, |found| {
            if is_relative(&found) {
                edits.replace(found.at.start + 1..found.at.start + 1, base.to_owned());
            }
        });
    }
    match edits.is_empty() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(edits.apply(text)),
    }
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
