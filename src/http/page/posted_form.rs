//! The fields of a form: those of the query, or of the body of a POST.

use crate::error::{Error, Kind, Result};
use crate::http::form::{FORM, parse_form};
use crate::http::message::Request;

/// The names and values of a form's fields.
///
/// # Errors
/// `UnsupportedFormat` for a body that is no form.
pub fn fields(request: &Request) -> Result<Vec<(String, String)>> {
    if request.method != "POST" {
        return Ok(request.query.clone());
    }
    if request.body_type()?.name != FORM {
        let what = format!("a form is sent as {FORM}; send it from the page");
        return Err(Error::new(Kind::UnsupportedFormat, what));
    }
    Ok(parse_form(&request.body))
}

/// The first value of a field; empty where it is missing.
pub fn field<'f>(fields: &'f [(String, String)], name: &str) -> &'f str {
    fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// What somebody filled in: the first value of a field, without space around it; `None` where nothing is.
pub fn filled<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    Some(field(fields, name).trim()).filter(|value| !value.is_empty())
}
