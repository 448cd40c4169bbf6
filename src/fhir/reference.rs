//! Links between resources: finding them and rewriting them where the specification says so.
//!
//! <https://hl7.org/fhir/R4/references.html>; <https://hl7.org/fhir/R4/http.html#trules> says what a
//! server does with them in a transaction.

use std::borrow::Cow;
use std::collections::HashMap;

use super::json::{self, Edits, StringValue};
use super::name::local_reference;
use super::search::Condition;

/// The kind of element that a link stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// `Reference.reference`.
    Reference,
    /// An element of type url or uri that may point at an entry (`Attachment.url`, `valueUri`, …).
    Url,
}

/// Says whether a string may be a link, by its key: a reference, or an element of type url or uri
/// that points at something. Never `system`, `value`, `display`, `div` and the like, nor the `url`
/// that is a resource's canonical name or names an extension.
pub(super) fn link_kind(string: &StringValue<'_, '_>) -> Option<LinkKind> {
    let key = json::unescaped(string.key);
    match key.as_ref() {
        "reference" => Some(LinkKind::Reference),
        "url" if matches!(string.parent, "" | "contained" | "extension" | "modifierExtension") => {
            None
        }
        "url" | "uri" | "endpoint" | "address" => Some(LinkKind::Url),
        key if key.ends_with("Url") || key.ends_with("Uri") => Some(LinkKind::Url),
        _ => None,
    }
}

/// True for a `urn:uuid:` or `urn:oid:` link.
pub fn is_urn(link: &str) -> bool {
    let head = link.get(..9).unwrap_or(link).to_ascii_lowercase();
    head == "urn:uuid:" || head.starts_with("urn:oid:")
}

/// Rewrites links: `resolve` returns the replacement of each one, or `None` to keep it. `None` where
/// nothing changed.
pub fn rewritten<'a>(
    text: &'a str,
    mut resolve: impl FnMut(LinkKind, Cow<'a, str>) -> Option<String>,
) -> Option<String> {
    let mut edits = Edits::default();
    json::each_string(text, |string| {
        if let Some(kind) = link_kind(&string)
            && let Some(new) = resolve(kind, json::unescaped(string.raw))
        {
            edits.replace(string.at, json::quoted(&new));
        }
    });
    (!edits.is_empty()).then(|| edits.apply(text))
}

/// False where a text holds no question mark and so no search. Few texts hold one, and this test is
/// cheaper than reading strings. Some tools escape the mark.
pub fn may_search(text: &str) -> bool {
    memchr::memchr(b'?', text.as_bytes()).is_some()
        || memchr::memmem::find(text.as_bytes(), b"\\u003").is_some()
}

/// True where a resource holds conditional references (`Practitioner?identifier=…`).
pub fn has_conditional(text: &str) -> bool {
    if !may_search(text) {
        return false;
    }
    let mut found = false;
    json::each_string(text, |string| {
        found |= link_kind(&string) == Some(LinkKind::Reference)
            && Condition::parse(&json::unescaped(string.raw)).is_some();
    });
    found
}

/// The `fullUrl`s of one Bundle, and the `Type/id` that each stands for.
#[derive(Default)]
pub struct FullUrls(HashMap<String, String>);

impl FullUrls {
    /// Adds an entry whose resource is stored as `target` (`Type/id`).
    pub fn add(&mut self, full_url: &str, target: String) {
        self.0.insert(normalized(full_url).into_owned(), target);
    }

    /// Resolves a link to an entry, to its `Type/id`. A `urn:` link is resolved in every element. An
    /// absolute URL is resolved in a reference alone, and only where it already ends in the `Type/id`
    /// of its entry: a canonical URL is a name and must stay.
    pub fn resolve(&self, kind: LinkKind, link: &str) -> Option<String> {
        let target = self.0.get(normalized(link).as_ref())?;
        let is_same = kind == LinkKind::Reference
            && link.strip_suffix(target.as_str()).is_some_and(|base| base.ends_with('/'));
        (is_urn(link) || is_same).then(|| target.clone())
    }
}

/// Puts a `urn:` link in lower case: UUIDs compare without regard to case.
fn normalized(link: &str) -> Cow<'_, str> {
    if is_urn(link) { Cow::Owned(link.to_ascii_lowercase()) } else { Cow::Borrowed(link) }
}

/// Calls `visit` with each reference to a resource of this store, at any depth.
pub fn each_local(text: &str, mut visit: impl FnMut(&str, &str)) {
    json::each_string(text, |string| {
        if link_kind(&string) == Some(LinkKind::Reference)
            && let Some((resource_type, id)) = local_reference(&json::unescaped(string.raw))
        {
            visit(resource_type, id);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urns_are_rewritten_in_links_alone() {
        let mut full_urls = FullUrls::default();
        full_urls.add("urn:uuid:AB", "Patient/1".into());
        full_urls.add("http://x/fhir/Group/2", "Group/2".into());
        full_urls.add("http://x/StructureDefinition/p", "StructureDefinition/p".into());
        let text = r#"{"identifier":[{"value":"urn:uuid:ab"}],"a":{"reference":"urn:uuid:ab"},
            "b":[{"reference":"http:\/\/x\/fhir\/Group\/2"}],"content":{"url":"urn:uuid:ab"},
            "url":"http://x/StructureDefinition/p","text":{"div":"urn:uuid:ab"}}"#;
        let new = rewritten(text, |kind, link| full_urls.resolve(kind, &link)).unwrap();
        assert_eq!(
            new,
            text.replace(r#""reference":"urn:uuid:ab""#, r#""reference":"Patient/1""#)
                .replace(r#""url":"urn:uuid:ab""#, r#""url":"Patient/1""#)
                .replace(r"http:\/\/x\/fhir\/Group\/2", "Group/2")
        );
    }
}
