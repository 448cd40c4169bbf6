//! Names of resources: types, logical ids, `Type/id`, and names cut short for messages.
//!
//! <https://hl7.org/fhir/R4/references.html#literal>. Every `Type/id` in the crate is read here, by
//! one grammar: `[base/]Type/id[/_history/vid]`. Its readers differ in what they take beside
//! `Type/id`.

use std::sync::LazyLock;

use memchr::memchr;
use memchr::memmem::Finder;

/// Finds what stands between a link and a version.
static HISTORY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("/_history/"));

/// True for a text made of the characters of a logical id. Any length but zero is accepted.
pub fn is_id(text: &str) -> bool {
    let is_of_id = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    // Every byte is looked at, many in one instruction: an id is hardly ever wrong.
    !text.is_empty() && text.bytes().fold(true, |right, b| right & is_of_id(b))
}

/// True for a text that can be the name of a resource type: ASCII letters alone. The type itself may
/// be unknown.
pub fn is_type(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic())
}

/// The beginning of a value, for a message.
pub fn short(value: &str) -> String {
    match value.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// Reads `Type/id`, without a base and without a version.
pub fn type_and_id(text: &str) -> Option<(&str, &str)> {
    let slash = memchr(b'/', text.as_bytes())?;
    let (resource_type, id) = (&text[..slash], &text[slash + 1..]);
    (is_type(resource_type) && is_id(id)).then_some((resource_type, id))
}

/// Reads a reference to a resource of this store: `Type/id`, a version of it, or an absolute `http`
/// URL that ends so. `None` for fragments, `urn:` links, searches and everything else.
///
/// A server writes references relative or on its own base. The base that a file was exported from
/// is unknown, so any host is accepted.
pub fn local_reference(link: &str) -> Option<(&str, &str)> {
    literal_reference(link).map(|(_, name)| name)
}

/// Reads the same, and tells a resource of this store from one elsewhere: the base, which is empty for a relative
/// reference, and `Type/id`.
pub fn literal_reference(link: &str) -> Option<(&str, (&str, &str))> {
    let (base, name) = split_base(link)?;
    (base.is_empty() || is_http(base)).then_some((base, name))
}

/// Reads the `url` of a Bundle entry's request: `Type/id` or a version of it, relative to the base
/// (`Patient/1`), to the server (`/fhir/Patient/1`) or absolute.
///
/// <https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.request.url>
pub fn request_target(url: &str) -> Option<(&str, &str)> {
    let (base, name) = split_base(url)?;
    (base.is_empty() || base.starts_with('/') || is_http(base)).then_some(name)
}

/// The base of a `fullUrl` that ends in `Type/id`, with its last slash: relative references in the
/// entry are relative to it. Empty where the `fullUrl` is itself relative. `None` for `urn:` links and
/// everything else.
///
/// <https://hl7.org/fhir/R4/bundle.html#references>
pub fn restful_base(full_url: &str) -> Option<&str> {
    let (base, _) = split_base(full_url)?;
    (base.is_empty() || is_http(base)).then_some(base)
}

/// Cuts `/_history/vid` off a link; returns the link without it, and what was cut off.
pub fn without_version(link: &str) -> (&str, &str) {
    match HISTORY.find(link.as_bytes()) {
        Some(at) if is_id(&link[at + HISTORY.needle().len()..]) => link.split_at(at),
        _ => (link, ""),
    }
}

/// True for a UUID as FHIR writes it: `8-4-4-4-12` hexadecimal digits, in either case.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Reads a relative URL of a resource: `Type/id` or a version of it, alone or after `./`, `../` or the
/// path of a server (`/fhir/Binary/1`). Returns the length of what stands before `Type/id` too.
pub fn relative_url(url: &str) -> Option<(usize, (&str, &str))> {
    let (base, name) = split_base(url)?;
    let is_path = base.starts_with('/') && !base.starts_with("//");
    let is_relative = base.is_empty() || base.starts_with("./") || base.starts_with("../");
    (is_relative || is_path).then_some((base.len(), name))
}

/// Splits `[base/]Type/id[/_history/vid]` into the base with its last slash, and `Type/id`.
fn split_base(text: &str) -> Option<(&str, (&str, &str))> {
    // Most references are no longer than that.
    if let Some(name) = type_and_id(text) {
        return Some(("", name));
    }
    let (bare, version) = without_version(text);
    if version.is_empty() && HISTORY.find(text.as_bytes()).is_some() {
        return None;
    }
    let (before_id, _) = bare.rsplit_once('/')?;
    let start = before_id.rfind('/').map_or(0, |slash| slash + 1);
    Some((&bare[..start], type_and_id(&bare[start..])?))
}

/// True for the base of an absolute URL, its host included.
fn is_http(base: &str) -> bool {
    let rest = base.strip_prefix("http://").or_else(|| base.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts, and which of [`type_and_id`], [`local_reference`] and [`request_target`] take them
    /// for `Patient/1`.
    const CASES: [(&str, [bool; 3]); 26] = [
        ("Patient/1", [true, true, true]),
        ("Patient/1/_history/2", [false, true, true]),
        ("https://x/fhir/Patient/1", [false, true, true]),
        ("http://x/Patient/1/_history/2", [false, true, true]),
        ("/Patient/1", [false, false, true]),
        ("/fhir/Patient/1/_history/2", [false, false, true]),
        ("a/Patient/1", [false; 3]),
        ("Patient/2/Patient/1", [false; 3]),
        ("ftp://x/Patient/1", [false; 3]),
        ("http://Patient/1", [false; 3]),
        ("#1", [false; 3]),
        ("urn:uuid:1", [false; 3]),
        ("Patient?identifier=1", [false; 3]),
        ("Patient/é/Patient/1", [false; 3]),
        ("Patient/Patient/12345678-aaaa-bbbb", [false; 3]),
        ("Patient/1/_history", [false; 3]),
        ("Patient/1/_history/", [false; 3]),
        ("Patient/1/_historyfoo", [false; 3]),
        ("Patient/1/_history/1/_history/2", [false; 3]),
        ("Patient/1/_history/1/x", [false; 3]),
        ("Patient/1/_history/é", [false; 3]),
        ("Patient/", [false; 3]),
        ("Patient", [false; 3]),
        ("/1", [false; 3]),
        ("Patient/1/", [false; 3]),
        ("Patient/1/x", [false; 3]),
    ];

    #[test]
    fn each_reader_takes_its_forms_alone() {
        for (text, taken) in CASES {
            let read = [type_and_id(text), local_reference(text), request_target(text)];
            assert_eq!(read.map(|name| name.is_some()), taken, "{text}");
            for name in read.into_iter().flatten() {
                assert_eq!(name, ("Patient", "1"), "{text}");
            }
        }
    }
}
