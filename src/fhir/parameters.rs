//! `Parameters`: the body of a POSTed operation, and the header of a patient's resources in an export.
//!
//! <https://hl7.org/fhir/R4/parameters.html>. Values are read as text, the form they have in a query:
//! a Reference is its `reference`, a Coding its `code`, a number its lexeme.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::json;
use super::name::short;

#[derive(Deserialize)]
struct ParametersHead<'a> {
    #[serde(rename = "resourceType")]
    resource_type: String,
    #[serde(borrow, default)]
    parameter: Vec<&'a RawValue>,
}

/// Writes the header of a patient's resources, for files organized by patient.
///
/// <https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-output-file-organization>
pub fn header(patient: &str) -> String {
    let reference = json::quoted(&format!("Patient/{patient}"));
    format!(
        r#"{{"resourceType":"Parameters","parameter":[{{"name":"header","valueReference":{{"reference":{reference}}}}}]}}"#
    )
}

/// True for a [`header`]: it structures a file and is not stored.
pub fn is_header(text: &str) -> bool {
    let is_bare = |members: &[json::ObjectMember<'_>]| {
        members.iter().all(|member| matches!(member.name, "resourceType" | "parameter"))
    };
    is_bare(&json::members(text))
        && text.contains("valueReference")
        && read(text).is_ok_and(|all| matches!(&all[..], [(name, _)] if name == "header"))
}

/// Reads the names and values, in order. A value that is neither simple nor a Reference or Coding is
/// `None`.
///
/// # Errors
/// The reason, where the text is no Parameters or a parameter has no name.
pub fn read(text: &str) -> Result<Vec<(String, Option<String>)>, String> {
    elements(text)?.into_iter().map(|raw| read_one(raw.get())).collect()
}

/// The elements of `parameter`.
///
/// # Errors
/// The reason, where the text is no Parameters.
pub(super) fn elements(text: &str) -> Result<Vec<&RawValue>, String> {
    let parameters: ParametersHead = match serde_json::from_str(text) {
        Ok(parameters) if text.trim_start().starts_with('{') => parameters,
        Ok(_) => return Err("it is no JSON object".to_owned()),
        Err(error) if error.is_data() && !text.trim_start().starts_with('{') => {
            return Err("it is no JSON object".to_owned());
        }
        Err(error) if error.is_data() => return Err(error.to_string()),
        Err(error) => return Err(json::fault(&error)),
    };
    if parameters.resource_type != "Parameters" {
        return Err(format!("its resourceType is {:?}", short(&parameters.resource_type)));
    }
    Ok(parameters.parameter)
}

/// Reads one element of `parameter`.
fn read_one(text: &str) -> Result<(String, Option<String>), String> {
    let fields: Map<String, Value> = serde_json::from_str(text)
        .map_err(|_| format!("the parameter {} is no object", short(text)))?;
    let Some(Value::String(name)) = fields.get("name") else {
        return Err(format!("the parameter {} has no name", short(text)));
    };
    let mut values = fields.iter().filter(|(key, _)| key.starts_with("value"));
    let value = match (values.next(), values.next()) {
        (Some((_, value)), None) => value,
        _ => &Value::Null,
    };
    Ok((name.clone(), simple(value)))
}

/// A value as text; `None` for one that is neither simple, nor a Reference or Coding.
pub(super) fn simple(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Object(members) => {
            let part = members.get("reference").or_else(|| members.get("code"));
            part.and_then(Value::as_str).map(str::to_owned)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_texts() {
        let read = |parameter: &str| {
            read(&format!(r#"{{"resourceType":"Parameters","parameter":[{parameter}]}}"#))
        };
        let one = |name: &str, value: &str| Ok(vec![(name.to_owned(), Some(value.to_owned()))]);
        assert_eq!(read(r#"{"name":"a","valueString":"b"}"#), one("a", "b"));
        assert_eq!(read(r#"{"name":"a","valueBoolean":true}"#), one("a", "true"));
        assert_eq!(read(r#"{"name":"a","valuePositiveInt":12}"#), one("a", "12"));
        assert_eq!(
            read(r#"{"name":"a","valueReference":{"reference":"Patient/1"}}"#),
            one("a", "Patient/1")
        );
        assert_eq!(read(r#"{"name":"a","valueCoding":{"system":"s","code":"c"}}"#), one("a", "c"));
        assert_eq!(read(""), Ok(Vec::new()));
        for odd in [
            r#"{"name":"a"}"#,
            r#"{"name":"a","part":[]}"#,
            r#"{"name":"a","valueReference":{}}"#,
            r#"{"name":"a","valueString":"b","valueCode":"c"}"#,
        ] {
            assert_eq!(read(odd), Ok(vec![("a".to_owned(), None)]), "{odd}");
        }
        for bad in [r#"{"valueString":"b"}"#, "1"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        for bad in ["", "[]", "{}", r#"{"resourceType":"Patient"}"#, r#"["Parameters",[]]"#] {
            assert!(super::read(bad).is_err(), "{bad}");
        }
        assert_eq!(super::read(r#"{"resourceType":"Parameters"}"#), Ok(Vec::new()));
    }
}
