//! Values of a reference parameter, held against the references of a resource.
//!
//! <https://hl7.org/fhir/R4/search.html#reference>. A reference to a resource of any `http` server
//! counts as one to the resource here, as everywhere in fhirlite: files come from other servers. In a
//! search an absolute URL means a resource here only on our own base. A reference without a version
//! stands for every version.

use std::borrow::Cow;

use super::coded::{PlainCodes, TokenBound};
use super::uri::{is_same_canonical, without_canonical_version};
use crate::fhir::compartment::PATIENT;
use crate::fhir::json::Tree;
use crate::fhir::name::{is_id, local_reference, type_and_id, without_version};

/// What introduces the version in a link.
const HISTORY: &str = "/_history/";

/// One value of a reference parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReferenceBound {
    /// A resource here.
    Local {
        /// `None` for a resource of any type.
        resource_type: Option<String>,
        /// Its logical id.
        id: String,
        /// `None` for every version.
        version: Option<String>,
    },
    /// A resource elsewhere, or a canonical URL.
    Url(String),
    /// `:identifier`: the identifier beside the link.
    Identifier(TokenBound),
}

impl ReferenceBound {
    /// Reads `id`, `Type/id`, a version of it, or a URL. `of_type` is the modifier `:Type`, `base` the
    /// URL of our FHIR endpoint without a slash at its end.
    ///
    /// # Errors
    /// What is wrong, to be said behind the value.
    pub(super) fn parse(
        text: String,
        of_type: Option<&str>,
        base: &str,
    ) -> Result<ReferenceBound, String> {
        let on_base = text.strip_prefix(base).and_then(|rest| rest.strip_prefix('/'));
        let name = on_base.filter(|_| !base.is_empty()).unwrap_or(&text);
        let (bare, version) = without_version(name);
        let (resource_type, id) = match type_and_id(bare) {
            Some((resource_type, id)) => (Some(resource_type), id),
            None if is_id(bare) && version.is_empty() => (None, bare),
            None if text.is_empty() => return Err("should be a reference".to_owned()),
            None if of_type.is_some() => return Err("should be an id, or Type/id".to_owned()),
            None => return Ok(ReferenceBound::Url(text)),
        };
        if let (Some(wanted), Some(other)) = (of_type, resource_type)
            && wanted != other
        {
            return Err(format!("is no {wanted}"));
        }
        Ok(ReferenceBound::Local {
            resource_type: resource_type.or(of_type).map(str::to_owned),
            id: id.to_owned(),
            version: version.strip_prefix(HISTORY).map(str::to_owned),
        })
    }

    /// The value of a parameter with these targets: where they are patients alone, an id is that of a patient.
    ///
    /// <https://hl7.org/fhir/R4/search.html#reference>: "When using the patient search parameter, there is no need to
    /// specify ":Patient"". `DeviceUseStatement?patient` looks at an element that may refer to a Group too.
    pub(super) fn within(self, targets: &[&str]) -> ReferenceBound {
        match self {
            ReferenceBound::Local { resource_type: None, id, version } if targets == [PATIENT] => {
                ReferenceBound::Local { resource_type: Some(PATIENT.to_owned()), id, version }
            }
            other => other,
        }
    }

    /// True where an element meets the value: a Reference, or a URL.
    pub(super) fn holds_in(&self, found: &Tree<'_>) -> bool {
        match self {
            ReferenceBound::Identifier(token) => {
                let identifier = found.get("identifier");
                identifier.is_some_and(|found| token.holds_in(found, PlainCodes::default()))
            }
            _ => link(found).is_some_and(|link| self.holds(&link)),
        }
    }

    fn holds(&self, link: &str) -> bool {
        match self {
            ReferenceBound::Local { resource_type, id, version } => {
                let (_, found) = without_version(link);
                let is_version = |wanted: &str| found.strip_prefix(HISTORY) == Some(wanted);
                let is_it = |(of, name): (&str, &str)| {
                    name == id && resource_type.as_deref().is_none_or(|wanted| wanted == of)
                };
                // Canonical URLs may be relative and without a slash.
                let is_bare = resource_type.is_none() && link == id;
                (is_bare || local_reference(link).is_some_and(is_it))
                    && version.as_deref().is_none_or(is_version)
            }
            ReferenceBound::Url(url) => {
                is_same_canonical(url, link) || without_version(link).0 == url
            }
            ReferenceBound::Identifier(_) => false,
        }
    }
}

/// The link of an element: of a Reference, a URL itself, or the name of a resource that stands in the
/// place of a reference, as in a Bundle.
pub(super) fn link<'f>(found: &'f Tree<'_>) -> Option<Cow<'f, str>> {
    let text = |name| found.get(name).and_then(Tree::as_text);
    if let Some(link) = found.as_text().or_else(|| text("reference")) {
        return Some(Cow::Borrowed(link));
    }
    Some(Cow::Owned(format!("{}/{}", text("resourceType")?, text("id")?)))
}

/// What an element is found by, of all that [`ReferenceBound::holds`] compares: the id of a resource here, and the
/// link without versions.
pub(super) fn link_keys(found: &Tree<'_>) -> Vec<String> {
    let Some(link) = link(found) else { return Vec::new() };
    let bare = [&*link, without_version(&link).0].map(without_canonical_version);
    let mut keys: Vec<String> = bare.into_iter().map(str::to_owned).collect();
    keys.extend(local_reference(&link).map(|(_, id)| id.to_owned()));
    keys.dedup();
    keys
}

/// The resource here that an element refers to, as `Type/id`.
pub(super) fn local_target(found: &Tree<'_>) -> Option<String> {
    let link = link(found)?;
    local_reference(&link).map(|(of_type, id)| format!("{of_type}/{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://here/fhir";

    fn holds(text: &str, of_type: Option<&str>, link: &str) -> bool {
        let bound = ReferenceBound::parse(text.to_owned(), of_type, BASE).unwrap();
        let text = |text: &str| Tree::Text(text.to_owned().into());
        let reference = Tree::Object(vec![("reference".into(), text(link))]);
        let holds = bound.holds_in(&reference);
        assert_eq!(bound.holds_in(&text(link)), holds, "{link} as a URL");
        holds
    }

    #[test]
    fn every_form_of_a_reference_names_the_same_resource() {
        for (text, link, expected) in [
            ("23", "Patient/23", true),
            ("23", "Group/23", true),
            ("23", "Patient/234", false),
            ("Patient/23", "Patient/23", true),
            ("Patient/23", "Group/23", false),
            ("https://here/fhir/Patient/23", "Patient/23", true),
            ("Patient/23", "https://here/fhir/Patient/23", true),
            ("Patient/23", "https://there/fhir/Patient/23", true),
            ("https://there/fhir/Patient/23", "Patient/23", false),
            ("https://there/fhir/Patient/23", "https://there/fhir/Patient/23", true),
            ("https://there/fhir/Patient/23", "https://there/fhir/Patient/23/_history/1", true),
            ("https://there/fhir/Patient/23", "https://other/fhir/Patient/23", false),
            ("Patient/23", "Patient/23/_history/2", true),
            ("Patient/23/_history/2", "Patient/23/_history/2", true),
            ("Patient/23/_history/2", "Patient/23/_history/3", false),
            ("Patient/23/_history/2", "Patient/23", false),
            ("23", "#23", false),
            ("#23", "#23", true),
            ("urn:uuid:23", "urn:uuid:23", true),
            ("http://acme.org/Measure/a", "http://acme.org/Measure/a|1.0", true),
            ("http://acme.org/Measure/a|1.0", "http://acme.org/Measure/a|2.0", false),
            ("patient/23", "Patient/23", false),
            ("a-name", "a-name", true),
            ("Patient/23", "23", false),
        ] {
            assert_eq!(holds(text, None, link), expected, "{text} {link}");
        }
    }

    #[test]
    fn a_modifier_names_the_type() {
        assert!(holds("23", Some("Patient"), "Patient/23"));
        assert!(holds("Patient/23", Some("Patient"), "Patient/23"));
        assert!(!holds("23", Some("Patient"), "Group/23"));
        for text in ["Group/23", "http://there/Patient/23", "", "#1"] {
            let parsed = ReferenceBound::parse(text.to_owned(), Some("Patient"), BASE);
            assert!(parsed.is_err(), "{text}");
        }
        assert!(ReferenceBound::parse(String::new(), None, "").is_err());
    }

    #[test]
    fn an_identifier_stands_beside_the_link() {
        let token = TokenBound::parse("http://s|1").unwrap();
        let bound = ReferenceBound::Identifier(token);
        let holds = |text| bound.holds_in(&Tree::parse(text).unwrap());
        assert!(holds(r#"{"identifier":{"system":"http://s","value":"1"}}"#));
        assert!(!holds(r#"{"identifier":{"system":"http://t","value":"1"}}"#));
        assert!(!holds(r#"{"reference":"Patient/1"}"#));
    }

    #[test]
    fn a_resource_may_stand_in_the_place_of_a_reference() {
        let bound = ReferenceBound::parse("Composition/1".to_owned(), None, "").unwrap();
        let holds = |text| bound.holds_in(&Tree::parse(text).unwrap());
        assert!(holds(r#"{"resourceType":"Composition","id":"1"}"#));
        assert!(!holds(r#"{"resourceType":"Composition"}"#));
        assert!(!holds(r#"{"display":"Composition/1"}"#));
    }
}
