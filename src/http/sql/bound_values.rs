//! The values of a Library's parameters, as SQL takes them: bound, and never part of its text.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-SQLQuery.html#parameter-types>

use super::refusal::{SqlOutcome, SqlRefusal};
use crate::fhir::given_parameter::given;
use crate::fhir::name::short;
use crate::fhir::sql_library::{DeclaredParameter, SqlLibrary};
use crate::fhir::view::{BoundValue, ColumnKind, ViewColumn, ViewValue, bound};
use crate::http::posted;

/// The parameter that holds the values.
const PARAMETERS: &str = "parameters";

/// The value of each parameter that a Library declares; one that is not given is NULL. `json` is a Parameters.
///
/// # Errors
/// A refusal for a parameter that is not declared, a value of another type, or one that lacks.
pub fn bound_values(
    library: &SqlLibrary,
    json: Option<&str>,
) -> SqlOutcome<Vec<(String, BoundValue<'static>)>> {
    let wrong = |what: String| SqlRefusal::invalid(PARAMETERS, what);
    let values = match json {
        Some(json) => given(json).map_err(|why| posted::not_of("Parameters", why))?,
        None => Vec::new(),
    };
    let mut found: Vec<(String, BoundValue<'static>)> = Vec::new();
    for one in &values {
        let name = short(&one.name);
        let Some(declared) = library.parameters.iter().find(|of| of.name == one.name) else {
            return Err(wrong(format!("the Library declares no parameter {name:?}")));
        };
        if found.iter().any(|(of, _)| *of == one.name) {
            return Err(wrong(format!("the parameter {name:?} is given twice")));
        }
        let type_name = &declared.type_name;
        let value = one.value.as_ref();
        let received = value.map_or("none", |value| value.element.as_str());
        let text = value.filter(|value| value.element == declared.element());
        let text = text.and_then(|value| value.text.as_deref());
        let value = text.and_then(|text| value_of(declared, text));
        let Some(value) = value else {
            return Err(wrong(format!(
                "the parameter {name:?} expects the type {type_name}, in {}; it has {}",
                declared.element(),
                short(received)
            )));
        };
        found.push((one.name.clone(), value));
    }
    for declared in &library.parameters {
        if found.iter().any(|(of, _)| *of == declared.name) {
            continue;
        }
        if declared.is_required {
            return Err(wrong(format!("the parameter {:?} lacks", short(&declared.name))));
        }
        found.push((declared.name.clone(), BoundValue::Null));
    }
    Ok(found)
}

/// A value as the column of a view with the same type would have it; `None` where it is of another type.
fn value_of(declared: &DeclaredParameter, text: &str) -> Option<BoundValue<'static>> {
    let kind = ColumnKind::of_type(&declared.type_name)?;
    let value = match kind {
        ColumnKind::Boolean => ViewValue::Boolean(text.parse().ok()?),
        ColumnKind::Integer | ColumnKind::Integer64 => {
            ViewValue::Number(text.parse::<i64>().ok()?.to_string().into())
        }
        ColumnKind::Decimal => {
            text.parse::<f64>().ok().filter(|value| value.is_finite())?;
            ViewValue::Number(text.to_owned().into())
        }
        ColumnKind::Text => ViewValue::Text(text.to_owned().into()),
        ColumnKind::Json => return None,
    };
    let (name, tags) = Default::default();
    let column =
        ViewColumn { name, type_name: None, kind, is_collection: false, description: None, tags };
    Some(match bound(&column, &value) {
        BoundValue::Null => BoundValue::Null,
        BoundValue::Integer(value) => BoundValue::Integer(value),
        BoundValue::Real(value) => BoundValue::Real(value),
        BoundValue::Text(text) => BoundValue::Text(text.into_owned().into()),
    })
}
