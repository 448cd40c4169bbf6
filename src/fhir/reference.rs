//! Links between resources: finding them and rewriting them where the specification says so.
//!
//! <https://hl7.org/fhir/R4/references.html>; <https://hl7.org/fhir/R4/http.html#trules> says what a
//! server does with them in a transaction.

use std::borrow::Cow;
use std::ops::Range;

use super::full_url::is_urn;
use super::json::{self, Edits};
use super::link_kind::link_kind;
use super::link_strings::LinkStrings;
use super::name::local_reference;
use super::narrative;
use super::search::Condition;

pub use super::link_kind::LinkKind;

/// The key of a reference, as it stands in a text.
const KEY: &[u8] = b"\"reference\"";

/// A link in a resource.
struct Link<'a> {
    kind: LinkKind,
    target: Cow<'a, str>,
    /// Its place in the text: a JSON string, or a part of one in a narrative.
    at: Range<usize>,
    in_narrative: bool,
}

/// Calls `visit` with each link in a text, in order.
fn each<'a>(text: &'a str, mut visit: impl FnMut(Link<'a>)) {
    json::each_string(text, |string| {
        if let Some(kind) = link_kind(&string) {
            let target = json::unescaped(string.raw);
            visit(Link { kind, target, at: string.at, in_narrative: false });
        } else if string.key == "div" && string.parent == "text" {
            let inside = string.at.start + 1;
            for link in narrative::links(string.raw) {
                let at = inside + link.at.start..inside + link.at.end;
                let target = Cow::Owned(link.target);
                visit(Link { kind: LinkKind::Url, target, at, in_narrative: true });
            }
        }
    });
}

/// Calls `visit` with each link in a text: those that [`rewritten`] can rewrite.
pub fn each_link<'a>(text: &'a str, mut visit: impl FnMut(LinkKind, Cow<'a, str>)) {
    each(text, |link| visit(link.kind, link.target));
}

/// Rewrites links: `resolve` returns the replacement of each one, or `None` to keep it. `None` where
/// nothing changed.
pub fn rewritten<'a>(
    text: &'a str,
    mut resolve: impl FnMut(LinkKind, Cow<'a, str>) -> Option<String>,
) -> Option<String> {
    let mut edits = Edits::default();
    each(text, |link| {
        if let Some(new) = resolve(link.kind, link.target) {
            let quoted =
                if link.in_narrative { narrative::quoted(&new) } else { json::quoted(&new) };
            edits.replace(link.at, quoted);
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

/// True where a reference does not name its resource, and has to be looked up: a search
/// (`Practitioner?identifier=…`), or a `urn:` link.
pub fn is_open(link: &str) -> bool {
    is_urn(link) || Condition::parse(link).is_some()
}

/// True where a resource holds references that have to be looked up.
pub fn has_open(text: &str) -> bool {
    may_be_open(text) && are_open(&LinkStrings::of(text))
}

/// [`has_open`] for strings of the text that were found before.
pub(super) fn has_open_among(text: &str, strings: &LinkStrings<'_>) -> bool {
    are_open(strings) && may_be_open(text)
}

fn are_open(strings: &LinkStrings<'_>) -> bool {
    strings.references().any(|string| is_open(&json::unescaped(string.raw)))
}

/// False where a text holds no sign of a reference that has to be looked up.
fn may_be_open(text: &str) -> bool {
    let has = |part: &[u8]| memchr::memmem::find(text.as_bytes(), part).is_some();
    may_search(text) || has(b"urn:uuid:") || has(b"urn:oid:") || has(b"URN:")
}

/// Calls `visit` with each reference to a resource of this store, at any depth.
pub fn each_local(text: &str, mut visit: impl FnMut(&str, &str)) {
    let Some(references) = plain_references(text) else {
        return each_local_by_strings(text, visit);
    };
    for raw in references {
        if let Some((resource_type, id)) = local_reference(&json::unescaped(raw)) {
            visit(resource_type, id);
        }
    }
}

/// The values of the keys `reference` in a valid JSON text, as written between their quotes. `None` where the
/// text may have other references too: behind escaped keys, or in lists.
///
/// This is many times faster than to go through all strings.
fn plain_references(text: &str) -> Option<Vec<&str>> {
    let bytes = text.as_bytes();
    if memchr::memmem::find(bytes, b"\\u").is_some() {
        return None;
    }
    let mut found = Vec::new();
    for at in memchr::memmem::find_iter(bytes, KEY) {
        // Behind a backslash these are the last characters of another string.
        if at > 0 && bytes[at - 1] == b'\\' {
            continue;
        }
        let rest = text[at + KEY.len()..].trim_ascii_start();
        let Some(value) = rest.strip_prefix(':').map(str::trim_ascii_start) else { continue };
        match value.as_bytes().first() {
            Some(b'[') => return None,
            Some(b'"') => found.push(json::raw_string(value)),
            _ => {}
        }
    }
    Some(found)
}

/// What [`each_local`] does, string after string.
fn each_local_by_strings(text: &str, mut visit: impl FnMut(&str, &str)) {
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
    use proptest::prelude::*;

    use super::*;

    /// A JSON text of the parts that make references hard to find.
    fn text() -> impl Strategy<Value = String> {
        let string = prop::sample::select(vec![
            r#""reference""#,
            r#""Practitioner/1""#,
            r#""x\\""#,
            r#""x \"reference""#,
            r#""\/reference""#,
            r#""Location\/2""#,
            r#""Patient/3/_history/1""#,
            r#""""#,
            r#""refer\u0065nce""#,
        ]);
        let leaf = prop_oneof![string.clone().prop_map(str::to_owned), Just("1".to_owned())];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            let member =
                (string.clone(), prop::sample::select(vec![":", " : ", ":\t"]), inner.clone());
            let member = member.prop_map(|(key, colon, value)| format!("{key}{colon}{value}"));
            let plain = (prop::sample::select(vec!["", " "]), inner.clone());
            let plain = plain.prop_map(|(space, value)| format!(r#""reference"{space}:{value}"#));
            let members = prop::collection::vec(prop_oneof![member, plain], 0..5);
            prop_oneof![
                members.prop_map(|members| format!("{{{}}}", members.join(","))),
                prop::collection::vec(inner, 0..4)
                    .prop_map(|list| format!("[{}]", list.join(", "))),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_fast_search_finds_what_a_look_at_each_string_finds(text in text()) {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            let (mut fast, mut slow) = (Vec::new(), Vec::new());
            each_local(&text, |name, id| fast.push(format!("{name}/{id}")));
            each_local_by_strings(&text, |name, id| slow.push(format!("{name}/{id}")));
            prop_assert_eq!(fast, slow);
        }
    }

    #[test]
    fn links_are_found_by_their_elements() {
        let text = r#"{"url":"no","identifier":[{"system":"no","value":"no"}],"a":{"reference":"r\/1","type":"no"},
            "extension":[{"url":"no","valueUri":"u1","valueCanonical":"no","valueUuid":"u2","valueOid":"u3"}],
            "policy":["u4"],"b":{"url":"l1"},"contained":[{"url":"no","endpoint":"l2"}],
            "text":{"div":"<a href='l3'/>"},"note":{"div":"<a href='no'/>"},"profile":["no"]}"#;
        let mut seen = Vec::new();
        each_link(text, |kind, target| seen.push((kind, target.into_owned())));
        let kind = |target: &str| match target.as_bytes()[0] {
            b'r' => LinkKind::Reference,
            b'l' => LinkKind::Url,
            _ => LinkKind::Uri,
        };
        let expected = ["r/1", "u1", "u2", "u3", "u4", "l1", "l2", "l3"];
        assert_eq!(seen, expected.map(|target| (kind(target), target.to_owned())));
        let new = rewritten(text, |_, target| (target == "l3").then(|| "a'b".to_owned()));
        assert_eq!(new, Some(text.replace("l3", "a&#39;b")));
    }
}
