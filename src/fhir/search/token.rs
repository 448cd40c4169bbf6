//! Values of a token parameter: `system|value`, several separated by commas.
//!
//! <https://hl7.org/fhir/R4/search.html#token>. `coded.rs` holds them against the elements of a
//! resource.

use super::escape::{split, split_once, unescaped};

/// One value of a token parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SearchToken {
    /// `None` matches any system, an empty one matches identifiers without a system.
    pub system: Option<String>,
    /// The value, case-sensitive.
    pub value: String,
}

impl SearchToken {
    /// Reads `value`, `system|value` or `|value`. `None` where the value is missing.
    pub(super) fn parse(text: &str) -> Option<SearchToken> {
        let (system, value) = match split_once(text, '|') {
            Some((system, value)) => (Some(unescaped(system)), unescaped(value)),
            None => (None, unescaped(text)),
        };
        (!value.is_empty()).then_some(SearchToken { system, value })
    }

    /// True for an identifier with this system that has the token's value.
    pub fn takes_system(&self, system: Option<&str>) -> bool {
        self.system.as_deref().is_none_or(|wanted| wanted == system.unwrap_or_default())
    }
}

/// Reads `system|value,system|value`. A backslash takes the meaning from `,` `|` `$` and `\`.
///
/// # Errors
/// The reason, where a token has no value.
pub(super) fn tokens(text: &str) -> Result<Vec<SearchToken>, String> {
    let tokens: Option<Vec<_>> = split(text, ',').into_iter().map(SearchToken::parse).collect();
    tokens.ok_or_else(|| "an identifier without a value cannot be searched here".to_owned())
}
