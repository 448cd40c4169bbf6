//! What a resource mentions and an export of patients may bring along with it: the resources that its
//! references name, and the targets of a Provenance.
//!
//! A store notes this with each version, so that an export reads no body for it. What the compartments
//! say about a resource is in `compartment.rs`.

use super::compartment::{self, PATIENT};
use super::json;
use super::link_strings::LinkStrings;
use super::name::local_reference;
use super::provenance::{PROVENANCE, Provenance};

/// Types that a reference never brings along. A Patient would come with a compartment of its own, a
/// Provenance is found by its target, a Binary is fetched by its URL.
pub const NEVER_INCLUDED: [&str; 3] = [PATIENT, PROVENANCE, "Binary"];

/// True for a type whose resources a reference may bring along.
pub fn may_be_included(resource_type: &str) -> bool {
    !NEVER_INCLUDED.contains(&resource_type) && !compartment::is_by_patient_alone(resource_type)
}

/// What a resource mentions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Types and ids of referenced resources whose types are in no compartment, each once and in order.
    /// A reference brings them along.
    pub resources: Vec<(String, String)>,
    /// The other types of referenced resources, each once and in order. A reference brings these along
    /// only where they are about no patient.
    pub types: Vec<String>,
    /// Types and ids of the targets of a Provenance, each once and in order.
    pub targets: Vec<(String, String)>,
}

impl Mentions {
    /// Reads the text of a resource.
    pub fn read(resource_type: &str, text: &str) -> Mentions {
        Mentions::among(resource_type, text, &LinkStrings::of(text))
    }

    /// Reads the text of a resource, whose links were found before.
    pub(super) fn among(resource_type: &str, text: &str, links: &LinkStrings<'_>) -> Mentions {
        let mut mentions = Mentions::default();
        let Mentions { resources, types, targets } = &mut mentions;
        for string in links.references() {
            let link = json::unescaped(string.raw);
            let Some((name, id)) = local_reference(&link) else { continue };
            if !may_be_included(name) {
                continue;
            }
            if compartment::has(name) {
                if !types.iter().any(|known| known == name) {
                    types.push(name.to_owned());
                }
            } else if !resources.iter().any(|known| known.0 == name && known.1 == id) {
                resources.push((name.to_owned(), id.to_owned()));
            }
        }
        if resource_type == PROVENANCE {
            *targets = Provenance::read(text).targets;
        }
        targets.sort_unstable();
        targets.dedup();
        resources.sort_unstable();
        types.sort_unstable();
        mentions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mentioned_is_sorted_by_what_it_may_bring_along() {
        let text = r##"{"target":[{"reference":"Observation\/1"},{"reference":"Patient/2"},{"reference":"#x"},
            {"reference":"Observation/1"}],"agent":[{"who":{"reference":"http://x/Practitioner/3/_history/1"}},
            {"who":{"reference":"Practitioner/3"}},{"who":{"reference":"Location/1"}},{"who":{"reference":"Device/4"}}]}"##;
        let named = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(name, id)| ((*name).to_owned(), (*id).to_owned())).collect()
        };
        let mut expected = Mentions {
            resources: named(&[("Location", "1"), ("Practitioner", "3")]),
            types: vec!["Observation".to_owned()],
            targets: named(&[("Observation", "1"), ("Patient", "2")]),
        };
        assert_eq!(Mentions::read("Provenance", text), expected);
        expected.targets.clear();
        assert_eq!(Mentions::read("List", text), expected);
    }
}
