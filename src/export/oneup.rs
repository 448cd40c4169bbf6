//! The query of the 1upHealth dialect: `_type` and `_since`.

use super::request::{ExportRequest, instant};
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;

/// Parameters that say how the answer should look; ours looks so already.
const HARMLESS: [&str; 2] = ["_format", "_pretty"];
/// Ways of telling who asks that say nothing in a query: there they could be read over a shoulder.
pub const WHO: [&str; 3] = ["client_id", "client_secret", "access_token"];
/// The names that NDJSON goes by in `_outputFormat`.
pub const NDJSON: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "ndjson"];

impl ExportRequest {
    /// From the query of the 1upHealth dialect, names and values decoded.
    ///
    /// # Errors
    /// `Invalid`, naming the parameter, its value and what would be right. A parameter that is not
    /// known is an error too: leaving it out of account would hand out more than was asked for.
    pub fn from_query(query: &[(String, String)]) -> Result<ExportRequest> {
        let mut request = ExportRequest::default();
        for (name, value) in query {
            match name.as_str() {
                "_type" => request.add_types(value),
                "_since" if request.since.is_some() => {
                    return Err(Error::new(Kind::Invalid, "_since is given twice; give it once"));
                }
                // A `+` in the zone arrives as a blank where a client did not encode it.
                "_since" => request.since = Some(instant("_since", &value.replace(' ', "+"))?),
                "_outputFormat" => output_format(value)?,
                name if HARMLESS.contains(&name) || WHO.contains(&name) => {}
                name => {
                    return Err(Error::new(
                        Kind::Invalid,
                        format!(
                            "parameter {:?} is not supported here; _type and _since are",
                            short(name)
                        ),
                    ));
                }
            }
        }
        Ok(request)
    }
}

/// Checks a value of `_outputFormat`.
///
/// # Errors
/// `Invalid`, saying what would be right.
pub fn output_format(value: &str) -> Result<()> {
    if NDJSON.contains(&value.replace(' ', "+").as_str()) {
        return Ok(());
    }
    let what = format!("_outputFormat {:?} is not supported; {} is", short(value), NDJSON[0]);
    Err(Error::new(Kind::Invalid, what))
}
