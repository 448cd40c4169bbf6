//! `Parameters` with resources and parts: the bodies of the operations of SQL on FHIR.
//!
//! <https://hl7.org/fhir/R4/parameters.html>. Resources stay the text that they are. `parameters.rs` reads bodies whose
//! parameters have simple values alone.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::json;
use super::name::short;
use super::parameters::{elements, simple};

/// How deep parts are read: `subject.parameters` is the deepest that an operation knows.
const DEEPEST: usize = 2;

/// One element of `Parameters.parameter`, or of a `part`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenParameter<'a> {
    /// Its name.
    pub name: String,
    /// Its `value[x]`.
    pub value: Option<GivenValue>,
    /// Its resource, as JSON.
    pub resource: Option<&'a str>,
    /// Its parts.
    pub parts: Vec<GivenParameter<'a>>,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenValue {
    /// The element that holds it: `valueString`. Empty for a value of a query.
    pub element: String,
    /// The value as text; `None` for one that is neither simple, nor a Reference or Coding.
    pub text: Option<String>,
}

#[derive(Deserialize)]
struct ElementHead<'a> {
    name: Option<String>,
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default)]
    part: Vec<&'a RawValue>,
}

/// Reads the parameters, in order.
///
/// # Errors
/// The reason, where the text is no Parameters, or a parameter has no name or two values.
pub fn given(text: &str) -> Result<Vec<GivenParameter<'_>>, String> {
    elements(text)?.into_iter().map(|raw| read_element(raw.get(), DEEPEST)).collect()
}

fn read_element(text: &str, depth: usize) -> Result<GivenParameter<'_>, String> {
    let head: ElementHead<'_> =
        serde_json::from_str(text)
            .ok()
            .filter(|_| text.starts_with('{'))
            .ok_or_else(|| format!("the parameter {} is not formed as one", short(text)))?;
    let Some(name) = head.name else {
        return Err(format!("the parameter {} has no name", short(text)));
    };
    let members = json::members(text);
    let mut values = members.iter().filter(|member| member.name.starts_with("value"));
    let value = values.next().map(|member| GivenValue {
        element: member.name.to_owned(),
        text: serde_json::from_str::<Value>(&text[member.value.clone()])
            .ok()
            .and_then(|value| simple(&value)),
    });
    if values.next().is_some() {
        return Err(format!("the parameter {:?} has two values", short(&name)));
    }
    let parts = match depth {
        0 => Vec::new(),
        _ => head
            .part
            .into_iter()
            .map(|raw| read_element(raw.get(), depth - 1))
            .collect::<Result<_, _>>()?,
    };
    Ok(GivenParameter { name, value, resource: head.resource.map(RawValue::get), parts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_values_resources_and_parts() {
        let text = r#"{"resourceType":"Parameters","parameter":[{"name":"_limit","valueInteger":10},
            {"name":"subject","part":[{"name":"name","valueString":"a"},
                {"name":"subjectResource","resource":{"resourceType":"ViewDefinition", "url":"x"}}]}]}"#;
        let given = given(text).unwrap();
        let value = |element: &str, text: &str| {
            Some(GivenValue { element: element.to_owned(), text: Some(text.to_owned()) })
        };
        assert_eq!(given[0].value, value("valueInteger", "10"));
        assert_eq!(given[1].parts[0].value, value("valueString", "a"));
        let resource = r#"{"resourceType":"ViewDefinition", "url":"x"}"#;
        assert_eq!(given[1].parts[1].resource, Some(resource));
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        for parameter in ["1", "[]", "{}", r#"{"name":"a","valueString":"b","valueCode":"c"}"#] {
            let text = format!(r#"{{"resourceType":"Parameters","parameter":[{parameter}]}}"#);
            assert!(given(&text).is_err(), "{parameter}");
        }
        assert!(given("{}").is_err());
    }
}
