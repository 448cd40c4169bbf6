//! Resources in the body of a request: the Parameters of an operation, the Bundle of a batch.
//!
//! <https://hl7.org/fhir/R4/http.html#mime-type>. A form in a body is read in `form.rs`.

use super::message::Request;
use crate::error::{Error, Kind, Result};
use crate::fhir::parameters;

/// The text of the body, which is to be a resource of this type.
///
/// # Errors
/// `UnsupportedFormat` for a body that is no JSON by its type, `Invalid` for one that is no UTF-8.
pub fn resource<'r>(request: &'r Request, resource_type: &str) -> Result<&'r str> {
    let media = request.body_type()?;
    let is_json = matches!(media.name.as_str(), "application/fhir+json" | "application/json");
    if !is_json || !media.is_utf8() {
        let content_type = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let what = format!(
            "a body of {content_type:?} is not read; send a {resource_type} resource as application/fhir+json"
        );
        return Err(Error::new(Kind::UnsupportedFormat, what));
    }
    let text = std::str::from_utf8(&request.body)
        .map_err(|_| not_of(resource_type, "it is not UTF-8".to_owned()))?;
    Ok(text.trim_start_matches('\u{feff}'))
}

/// Says why the body is no resource of this type.
pub fn not_of(resource_type: &str, why: String) -> Error {
    Error::new(Kind::Invalid, format!("the body is no {resource_type} resource: {why}"))
}

/// The parameters in the body; `None` for a value that no parameter can have.
///
/// # Errors
/// Those of [`resource`]; `Invalid` for what is no Parameters.
pub fn parameters(request: &Request) -> Result<Vec<(String, Option<String>)>> {
    if request.body.is_empty() {
        return Ok(Vec::new());
    }
    parameters::read(resource(request, "Parameters")?).map_err(|why| not_of("Parameters", why))
}
