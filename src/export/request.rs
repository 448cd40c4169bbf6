//! What is asked for: the parameters of `$export`, checked.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>; here those of the 1upHealth
//! dialect, `_type` and `_since`, and what the command line adds.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use crate::error::{Error, Kind, Result};
use crate::fhir::Instant;
use crate::fhir::resource::short;

/// Parameters that say how the answer should look; ours looks so already.
const HARMLESS: [&str; 3] = ["_format", "_pretty", "_outputFormat"];
/// The names that NDJSON goes by in `_outputFormat`.
const NDJSON: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "ndjson"];

/// A checked export request. The default is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Only these types; `None` is all. A type that nobody knows yields nothing.
    pub types: Option<BTreeSet<String>>,
    /// Only what has `meta.lastUpdated` strictly after this.
    pub since: Option<Instant>,
    /// Only what has `meta.lastUpdated` strictly before this.
    pub until: Option<Instant>,
    /// At most so many resources in a file.
    pub resources_per_file: Option<NonZeroU64>,
}

impl Request {
    /// From the query of the 1upHealth dialect, names and values decoded.
    ///
    /// # Errors
    /// `Invalid`, naming the parameter, its value and what would be right. A parameter that is not
    /// known is an error too: leaving it out of account would hand out more than was asked for.
    pub fn from_query(query: &[(String, String)]) -> Result<Request> {
        let mut request = Request::default();
        for (name, value) in query {
            match name.as_str() {
                "_type" => request.add_types(value),
                "_since" if request.since.is_some() => {
                    return Err(Error::new(Kind::Invalid, "_since is given twice; give it once"));
                }
                // A `+` in the zone arrives as a blank where a client did not encode it.
                "_since" => request.since = Some(instant("_since", &value.replace(' ', "+"))?),
                "_outputFormat" if !NDJSON.contains(&value.replace(' ', "+").as_str()) => {
                    return Err(Error::new(
                        Kind::Invalid,
                        format!(
                            "_outputFormat {:?} is not supported; {} is",
                            short(value),
                            NDJSON[0]
                        ),
                    ));
                }
                // Ways of telling who asks, which an open store does not need to know.
                "client_id" | "client_secret" | "access_token" => {}
                name if HARMLESS.contains(&name) => {}
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

    /// Adds a comma-separated list of types.
    pub fn add_types(&mut self, list: &str) {
        let types = self.types.get_or_insert_default();
        types.extend(
            list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()),
        );
        // `_type=` names nothing, and so restricts nothing.
        if types.is_empty() {
            self.types = None;
        }
    }
}

/// Reads a time given for the parameter `name`.
///
/// # Errors
/// `Invalid`, saying what it should look like.
pub fn instant(name: &str, value: &str) -> Result<Instant> {
    match Instant::parse(value) {
        Some((instant, _)) => Ok(instant),
        None => Err(Error::new(
            Kind::Invalid,
            format!(
                "{name} {:?} is not a time; it should look like 2021-01-01 or 2021-01-01T12:30:00.000Z \
                 (or with an offset such as +02:00)",
                short(value)
            ),
        )),
    }
}
