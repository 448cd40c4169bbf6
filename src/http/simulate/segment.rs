//! Rules in a path segment before `/fhir`: `BASE/<base64url JSON>/fhir/Patient/$export`.
//!
//! The JSON is a list of rules, one rule, `{"faults": […]}` with any other keys, or the settings of a
//! SMART launcher's URL (`launcher.rs`). Another key, such as a test's name, makes a segment of its own,
//! whose rules count by themselves.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value as Json;

use super::launcher::{SegmentSettings, launcher_settings};
use super::list::rules_of_json;
use crate::error::{Error, Kind, Result};

/// The longest segment, in bytes.
const LONGEST: usize = 8192;
/// The keys that say that an object is not of a SMART launcher.
const FAULTS: &str = "faults";
const AT: &str = "at";

/// base64url without padding. Bits that are left over may say anything.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// Reads a path segment; `None` for one that is no JSON in base64url.
///
/// # Errors
/// `Invalid` for a segment that is too long, and for wrong rules.
pub fn segment_settings(segment: &str) -> Result<Option<SegmentSettings>> {
    let Some(json) = json_of(segment) else { return Ok(None) };
    if segment.len() > LONGEST {
        let what = format!(
            "the rules in the path have {} bytes; put longer ones to /faults, these have at most {LONGEST}",
            segment.len()
        );
        return Err(Error::new(Kind::Invalid, what));
    }
    let list = match &json {
        Json::Array(_) => &json,
        Json::Object(object) if object.contains_key(AT) => &json,
        Json::Object(object) => match object.get(FAULTS) {
            Some(list) => list,
            None => return launcher_settings(object).map(Some),
        },
        _ => return Ok(None),
    };
    let rules = rules_of_json(list).map_err(|error| error.at("the rules in the path"))?;
    Ok(Some(SegmentSettings { rules, multiplier: 1, ..SegmentSettings::default() }))
}

/// The segment of some JSON.
#[cfg(test)]
pub fn to_segment(json: &Json) -> String {
    BASE64.encode(json.to_string())
}

fn json_of(segment: &str) -> Option<Json> {
    // Either alphabet, and any padding, as JavaScript's decoders take them.
    let segment = segment.trim_end_matches('=').replace('+', "-").replace('/', "_");
    serde_json::from_slice(&BASE64.decode(segment).ok()?).ok()
}
