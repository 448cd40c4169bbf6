//! Names of resources: types, logical ids, `Type/id`, and names cut short for messages.
//!
//! <https://hl7.org/fhir/R4/references.html#literal>. Every `Type/id` in the crate is read here.

/// True for a text made of the characters of a logical id. Any length but zero is accepted.
pub fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
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

/// Reads `Type/id` at the end of a relative or absolute RESTful URL. A version behind it is
/// dropped: `Patient/1`, `https://x/fhir/Patient/1`, `Patient/1/_history/2`.
pub fn type_and_id(url: &str) -> Option<(&str, &str)> {
    let url = url.split_once("/_history").map_or(url, |(before, _)| before);
    let (rest, id) = url.rsplit_once('/')?;
    let resource_type = rest.rsplit_once('/').map_or(rest, |(_, last)| last);
    (is_type(resource_type) && is_id(id)).then_some((resource_type, id))
}

/// Reads a reference to a resource of this store: `Type/id`, a version of it, or an absolute `http`
/// URL that ends so. `None` for fragments, `urn:` links, searches and everything else.
///
/// A server writes references relative or on its own base. The base that a file was exported from
/// is unknown, so any host is accepted.
pub fn local(link: &str) -> Option<(&str, &str)> {
    let bare = match link.split_once("/_history/") {
        Some((bare, version)) if is_id(version) => bare,
        Some(_) => return None,
        None => link,
    };
    let (rest, id) = bare.rsplit_once('/')?;
    let resource_type = match rest.split_once("://") {
        Some(("http" | "https", path)) => path.rsplit_once('/')?.1,
        _ => rest,
    };
    (is_type(resource_type) && is_id(id)).then_some((resource_type, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_this_store_have_three_forms() {
        for link in [
            "Patient/1",
            "Patient/1/_history/2",
            "https://x/fhir/Patient/1",
            "http://x/Patient/1/_history/2",
        ] {
            assert_eq!(local(link), Some(("Patient", "1")), "{link}");
        }
        for link in [
            "#1",
            "urn:uuid:1",
            "a/Patient/1",
            "ftp://x/Patient/1",
            "Patient?identifier=1",
            "Patient/é/Patient/1",
            "Patient/Patient/12345678-aaaa-bbbb",
            "Patient/1/_history",
            "Patient/1/_historyfoo",
            "Patient/1/_history/1/_history/2",
            "http://Patient/1",
            "Patient/",
            "Patient",
            "Patient/1/x",
        ] {
            assert_eq!(local(link), None, "{link}");
        }
    }
}
