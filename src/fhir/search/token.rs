//! Values of a token parameter: `system|value`, several separated by commas.
//!
//! <https://hl7.org/fhir/R4/search.html#token>

/// One value of a token parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SearchToken {
    /// `None` matches any system, an empty one matches identifiers without a system.
    pub system: Option<String>,
    /// The value, case-sensitive.
    pub value: String,
}

impl SearchToken {
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
    let mut tokens = Vec::new();
    let mut system = None;
    let mut part = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next() {
            Some('\\') => part.extend(chars.next()),
            Some('|') if system.is_none() => system = Some(std::mem::take(&mut part)),
            Some(',') | None if part.is_empty() => {
                return Err("an identifier without a value cannot be searched here".to_owned());
            }
            Some(',') => {
                let value = std::mem::take(&mut part);
                tokens.push(SearchToken { system: system.take(), value });
            }
            None => {
                tokens.push(SearchToken { system, value: part });
                return Ok(tokens);
            }
            Some(c) => part.push(c),
        }
    }
}
