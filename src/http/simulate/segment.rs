//! Rules in a path segment before `/fhir`: `BASE/<base64url JSON>/fhir/Patient/$export`, or the short form itself,
//! `BASE/file:cut_bytes=1000;times=1/fhir/Patient/$export`.
//!
//! In the short form `|` parts several rules, and a part without a colon is a name. The JSON is a list of rules, one rule, `{"faults": […]}` with any other keys, or the settings of a
//! SMART launcher's URL (`launcher.rs`). Another key, such as a test's name, makes a segment of its own,
//! whose rules count by themselves.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value as Json;

use super::launcher::{SegmentSettings, launcher_settings};
use super::list::rules_of_json;
use super::place::FaultPlace;
use super::rule::FaultRule;
use crate::error::{Error, Kind, Result};

/// Where wrong rules stand, for messages.
const IN_PATH: &str = "the rules in the path";
/// The longest segment, in bytes.
const LONGEST: usize = 8192;
/// The keys that say that an object is not of a SMART launcher.
const FAULTS: &str = "faults";
const AT: &str = "at";

/// Characters that a segment of a path cannot have: <https://www.rfc-editor.org/rfc/rfc3986#section-3.3>.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// base64url without padding. Bits that are left over may say anything.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// Reads a decoded path segment; `None` for one that is neither JSON in base64url nor a rule.
///
/// # Errors
/// `Invalid` for a segment that is too long, and for wrong rules.
pub fn segment_settings(segment: &str) -> Result<Option<SegmentSettings>> {
    let json = json_of(segment);
    if json.is_none() && !begins_with_place(segment) {
        return Ok(None);
    }
    if segment.len() > LONGEST {
        let what = format!(
            "the rules in the path have {} bytes; put longer ones to /faults, these have at most {LONGEST}",
            segment.len()
        );
        return Err(Error::new(Kind::Invalid, what));
    }
    let Some(json) = json else { return short_rules(segment).map(Some) };
    let list = match &json {
        Json::Array(_) => &json,
        Json::Object(object) if object.contains_key(AT) => &json,
        Json::Object(object) => match object.get(FAULTS) {
            Some(list) => list,
            None => return launcher_settings(object).map(Some),
        },
        _ => return Ok(None),
    };
    let rules = rules_of_json(list).map_err(|error| error.at(IN_PATH))?;
    Ok(Some(SegmentSettings { rules, ..SegmentSettings::default() }))
}

/// True for a segment such as `file:bom`.
fn begins_with_place(segment: &str) -> bool {
    segment.split_once(':').is_some_and(|(name, _)| FaultPlace::of_name(name.trim()).is_some())
}

/// Reads rules in the short form, with `|` between them.
fn short_rules(segment: &str) -> Result<SegmentSettings> {
    let rules = segment.split('|').filter(|part| part.contains(':')).map(FaultRule::of_short);
    let rules = rules.collect::<Result<_>>().map_err(|error| error.at(IN_PATH))?;
    Ok(SegmentSettings { rules, ..SegmentSettings::default() })
}

/// A segment as it stands in a path.
pub fn escaped_segment(segment: &str) -> String {
    utf8_percent_encode(segment, ESCAPED).to_string()
}

/// The segment of some JSON.
pub fn to_segment(json: &Json) -> String {
    BASE64.encode(json.to_string())
}

fn json_of(segment: &str) -> Option<Json> {
    // Either alphabet, and any padding, as JavaScript's decoders take them.
    let segment = segment.trim_end_matches('=').replace('+', "-").replace('/', "_");
    serde_json::from_slice(&BASE64.decode(segment).ok()?).ok()
}
