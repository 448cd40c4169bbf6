//! Links between resources, and rewriting them where the specification says so.
//!
//! <https://hl7.org/fhir/R4/references.html> and, for what a server does with them in a
//! transaction, <https://hl7.org/fhir/R4/http.html#trules>.

use std::borrow::Cow;
use std::collections::HashMap;

use super::json::{self, Edits, Found};
use super::name::local_reference;
use super::search::Condition;

/// What a string that may be a link stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// `Reference.reference`.
    Reference,
    /// An element of type url or uri that may point at an entry (`Attachment.url`, `valueUri`, …).
    Url,
}

/// Elements of type url or uri that point at something rather than name it. `system`, `value`,
/// `display`, `div` and the like are never looked at, nor the `url` that is a resource's canonical
/// name or says which extension it is.
pub(super) fn slot(found: &Found<'_, '_>) -> Option<Slot> {
    let key = json::unescaped(found.key);
    match key.as_ref() {
        "reference" => Some(Slot::Reference),
        "url" if matches!(found.parent, "" | "contained" | "extension" | "modifierExtension") => {
            None
        }
        "url" | "uri" | "endpoint" | "address" => Some(Slot::Url),
        key if key.ends_with("Url") || key.ends_with("Uri") => Some(Slot::Url),
        _ => None,
    }
}

/// True for a link by `urn:uuid:` or `urn:oid:`.
pub fn is_urn(link: &str) -> bool {
    let head = link.get(..9).unwrap_or(link).to_ascii_lowercase();
    head == "urn:uuid:" || head.starts_with("urn:oid:")
}

/// Rewrites links: `resolve` is asked for each one and says what stands there instead.
/// `None` where nothing changed.
pub fn rewritten<'a>(
    text: &'a str,
    mut resolve: impl FnMut(Slot, Cow<'a, str>) -> Option<String>,
) -> Option<String> {
    let mut edits = Edits::default();
    json::each_string(text, |found| {
        if let Some(slot) = slot(&found)
            && let Some(new) = resolve(slot, json::unescaped(found.raw))
        {
            edits.replace(found.at, json::quoted(&new));
        }
    });
    (!edits.is_empty()).then(|| edits.apply(text))
}

/// False where a text can hold no search: few texts have a question mark at all, and finding none
/// is cheaper than reading strings. Some tools escape it.
pub fn may_search(text: &str) -> bool {
    memchr::memchr(b'?', text.as_bytes()).is_some()
        || memchr::memmem::find(text.as_bytes(), b"\\u003").is_some()
}

/// True where a resource holds references that are searches (`Practitioner?identifier=…`).
pub fn has_conditional(text: &str) -> bool {
    if !may_search(text) {
        return false;
    }
    let mut found = false;
    json::each_string(text, |string| {
        found |= slot(&string) == Some(Slot::Reference)
            && Condition::parse(&json::unescaped(string.raw)).is_some();
    });
    found
}

/// The entries of one Bundle by their `fullUrl`.
#[derive(Default)]
pub struct Entries(HashMap<String, String>);

impl Entries {
    /// Notes that `full_url` is `target` (`Type/id`) here.
    pub fn add(&mut self, full_url: &str, target: String) {
        self.0.insert(normal(full_url).into_owned(), target);
    }

    /// What `link` is to be called here: the entry with that `fullUrl`. A `urn:` link wherever a
    /// link may stand; an absolute URL only in a reference, and only where it already ends in the
    /// `Type/id` of its entry, so that a canonical URL stays the name that it is.
    pub fn resolve(&self, slot: Slot, link: &str) -> Option<String> {
        let target = self.0.get(normal(link).as_ref())?;
        let same = slot == Slot::Reference
            && link.strip_suffix(target.as_str()).is_some_and(|base| base.ends_with('/'));
        (is_urn(link) || same).then(|| target.clone())
    }
}

/// UUIDs compare without regard to case.
fn normal(link: &str) -> Cow<'_, str> {
    match is_urn(link) {
        true => Cow::Owned(link.to_ascii_lowercase()),
        false => Cow::Borrowed(link),
    }
}

/// Calls `visit` with each reference to a resource of this store, at any depth.
pub fn each_local(text: &str, mut visit: impl FnMut(&str, &str)) {
    json::each_string(text, |found| {
        if slot(&found) == Some(Slot::Reference)
            && let Some((resource_type, id)) = local_reference(&json::unescaped(found.raw))
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
        let mut entries = Entries::default();
        entries.add("urn:uuid:AB", "Patient/1".into());
        entries.add("http://x/fhir/Group/2", "Group/2".into());
        entries.add("http://x/StructureDefinition/p", "StructureDefinition/p".into());
        let text = r#"{"identifier":[{"value":"urn:uuid:ab"}],"a":{"reference":"urn:uuid:ab"},
            "b":[{"reference":"http:\/\/x\/fhir\/Group\/2"}],"content":{"url":"urn:uuid:ab"},
            "url":"http://x/StructureDefinition/p","text":{"div":"urn:uuid:ab"}}"#;
        let new = rewritten(text, |slot, link| entries.resolve(slot, &link)).unwrap();
        assert_eq!(
            new,
            text.replace(r#""reference":"urn:uuid:ab""#, r#""reference":"Patient/1""#)
                .replace(r#""url":"urn:uuid:ab""#, r#""url":"Patient/1""#)
                .replace(r"http:\/\/x\/fhir\/Group\/2", "Group/2")
        );
    }
}
