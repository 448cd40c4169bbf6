//! Values of a uri parameter: compared character by character, or as paths.
//!
//! <https://hl7.org/fhir/R4/search.html#uri>

use super::modifier::Modifier;

/// One value of a uri parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UriBound {
    /// No modifier: the same URI.
    Same(String),
    /// `:above`: the found URI is the value, or the value lies below it.
    Above(String),
    /// `:below`: the found URI is the value, or lies below it.
    Below(String),
}

impl UriBound {
    /// A value without escapes. Modifiers of other kinds count as none.
    ///
    /// # Errors
    /// What is wrong, to be said behind the value.
    pub(super) fn new(modifier: &Modifier, value: String) -> Result<UriBound, String> {
        let bound = match modifier {
            Modifier::Above => UriBound::Above,
            Modifier::Below => UriBound::Below,
            _ => return Ok(UriBound::Same(value)),
        };
        if value.starts_with("urn:") {
            return Err("is a URN, which has nothing above or below it".to_owned());
        }
        Ok(bound(value))
    }

    /// True where a URI that was found meets the value.
    pub(super) fn holds(&self, found: &str) -> bool {
        match self {
            UriBound::Same(value) => is_same_canonical(value, found),
            UriBound::Above(value) => is_below(found, value),
            UriBound::Below(value) => is_below(value, found),
        }
    }
}

/// True where a canonical URL that was found is the one that is searched for. Without a version
/// (`|1.0`) the search takes every version (<https://hl7.org/fhir/R4/search.html#versions>).
pub(super) fn is_same_canonical(wanted: &str, found: &str) -> bool {
    let same_but_version = || {
        let behind = found.strip_prefix(wanted);
        behind.is_some_and(|behind| behind.starts_with('|')) && !wanted.contains('|')
    };
    found == wanted || same_but_version()
}

/// A canonical URL without its version. Two that are the same for [`is_same_canonical`] have the same.
pub(super) fn without_canonical_version(uri: &str) -> &str {
    uri.split_once('|').map_or(uri, |(bare, _)| bare)
}

/// True where `uri` is `root`, or continues it behind a `/`.
fn is_below(root: &str, uri: &str) -> bool {
    uri.strip_prefix(root).is_some_and(|rest| {
        rest.is_empty() || !root.is_empty() && (root.ends_with('/') || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of <https://hl7.org/fhir/R4/search.html#uri> and further ones.
    #[test]
    fn paths_are_compared_segment_by_segment() {
        let valueset = "http://acme.org/fhir/ValueSet/123";
        for (modifier, value, found, expected) in [
            (Modifier::None, valueset, valueset, true),
            (Modifier::None, valueset, "http://acme.org/fhir/ValueSet/1234", false),
            (Modifier::None, valueset, "HTTP://acme.org/fhir/ValueSet/123", false),
            (Modifier::None, valueset, "http://acme.org/fhir/ValueSet/123|2.0", true),
            (Modifier::None, "http://a|1", "http://a|2", false),
            (Modifier::None, "http://a|1", "http://a", false),
            (Modifier::None, "urn:oid:1.2.3", "urn:oid:1.2.3", true),
            (Modifier::Below, "http://acme.org/fhir/", valueset, true),
            (Modifier::Below, "http://acme.org/fhir", valueset, true),
            (Modifier::Below, "http://acme.org/fh", valueset, false),
            (Modifier::Below, valueset, valueset, true),
            (Modifier::Below, valueset, "http://acme.org/fhir", false),
            (Modifier::Below, "", valueset, false),
            (Modifier::Above, "http://acme.org/fhir/ValueSet/123/_history/5", valueset, true),
            (Modifier::Above, valueset, valueset, true),
            (Modifier::Above, "http://acme.org/fhir/ValueSet/1234", valueset, false),
        ] {
            let bound = UriBound::new(&modifier, value.to_owned()).unwrap();
            assert_eq!(bound.holds(found), expected, "{modifier:?} {value} {found}");
        }
        assert!(UriBound::new(&Modifier::Below, "urn:oid:1".to_owned()).is_err());
    }
}
