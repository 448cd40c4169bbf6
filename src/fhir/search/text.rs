//! Values of a string parameter, and how each modifier compares them.
//!
//! <https://hl7.org/fhir/R4/search.html#string>

/// How a string parameter compares, as its modifier says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringModifier {
    /// No modifier: the text starts with the value. Case does not count.
    StartsWith,
    /// `:exact`: the text equals the value.
    Exact,
    /// `:contains`: the value stands anywhere in the text. Case does not count.
    Contains,
}

/// The values of one string parameter: alternatives.
#[derive(Clone, Debug)]
pub(super) struct StringBound {
    pub(super) modifier: StringModifier,
    pub(super) values: Vec<String>,
}

impl StringBound {
    /// True where `text` meets one of the values.
    pub(super) fn holds(&self, text: &str) -> bool {
        self.values.iter().any(|value| match self.modifier {
            StringModifier::StartsWith => text.to_lowercase().starts_with(&value.to_lowercase()),
            StringModifier::Contains => text.to_lowercase().contains(&value.to_lowercase()),
            StringModifier::Exact => text == value,
        })
    }
}
