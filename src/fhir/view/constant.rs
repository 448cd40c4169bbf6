//! The constants of a view: values that its expressions call `%name`.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html#using-constants>

use std::borrow::Cow;

use crate::fhir::json::Tree;
use crate::fhir::path::{Decimal, Item, Primitive, Type};

/// The types that a constant may have.
const TYPES: [&str; 19] = [
    "base64Binary",
    "boolean",
    "canonical",
    "code",
    "date",
    "dateTime",
    "decimal",
    "id",
    "instant",
    "integer",
    "integer64",
    "oid",
    "positiveInt",
    "string",
    "time",
    "unsignedInt",
    "uri",
    "url",
    "uuid",
];
/// The names that expressions use for other things.
const TAKEN: [&str; 6] = ["context", "resource", "rowIndex", "rootResource", "sct", "ucum"];

/// A constant of a view.
#[derive(Clone, Debug)]
pub struct ViewConstant {
    /// The name, without `%`.
    pub(super) name: String,
    /// The type of the value.
    pub(super) of: Type,
    value: ConstantValue,
}

/// The value of a constant, apart from the text that it was read from.
#[derive(Clone, Debug)]
enum ConstantValue {
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    /// Also dates and times.
    Text(Tree<'static>),
}

impl ViewConstant {
    /// Makes a constant of its name and its `value[x]`, the suffix and the value.
    ///
    /// # Errors
    ///
    /// Expressions use the name for something else, no constant may have the type, or the value is of
    /// another one.
    pub(super) fn new(name: &str, suffix: &str, tree: &Tree<'_>) -> Result<ViewConstant, String> {
        if TAKEN.contains(&name) {
            return Err(format!("`%{name}` means something else in FHIRPath; choose another name"));
        }
        let of = Type::of_suffix(suffix).filter(|of| TYPES.contains(&of.name()));
        let Some(of) = of else {
            let types = TYPES.join(", ");
            return Err(format!("value{suffix} is of no type that a constant may have: {types}"));
        };
        let value = match (of.primitive(), tree) {
            (Some(Primitive::Boolean), Tree::Bool(value)) => Some(ConstantValue::Boolean(*value)),
            (Some(Primitive::Integer), Tree::Number(lexeme)) => whole_number(of, lexeme),
            // JSON has no exact numbers of 64 bits, so R5 writes them as text.
            (Some(Primitive::Integer), Tree::Text(text)) if of.name() == "integer64" => {
                whole_number(of, text)
            }
            (Some(Primitive::Decimal), Tree::Number(lexeme)) => {
                Decimal::parse(lexeme).map(ConstantValue::Decimal)
            }
            (
                Some(Primitive::Text | Primitive::Date | Primitive::DateTime | Primitive::Time),
                Tree::Text(text),
            ) => Some(ConstantValue::Text(Tree::Text(Cow::Owned(text.clone().into_owned())))),
            _ => None,
        };
        match value {
            Some(value) => Ok(ViewConstant { name: name.to_owned(), of, value }),
            None => Err(format!("value{suffix} holds no {}", of.name())),
        }
    }

    /// The value, for an expression.
    pub(super) fn item(&self) -> Item<'_> {
        match &self.value {
            ConstantValue::Boolean(value) => Item::Boolean(*value),
            ConstantValue::Integer(value) => Item::Integer(*value),
            ConstantValue::Decimal(value) => Item::Decimal(value.clone()),
            ConstantValue::Text(tree) => Item::of_type(tree, self.of.name()),
        }
    }

    /// The value where it is a text, and neither a date nor a time.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            ConstantValue::Text(tree) if self.of.primitive() == Some(Primitive::Text) => {
                tree.as_text()
            }
            _ => None,
        }
    }
}

fn whole_number(of: Type, lexeme: &str) -> Option<ConstantValue> {
    let number: i64 = lexeme.parse().ok()?;
    let is_in_range = match of.name() {
        "integer64" => true,
        "positiveInt" => number >= 1 && i32::try_from(number).is_ok(),
        "unsignedInt" => number >= 0 && i32::try_from(number).is_ok(),
        _ => i32::try_from(number).is_ok(),
    };
    is_in_range.then_some(ConstantValue::Integer(number))
}
