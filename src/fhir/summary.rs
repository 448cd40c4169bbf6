//! `_summary`: resources cut down by what the definitions say of their root elements.
//!
//! <https://hl7.org/fhir/R4/search.html#summary>. `definitions/summary-elements.tsv` has the elements of
//! R4 that a summary has; it counts for every version of FHIR. A type that R4 does not define stays
//! whole. Elements within the root elements are never cut.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::definitions::nearest_definition;
use super::elements::{cut, is, is_mandatory};
use super::version::FhirVersion;

const TABLE: &str = include_str!("definitions/summary-elements.tsv");

/// The elements of each type that a summary has.
static ELEMENTS: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &'static str| {
        let (resource_type, elements) = line.split_once('\t')?;
        Some((resource_type, elements.split(',').filter(|name| !name.is_empty()).collect()))
    };
    rows.filter_map(row).collect()
});

/// How much of each resource is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SummaryMode {
    /// `false`: everything.
    #[default]
    Whole,
    /// `true`: the elements that the definitions mark.
    Marked,
    /// `text`: the narrative, and what every resource of the type must have.
    Text,
    /// `data`: everything but the narrative.
    Data,
    /// `count`: no resources, only how many there are.
    Count,
}

impl SummaryMode {
    /// The values of `_summary`.
    pub const VALUES: [&str; 5] = ["true", "text", "data", "count", "false"];

    /// Reads a value of `_summary`; `None` where it is none.
    pub fn parse(text: &str) -> Option<SummaryMode> {
        Some(match text {
            "true" => SummaryMode::Marked,
            "text" => SummaryMode::Text,
            "data" => SummaryMode::Data,
            "count" => SummaryMode::Count,
            "false" => SummaryMode::Whole,
            _ => return None,
        })
    }

    /// Cuts a resource down. What `version` makes mandatory stays.
    pub fn subset<'a>(
        self,
        version: FhirVersion,
        resource_type: &str,
        text: &'a str,
    ) -> Cow<'a, str> {
        let definition = nearest_definition(version, resource_type);
        match self {
            SummaryMode::Whole | SummaryMode::Count => Cow::Borrowed(text),
            SummaryMode::Data => cut(text, |name| name != "text"),
            SummaryMode::Text => cut(text, |name| name == "text" || is_mandatory(name, definition)),
            SummaryMode::Marked => match ELEMENTS.get(resource_type) {
                None => Cow::Borrowed(text),
                Some(elements) => cut(text, |name| {
                    is_mandatory(name, definition)
                        || elements.iter().any(|wanted| is(name, wanted, definition))
                }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_type_of_r4() {
        let known: std::collections::BTreeSet<String> =
            ELEMENTS.keys().map(|name| (*name).to_owned()).collect();
        assert_eq!(known, FhirVersion::R4.types());
    }

    #[test]
    fn each_mode_keeps_its_elements() {
        let text = r#"{"resourceType":"Observation","id":"1","meta":{"versionId":"1"},"text":{"div":"<p/>"},"status":"final","code":{"text":"c"},"valueQuantity":{"value":1.00},"note":[{"text":"n"}]}"#;
        let kept = |mode: &str| -> Vec<String> {
            let mode = SummaryMode::parse(mode).unwrap();
            let cut = mode.subset(FhirVersion::R4, "Observation", text);
            assert_eq!(cut.contains("SUBSETTED"), cut != text, "{mode:?}");
            let value: serde_json::Map<_, _> = serde_json::from_str(&cut).unwrap();
            value.keys().cloned().collect()
        };
        let of = |names: &[&str]| -> Vec<String> {
            let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            names.sort();
            names
        };
        let always = ["resourceType", "id", "meta", "status", "code"];
        assert_eq!(kept("true"), of(&[&always[..], &["valueQuantity"]].concat()));
        assert_eq!(kept("text"), of(&[&always[..], &["text"]].concat()));
        assert_eq!(kept("data"), of(&[&always[..], &["valueQuantity", "note"]].concat()));
        assert_eq!(kept("false"), of(&[&always[..], &["text", "valueQuantity", "note"]].concat()));
        assert_eq!(SummaryMode::parse("some"), None);
        assert!(SummaryMode::VALUES.iter().all(|value| SummaryMode::parse(value).is_some()));
        let odd = r#"{"resourceType":"Martian","id":"1","a":1}"#;
        assert_eq!(SummaryMode::Marked.subset(FhirVersion::R4, "Martian", odd), odd);
    }
}
