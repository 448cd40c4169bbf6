//! The functions that expressions may call: their names, and how many arguments they take.
//!
//! <https://hl7.org/fhirpath/N1/#functions>, <https://hl7.org/fhir/R4/fhirpath.html#functions>,
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html>. `as`, `is`, `ofType` and
//! `getReferenceKey` take types, and the parser reads them itself. `functions.rs` evaluates.

use std::ops::RangeInclusive;

use super::boundary::Boundary;

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    All,
    Boundary(Boundary),
    Contains,
    Count,
    Distinct,
    Empty,
    EndsWith,
    Exists,
    Extension,
    First,
    HasValue,
    If,
    Join,
    Last,
    Length,
    Lower,
    Not,
    Resolve,
    ResourceKey,
    Select,
    Single,
    Skip,
    StartsWith,
    Tail,
    Take,
    ToString,
    Upper,
    Where,
}

/// Every function with its name and the numbers of arguments that it takes.
const FUNCTIONS: [(&str, Function, RangeInclusive<usize>); 29] = [
    ("all", Function::All, 1..=1),
    ("contains", Function::Contains, 1..=1),
    ("count", Function::Count, 0..=0),
    ("distinct", Function::Distinct, 0..=0),
    ("empty", Function::Empty, 0..=0),
    ("endsWith", Function::EndsWith, 1..=1),
    ("exists", Function::Exists, 0..=1),
    ("extension", Function::Extension, 1..=1),
    ("first", Function::First, 0..=0),
    ("getResourceKey", Function::ResourceKey, 0..=0),
    ("hasValue", Function::HasValue, 0..=0),
    ("highBoundary", Function::Boundary(Boundary::High), 0..=0),
    ("iif", Function::If, 2..=3),
    ("join", Function::Join, 0..=1),
    ("last", Function::Last, 0..=0),
    ("length", Function::Length, 0..=0),
    ("lowBoundary", Function::Boundary(Boundary::Low), 0..=0),
    ("lower", Function::Lower, 0..=0),
    ("not", Function::Not, 0..=0),
    ("resolve", Function::Resolve, 0..=0),
    ("select", Function::Select, 1..=1),
    ("single", Function::Single, 0..=0),
    ("skip", Function::Skip, 1..=1),
    ("startsWith", Function::StartsWith, 1..=1),
    ("tail", Function::Tail, 0..=0),
    ("take", Function::Take, 1..=1),
    ("toString", Function::ToString, 0..=0),
    ("upper", Function::Upper, 0..=0),
    ("where", Function::Where, 1..=1),
];

impl Function {
    /// The function of a name, called with so many arguments.
    ///
    /// # Errors
    ///
    /// There is no such function, or it takes another number of arguments; the message says which.
    pub fn called(name: &str, arguments: usize) -> Result<Function, String> {
        let Some((_, function, takes)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
            let known: Vec<_> = FUNCTIONS.iter().map(|(known, ..)| *known).collect();
            let known = known.join(", ");
            return Err(format!(
                "there is no function `{name}`; there are as, getReferenceKey, is, ofType, {known}"
            ));
        };
        if takes.contains(&arguments) {
            return Ok(*function);
        }
        Err(format!("`{name}` takes {}, not {arguments}", shown(takes)))
    }

    /// The name, for a message.
    pub fn name(self) -> &'static str {
        FUNCTIONS.iter().find(|(_, known, _)| *known == self).map_or("", |(name, ..)| name)
    }
}

/// A number of arguments in words.
fn shown(takes: &RangeInclusive<usize>) -> String {
    match (takes.start(), takes.end()) {
        (0, 0) => "no argument".to_owned(),
        (1, 1) => "one argument".to_owned(),
        (0, 1) => "one argument at most".to_owned(),
        (start, end) => format!("{start} to {end} arguments"),
    }
}
