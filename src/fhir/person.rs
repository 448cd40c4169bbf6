//! What a Patient says about who it is: name, birth, sex, identifiers.
//!
//! <https://hl7.org/fhir/R4/patient.html>

use super::concept::concept_text;
use super::json::Tree;

/// What is known of a person, as texts for people; empty where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The name in use.
    pub name: String,
    /// The day of birth, as it is written.
    pub birth_date: String,
    /// The administrative gender.
    pub gender: String,
    /// When the person died, or `true`.
    pub deceased: String,
    /// Identifiers, each with what it is.
    pub identifiers: Vec<(String, String)>,
}

impl Person {
    /// What a Patient says.
    pub fn of(patient: &Tree<'_>) -> Person {
        let text = |name| patient.get(name).and_then(Tree::as_text).unwrap_or_default().to_owned();
        let names = patient.get("name").map(Tree::values).unwrap_or_default();
        let name = names.iter().filter_map(|name| Some((rank(name), name_text(name)?)));
        let deceased = match patient.get("deceasedBoolean") {
            Some(Tree::Bool(true)) => "true".to_owned(),
            _ => text("deceasedDateTime"),
        };
        let identifiers = patient.get("identifier").map(Tree::values).unwrap_or_default();
        let identifiers = identifiers.iter().filter_map(|of| {
            let value = of.get("value").and_then(Tree::as_text)?;
            let system = of.get("system").and_then(Tree::as_text).unwrap_or_default();
            let kind = of.get("type").and_then(concept_text).unwrap_or_else(|| system.to_owned());
            Some((kind, value.to_owned()))
        });
        Person {
            name: name.min_by_key(|(rank, _)| *rank).map(|(_, text)| text).unwrap_or_default(),
            birth_date: text("birthDate"),
            gender: text("gender"),
            deceased,
            identifiers: identifiers.collect(),
        }
    }
}

/// The official name before the usual one, and former names last.
fn rank(name: &Tree<'_>) -> u8 {
    match name.get("use").and_then(Tree::as_text) {
        Some("official") => 0,
        Some("usual") => 1,
        Some("nickname") => 3,
        Some("anonymous") => 4,
        Some("old" | "maiden") => 5,
        _ => 2,
    }
}

fn name_text(name: &Tree<'_>) -> Option<String> {
    if let Some(text) = name.get("text").and_then(Tree::as_text).filter(|text| !text.is_empty()) {
        return Some(text.to_owned());
    }
    let part = |part| name.get(part).map(Tree::values).unwrap_or_default().iter();
    // DSTU2 has a list of family names.
    let parts: Vec<&str> = part("given").chain(part("family")).filter_map(Tree::as_text).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_in_use_is_shown() {
        for (json, name) in [
            (
                r#"{"name":[{"use":"old","text":"Before"},{"given":["A","B"],"family":"C"}]}"#,
                "A B C",
            ),
            (r#"{"name":[{"family":["Of","Two"]},{"use":"official","text":"X"}]}"#, "X"),
            (r#"{"name":{"text":7}}"#, ""),
            (r#"{"name":[{"use":"old","text":"Only"}]}"#, "Only"),
        ] {
            assert_eq!(Person::of(&Tree::parse(json).unwrap()).name, name, "{json}");
        }
    }
}
