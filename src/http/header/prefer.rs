//! `Prefer` and `Preference-Applied`.
//!
//! <https://www.rfc-editor.org/rfc/rfc7240>, <https://hl7.org/fhir/uv/bulkdata/export.html#headers>

use super::syntax::{parameter, split};

/// The preferences that this server knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `respond-async`
    pub respond_async: bool,
    /// `separate-export-status`
    pub separate_export_status: bool,
    /// `handling=lenient` is `Some(true)`, `handling=strict` is `Some(false)`.
    pub lenient: Option<bool>,
}

impl Preferences {
    /// Reads a `Prefer` header and ignores unknown preferences, as the RFC says.
    ///
    /// Some clients separate preferences by `;`, so parameters of a preference count as preferences.
    pub fn parse(text: &str) -> Preferences {
        let mut preferences = Preferences::default();
        for preference in split(text, ',').flat_map(|element| split(element, ';')) {
            let (name, value) = parameter(preference);
            match (name.as_str(), value.to_ascii_lowercase().as_str()) {
                ("respond-async", "") => preferences.respond_async = true,
                ("separate-export-status", "") => preferences.separate_export_status = true,
                // The first one counts.
                ("handling", "lenient") => preferences.lenient = preferences.lenient.or(Some(true)),
                ("handling", "strict") => preferences.lenient = preferences.lenient.or(Some(false)),
                _ => {}
            }
        }
        preferences
    }

    /// True if faults of parameters become notices instead of errors.
    pub fn is_lenient(&self) -> bool {
        self.lenient == Some(true)
    }

    /// The value of `Preference-Applied`; `None` if the client prefers nothing that is known.
    pub fn applied(&self) -> Option<String> {
        let mut applied = Vec::new();
        // Only an asynchronous export has a separate status.
        if self.respond_async || self.separate_export_status {
            applied.push("respond-async");
        }
        if self.separate_export_status {
            applied.push("separate-export-status");
        }
        match self.lenient {
            Some(true) => applied.push("handling=lenient"),
            Some(false) => applied.push("handling=strict"),
            None => {}
        }
        (!applied.is_empty()).then(|| applied.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_in_every_spelling() {
        for (text, respond_async, separate, lenient) in [
            ("respond-async", true, false, None),
            ("Respond-Async, handling=lenient", true, false, Some(true)),
            ("respond-async; handling=\"lenient\"", true, false, Some(true)),
            ("handling = Strict, handling=lenient", false, false, Some(false)),
            ("separate-export-status,respond-async; wait=10", true, true, None),
            ("respond-async=\"\"", true, false, None),
            ("note=\"a, respond-async; handling=lenient\"", false, false, None),
            ("respond-async=yes", false, false, None),
            ("", false, false, None),
        ] {
            let expected = Preferences { respond_async, separate_export_status: separate, lenient };
            assert_eq!(Preferences::parse(text), expected, "{text}");
        }
    }
}
