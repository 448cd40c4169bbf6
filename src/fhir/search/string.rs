//! Values of a string parameter, and how each modifier compares them.
//!
//! <https://hl7.org/fhir/R4/search.html#string>. A name or an address is compared part by part.

use super::fold::folded;
use super::modifier::Modifier;
use crate::fhir::json::Tree;

/// The parts of a HumanName and of an Address that are searched.
const PARTS: [&str; 11] = [
    "family",
    "given",
    "prefix",
    "suffix",
    "text",
    "line",
    "city",
    "district",
    "state",
    "postalCode",
    "country",
];

/// One value of a string parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StringBound {
    /// No modifier: the text starts with the value. Case and accents do not count.
    StartsWith(String),
    /// `:contains`: the value stands anywhere in the text. Case and accents do not count.
    Contains(String),
    /// `:exact`: the text equals the value.
    Exact(String),
}

impl StringBound {
    /// A value without escapes. Modifiers of other kinds count as none.
    pub(super) fn new(modifier: &Modifier, value: &str) -> StringBound {
        match modifier {
            Modifier::Exact => StringBound::Exact(value.to_owned()),
            Modifier::Contains => StringBound::Contains(folded(value).into_owned()),
            _ => StringBound::StartsWith(folded(value).into_owned()),
        }
    }

    /// True where a text meets the value.
    pub(super) fn holds(&self, text: &str) -> bool {
        match self {
            StringBound::StartsWith(value) => folded(text).starts_with(value.as_str()),
            StringBound::Contains(value) => folded(text).contains(value.as_str()),
            StringBound::Exact(value) => text == value,
        }
    }

    /// True where an element meets the value: a text, or a part of a name or an address.
    pub(super) fn holds_in(&self, found: &Tree<'_>) -> bool {
        texts(found).any(|text| self.holds(text))
    }
}

/// The texts of an element.
pub(super) fn texts<'f>(found: &'f Tree<'_>) -> impl Iterator<Item = &'f str> {
    let parts = PARTS.iter().filter_map(|part| found.get(part)).flat_map(Tree::values);
    found.as_text().into_iter().chain(parts.filter_map(Tree::as_text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(modifier: Modifier, value: &str, element: &str) -> bool {
        StringBound::new(&modifier, value).holds_in(&Tree::parse(element).unwrap())
    }

    /// The examples of <https://hl7.org/fhir/R4/search.html#string> and further ones.
    #[test]
    fn each_modifier_compares_in_its_way() {
        for (element, value, expected) in [
            // Starts with, contains, equals.
            (r#""Eve""#, "eve", [true, true, false]),
            (r#""Evelyn""#, "eve", [true, true, false]),
            (r#""Severine""#, "eve", [false, true, false]),
            (r#""Eve""#, "Eve", [true, true, true]),
            (r#""Éve""#, "Eve", [true, true, false]),
            (r#""Eve""#, "", [true, true, false]),
            (r#"{"family":"van Eck","given":["Eve","Ada"]}"#, "ada", [true, true, false]),
            (r#"{"family":"van Eck","given":["Eve","Ada"]}"#, "eck", [false, true, false]),
            (r#"{"use":"official","period":{"start":"2020"}}"#, "official", [false; 3]),
            (r#"{"line":["5 Rue É"],"postalCode":"75001"}"#, "75001", [true; 3]),
            (r#"{"line":["5 Rue É"],"postalCode":"75001"}"#, "5 rue e", [true, true, false]),
            ("12", "12", [false; 3]),
            ("null", "", [false; 3]),
        ] {
            let modifiers = [Modifier::None, Modifier::Contains, Modifier::Exact];
            let met = modifiers.map(|modifier| holds(modifier, value, element));
            assert_eq!(met, expected, "{value:?} in {element}");
        }
    }
}
