//! What a client would like: `Prefer` and `Accept`.
//!
//! <https://www.rfc-editor.org/rfc/rfc7240>, <https://hl7.org/fhir/uv/bulkdata/export.html#headers>

use super::message::Request;
use crate::error::{Error, Kind, Result};

/// The preferences that are known here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `respond-async`
    pub respond_async: bool,
    /// `separate-export-status`
    pub separate_export_status: bool,
    /// `handling=lenient` is `Some(true)`, `handling=strict` is `Some(false)`.
    pub lenient: Option<bool>,
}

impl Preferences {
    /// Those of a request; others are not heeded, as the RFC says.
    pub fn of(request: &Request) -> Preferences {
        let mut preferences = Preferences::default();
        for preference in request.header("prefer").unwrap_or_default().split([',', ';']) {
            let plain: String =
                preference.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
            match plain.to_ascii_lowercase().as_str() {
                "respond-async" => preferences.respond_async = true,
                "separate-export-status" => preferences.separate_export_status = true,
                // The first one counts.
                "handling=lenient" => preferences.lenient = preferences.lenient.or(Some(true)),
                "handling=strict" => preferences.lenient = preferences.lenient.or(Some(false)),
                _ => {}
            }
        }
        preferences
    }

    /// True where what is wrong with a parameter is only to be told.
    pub fn is_lenient(&self) -> bool {
        self.lenient == Some(true)
    }

    /// `Preference-Applied`; `None` where nothing was asked for.
    pub fn applied(&self) -> Option<String> {
        let mut applied = Vec::new();
        // Whoever wants the status apart gets it from a job.
        if self.respond_async || self.separate_export_status {
            applied.push("respond-async");
        }
        if self.separate_export_status {
            applied.push("separate-export-status");
        }
        match self.lenient {
            Some(true) => applied.push("handling=lenient"),
            Some(false) => applied.push("handling=strict"),
            None => {}
        }
        (!applied.is_empty()).then(|| applied.join(", "))
    }
}

/// The media types of an `Accept` header, without parameters, in lower case; those refused by `q=0`
/// are left out. `None` where there is no such header.
pub fn accepted(request: &Request) -> Option<Vec<String>> {
    let header = request.header("accept").filter(|header| !header.is_empty())?;
    let ranges = header.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let refused = parts.any(|part| {
            part.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0))
        });
        (!media.is_empty() && !refused).then_some(media)
    });
    Some(ranges.collect())
}

/// What a client may say that takes JSON.
const JSON: [&str; 5] =
    ["application/fhir+json", "application/json+fhir", "application/json", "application/*", "*/*"];

/// Whether the client takes JSON, which is all there is.
///
/// # Errors
/// `NotAcceptable` where it does not.
pub fn takes_json(request: &Request) -> Result<()> {
    let format = request.query.iter().find(|(name, _)| name == "_format").map(|(_, value)| value);
    let takes = match (format, accepted(request)) {
        // `_format` goes before the header: https://hl7.org/fhir/R4/http.html#parameters
        (Some(format), _) => {
            let media = format.to_ascii_lowercase().replace(' ', "+");
            media == "json" || JSON.contains(&media.split(';').next().unwrap_or_default())
        }
        (None, Some(ranges)) => ranges.iter().any(|media| JSON.contains(&media.as_str())),
        (None, None) => true,
    };
    match takes {
        true => Ok(()),
        false => Err(Error::new(
            Kind::NotAcceptable,
            "only JSON is spoken here; ask for application/fhir+json",
        )),
    }
}
