//! The columns of a view: their names, their FHIR types, and the kinds of values that they hold.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html#column-types>. How a format or a
//! database holds a kind is not said here.

use crate::fhir::path::{Primitive, Type};

/// What every URI of a FHIR type begins with; a relative one may leave it out.
const TYPE_BASE: &str = "http://hl7.org/fhir/StructureDefinition/";
/// What the URI of a type of FHIRPath itself begins with.
const SYSTEM_BASE: &str = "http://hl7.org/fhirpath/System.";

/// A column of a view, as whoever reads the rows sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewColumn {
    /// Its name: a letter, then letters, digits and underscores.
    pub name: String,
    /// The FHIR type of its values: the view says it, or else the path. `None` where neither does.
    pub type_name: Option<String>,
    /// Which values it holds.
    pub kind: ColumnKind,
    /// True where it holds lists of values.
    pub is_collection: bool,
    /// What the view says about it, for people.
    pub description: Option<String>,
    /// Hints for one system or another: `ansi/type`.
    pub tags: Vec<ColumnTag>,
}

/// A hint that a view gives with a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnTag {
    /// What the hint is about: `ansi/type`.
    pub name: String,
    /// The hint: `DATE`.
    pub value: String,
}

/// Which values a column holds, by the type of the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// `boolean`.
    Boolean,
    /// `integer`, `positiveInt`, `unsignedInt`: 32 bits.
    Integer,
    /// `integer64`.
    Integer64,
    /// `decimal`: any number of digits, which all count.
    Decimal,
    /// Every other primitive type, dates and times included. Columns without a type are texts too.
    Text,
    /// A type that has elements, such as `CodeableConcept`: JSON.
    Json,
}

impl ViewColumn {
    /// A column without anything but its name and its kind.
    #[cfg(test)]
    pub(crate) fn named(name: &str, kind: ColumnKind) -> ViewColumn {
        ViewColumn {
            name: name.to_owned(),
            type_name: None,
            kind,
            is_collection: false,
            description: None,
            tags: Vec::new(),
        }
    }

    /// True where the view asks for numbers as doubles, which lose digits: by the tag `ansi/type` with
    /// `DOUBLE PRECISION`, `DOUBLE`, `FLOAT` or `REAL`.
    ///
    /// <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html#overriding-default-type-mappings>
    pub fn is_double(&self) -> bool {
        let asked =
            self.tags.iter().find(|tag| tag.name == "ansi/type").map(|tag| tag.value.trim());
        let doubles = ["DOUBLE PRECISION", "DOUBLE", "FLOAT", "REAL"];
        asked.is_some_and(|asked| doubles.iter().any(|of| asked.eq_ignore_ascii_case(of)))
    }
}

impl ColumnKind {
    /// The kind of the values of a FHIR type; `None` where there is no such type. A name that begins
    /// with a capital may be a type of another version of FHIR, which has elements.
    pub fn of_type(type_name: &str) -> Option<ColumnKind> {
        let Some(of) = Type::named(type_name) else {
            // `String` is a misspelt `string`.
            let is_type = type_name.starts_with(|c: char| c.is_ascii_uppercase())
                && Type::named(&small_at_first(type_name)).is_none();
            return is_type.then_some(ColumnKind::Json);
        };
        Some(match of.primitive() {
            None => ColumnKind::Json,
            Some(Primitive::Boolean) => ColumnKind::Boolean,
            Some(Primitive::Integer) if type_name == "integer64" => ColumnKind::Integer64,
            Some(Primitive::Integer) => ColumnKind::Integer,
            Some(Primitive::Decimal) => ColumnKind::Decimal,
            Some(_) => ColumnKind::Text,
        })
    }

    /// What a value of the kind is, for a message.
    pub fn shown(self) -> &'static str {
        match self {
            ColumnKind::Boolean => "true or false",
            ColumnKind::Integer => "a whole number of 32 bits",
            ColumnKind::Integer64 => "a whole number of 64 bits",
            ColumnKind::Decimal => "a number",
            ColumnKind::Text => "a text",
            ColumnKind::Json => "an element that has elements",
        }
    }
}

/// The name of the type that a URI stands for: `code`, `Observation.referenceRange`.
pub fn type_of_uri(uri: &str) -> String {
    let system = uri.strip_prefix(SYSTEM_BASE).or_else(|| uri.strip_prefix("System."));
    match system {
        // String, Boolean, DateTime: FHIR has them with a small letter at the beginning.
        Some(name) => small_at_first(name),
        None => uri.strip_prefix(TYPE_BASE).unwrap_or(uri).to_owned(),
    }
}

fn small_at_first(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// True for a name that every database takes: a letter, then letters, digits and underscores.
///
/// <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html>, constraint `sql-name`.
pub fn is_sql_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_kinds() {
        for (uri, wanted) in [
            ("boolean", Some(ColumnKind::Boolean)),
            ("http://hl7.org/fhir/StructureDefinition/positiveInt", Some(ColumnKind::Integer)),
            ("integer64", Some(ColumnKind::Integer64)),
            ("decimal", Some(ColumnKind::Decimal)),
            ("http://hl7.org/fhirpath/System.DateTime", Some(ColumnKind::Text)),
            ("http://hl7.org/fhirpath/System.Integer", Some(ColumnKind::Integer)),
            ("System.Decimal", Some(ColumnKind::Decimal)),
            ("String", None),
            ("uuid", Some(ColumnKind::Text)),
            ("Coding", Some(ColumnKind::Json)),
            ("Observation.referenceRange", Some(ColumnKind::Json)),
            ("AvailabilityOfAnotherVersion", Some(ColumnKind::Json)),
            ("strng", None),
            ("", None),
        ] {
            assert_eq!(ColumnKind::of_type(&type_of_uri(uri)), wanted, "{uri}");
        }
    }

    #[test]
    fn names_are_those_of_every_database() {
        assert!(is_sql_name("a") && is_sql_name("birth_date") && is_sql_name("X9"));
        for name in ["", "_a", "9a", "a-b", "a b", "é", "a\"", "a;"] {
            assert!(!is_sql_name(name), "{name}");
        }
    }
}
