//! Kinds of search parameters, and the modifiers that each kind has.
//!
//! <https://hl7.org/fhir/R4/search.html#ptypes>, <https://hl7.org/fhir/R4/search.html#modifiers>

use crate::fhir::definitions::is_of_any_version;

/// The kind of a parameter's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterKind {
    /// Several values that must be met by the same element.
    Composite,
    /// A time with a precision, or a period.
    Date,
    /// A decimal number.
    Number,
    /// A number with a unit.
    Quantity,
    /// A link to a resource.
    Reference,
    /// A kind of its own. None is supported here.
    Special,
    /// A text.
    String,
    /// A code or an identifier.
    Token,
    /// A URI.
    Uri,
}

/// The names of the kinds, as a CapabilityStatement has them.
const KINDS: [(ParameterKind, &str); 9] = [
    (ParameterKind::Composite, "composite"),
    (ParameterKind::Date, "date"),
    (ParameterKind::Number, "number"),
    (ParameterKind::Quantity, "quantity"),
    (ParameterKind::Reference, "reference"),
    (ParameterKind::Special, "special"),
    (ParameterKind::String, "string"),
    (ParameterKind::Token, "token"),
    (ParameterKind::Uri, "uri"),
];

impl ParameterKind {
    /// Reads the name of a kind.
    pub(super) fn parse(name: &str) -> Option<ParameterKind> {
        KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// The name, as a CapabilityStatement has it.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// The names of the modifiers that the kind has here, without the colon. `[type]` stands for the
    /// name of a resource type.
    pub fn modifiers(self) -> &'static [&'static str] {
        match self {
            ParameterKind::Token => &["missing", "not", "of-type", "text"],
            ParameterKind::Reference => &["[type]", "identifier", "missing"],
            ParameterKind::String => &["contains", "exact", "missing"],
            ParameterKind::Uri => &["above", "below", "missing"],
            ParameterKind::Date | ParameterKind::Number | ParameterKind::Quantity => &["missing"],
            ParameterKind::Composite | ParameterKind::Special => &[],
        }
    }
}

/// What stands behind the colon of a parameter's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Modifier {
    /// Nothing.
    None,
    /// `:missing`: whether there is a value.
    Missing,
    /// `:exact` of a string.
    Exact,
    /// `:contains` of a string.
    Contains,
    /// `:text` of a token: the text beside the code.
    Text,
    /// `:not` of a token: no value is one of these.
    Not,
    /// `:of-type` of a token: an identifier with its type.
    OfType,
    /// `:identifier` of a reference: the identifier beside the link.
    Identifier,
    /// `:above` of a uri.
    Above,
    /// `:below` of a uri.
    Below,
    /// `:Type` of a reference: the type of the resource.
    Type(String),
}

impl Modifier {
    /// Reads a modifier that the kind has.
    ///
    /// # Errors
    /// Why it cannot be used, with those that can.
    pub(super) fn parse(kind: ParameterKind, name: &str) -> Result<Modifier, String> {
        if kind == ParameterKind::Reference && is_of_any_version(name) {
            return Ok(Modifier::Type(name.to_owned()));
        }
        if kind.modifiers().contains(&name) {
            return Ok(match name {
                "missing" => Modifier::Missing,
                "exact" => Modifier::Exact,
                "contains" => Modifier::Contains,
                "text" => Modifier::Text,
                "not" => Modifier::Not,
                "of-type" => Modifier::OfType,
                "identifier" => Modifier::Identifier,
                "above" => Modifier::Above,
                "below" => Modifier::Below,
                _ => return Err(unknown(kind)),
            });
        }
        Err(match (kind, name) {
            (ParameterKind::Token, "in" | "not-in") => {
                "value sets are not expanded here; name the codes, separated by commas".to_owned()
            }
            (ParameterKind::Token | ParameterKind::Reference, "above" | "below") => {
                "hierarchies are not followed here; name each value, separated by commas".to_owned()
            }
            _ => unknown(kind),
        })
    }
}

fn unknown(kind: ParameterKind) -> String {
    if kind.modifiers().is_empty() {
        return format!("a {} parameter has no modifiers", kind.name());
    }
    let known: Vec<String> = kind.modifiers().iter().map(|name| format!(":{name}")).collect();
    format!("a {} parameter has {}", kind.name(), known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_modifiers() {
        for (kind, name) in KINDS {
            assert_eq!(ParameterKind::parse(name), Some(kind));
            assert_eq!(kind.name(), name);
            for modifier in kind.modifiers().iter().filter(|name| **name != "[type]") {
                assert!(Modifier::parse(kind, modifier).is_ok(), "{name}:{modifier}");
            }
            for modifier in ["", "Martian", "in", "[type]"] {
                assert!(Modifier::parse(kind, modifier).is_err(), "{name}:{modifier}");
            }
        }
        let of_type = Modifier::Type("Patient".to_owned());
        assert_eq!(Modifier::parse(ParameterKind::Reference, "Patient"), Ok(of_type));
        assert!(
            Modifier::parse(ParameterKind::Token, "in")
                .is_err_and(|why| why.contains("value sets"))
        );
        assert!(
            Modifier::parse(ParameterKind::Date, "exact")
                .is_err_and(|why| why.contains(":missing"))
        );
    }
}
