//! Binary: what its content is about.
//!
//! <https://hl7.org/fhir/R4/binary.html#security-context>

use super::json;
use super::link_strings::LinkStrings;
use super::name::local_reference;

/// The type.
pub const BINARY: &str = "Binary";

/// Type and id of the resource that the `securityContext` of a Binary names.
pub fn security_context(resource_type: &str, text: &str) -> Option<(String, String)> {
    if resource_type != BINARY {
        return None;
    }
    security_context_among(resource_type, &LinkStrings::of(text))
}

/// [`security_context`] for strings of the resource that were found before.
pub(super) fn security_context_among(
    resource_type: &str,
    strings: &LinkStrings<'_>,
) -> Option<(String, String)> {
    if resource_type != BINARY {
        return None;
    }
    let mut found = None;
    for string in strings.references() {
        if string.is_at(&["securityContext", "reference"])
            && let Some((name, id)) = local_reference(&json::unescaped(string.raw))
        {
            found = Some((name.to_owned(), id.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_is_that_of_a_binary_at_its_root() {
        let context = |resource_type, text| security_context(resource_type, text);
        let text = r#"{"securityContext":{"reference":"http:\/\/x/Patient/1"},"data":"QQ=="}"#;
        assert_eq!(context(BINARY, text), Some(("Patient".to_owned(), "1".to_owned())));
        assert_eq!(context("Basic", text), None);
        assert_eq!(context(BINARY, r#"{"a":{"securityContext":{"reference":"Patient/1"}}}"#), None);
        assert_eq!(context(BINARY, r#"{"securityContext":{"reference":"urn:uuid:1"}}"#), None);
    }
}
