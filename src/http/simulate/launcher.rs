//! The settings that URLs of the SMART Bulk Data server have in their path: `BASE/<base64url JSON>/fhir`.
//!
//! Public configurations of clients have such URLs hard-coded. Each key becomes rules here. The keys are
//! those of <https://github.com/smart-on-fhir/bulk-data-server>; unknown keys, and values of another type,
//! mean nothing there and here. `segment.rs` finds and decodes the segment.

use serde_json::{Map, Value as Json, json};

use super::member::FaultMember as M;
use super::place::FaultPlace;
use super::rule::FaultRule;
use super::value::FaultValue;
use crate::error::Result;

/// The requests that need an access token on that server.
const PROTECTED: [FaultPlace; 4] =
    [FaultPlace::Kickoff, FaultPlace::Status, FaultPlace::File, FaultPlace::Delete];
/// Of `some_file_generation_failed`, every third file is there.
const KEPT_FILES: u64 = 3;
/// The largest numbers that the keys take, by the ranges of the rules.
const MOST: u64 = 1_000_000;
const MOST_MINUTES: u64 = 525_600;
const MOST_COPIES: u64 = 1000;

/// The errors that `err` names.
const ERRORS: [&str; 10] = [
    "token_invalid_token",
    "token_expired_registration_token",
    "token_invalid_scope",
    "invalid_jti",
    "request_invalid_token",
    "request_expired_token",
    "transient_error",
    "file_generation_failed",
    "some_file_generation_failed",
    "file_expired",
];
/// The keys whose values are numbers, each with the unit of its value in that of the rule.
const NUMBERS: [(&str, u64); 6] =
    [("dur", 1), ("tlt", 60), ("m", 1), ("del", 1), ("page", 1), ("opp", 1)];

/// What a segment says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentSettings {
    /// The rules.
    pub rules: Vec<FaultRule>,
    /// The release of FHIR that the client wants (`stu`): 2, 3 or 4.
    pub release: Option<u64>,
    /// Whether an access token is needed (`secure`).
    pub needs_token: bool,
}

/// Reads the settings of a launcher's URL.
///
/// # Errors
/// `Invalid` where a rule refuses its value, which the ranges here prevent.
pub fn launcher_settings(object: &Map<String, Json>) -> Result<SegmentSettings> {
    let number = |key: &str| object.get(key).and_then(whole_number).unwrap_or(0);
    let needs_token = object.get("secure").is_some_and(is_true);
    let mut rules = Vec::new();
    if needs_token {
        for place in PROTECTED {
            let absent = (M::Bearer, text("absent"));
            rules.push(FaultRule::new(place, [absent, (M::Status, count(401))])?);
        }
    }
    let error = object.get("err").and_then(Json::as_str).unwrap_or_default();
    rules.extend(error_rules(error.trim())?);
    if let seconds @ 1.. = number("dur").min(MOST) {
        rules.push(FaultRule::new(FaultPlace::Status, [(M::Seconds, count(seconds))])?);
    }
    if let minutes @ 1.. = number("tlt").min(MOST_MINUTES) {
        rules.push(FaultRule::new(FaultPlace::Token, [(M::Lifetime, count(minutes * 60))])?);
    }
    // Copies first: what follows is about all of them.
    let manifest = [
        (
            M::Copies,
            Some(number("m")).filter(|copies| *copies > 1).map_or(0, |m| m.min(MOST_COPIES)),
        ),
        (M::DeletedPercent, number("del").min(100)),
        (M::RowsPerFile, number("page").min(MOST)),
        (M::FilesPerPage, number("opp").min(MOST)),
    ];
    for (member, value) in manifest.into_iter().filter(|(_, value)| *value > 0) {
        rules.push(FaultRule::new(FaultPlace::Status, [(member, count(value))])?);
    }
    let release = Some(number("stu")).filter(|release| (2..=4).contains(release));
    Ok(SegmentSettings { rules, release, needs_token })
}

/// The settings of a launcher that mean this rule and no other; `None` where there are none.
pub fn launcher_object(rule: &FaultRule) -> Option<Json> {
    let errors = ERRORS.into_iter().map(|error| json!({ "err": error }));
    let counts = rule.members().filter_map(|(_, value)| match value {
        FaultValue::Count(count) => Some(*count),
        _ => None,
    });
    let numbers = counts.flat_map(|count| NUMBERS.map(|(key, unit)| json!({ key: count / unit })));
    errors.chain(numbers).find(|settings| {
        let read = settings.as_object().and_then(|object| launcher_settings(object).ok());
        read.is_some_and(|read| read.rules == [rule.clone()])
    })
}

/// The rules of `err`. An error that is not known means none.
fn error_rules(error: &str) -> Result<Vec<FaultRule>> {
    let at = |place, members: Vec<(M, FaultValue)>| FaultRule::new(place, members);
    let refused = |status, code: &str, message: &str| {
        let error = (M::TokenError, text(code));
        at(FaultPlace::Token, vec![(M::Status, count(status)), error, (M::Message, text(message))])
    };
    let bad_token = |message: &'static str| {
        PROTECTED.into_iter().map(move |place| {
            let present = (M::Bearer, text("present"));
            let body = (M::Body, text("text"));
            let message = (M::Message, text(message));
            at(place, vec![present, (M::Status, count(401)), body, message])
        })
    };
    let failed = "File generation failed";
    match error {
        "token_invalid_token" => {
            vec![refused(401, "invalid_client", "Simulated invalid token error")]
        }
        "token_expired_registration_token" => {
            vec![refused(400, "invalid_grant", "Registration token expired")]
        }
        "token_invalid_scope" => {
            vec![refused(400, "invalid_scope", "Simulated invalid scope error")]
        }
        "invalid_jti" => vec![refused(400, "invalid_grant", "Invalid 'jti' value")],
        "request_invalid_token" => bad_token("Invalid token").collect(),
        "request_expired_token" => bad_token("Token expired").collect(),
        "transient_error" => vec![at(
            FaultPlace::Status,
            vec![
                (M::Status, count(500)),
                (M::Code, text("transient")),
                (M::Times, count(1)),
                (M::Each, FaultValue::Flag(true)),
            ],
        )],
        "file_generation_failed" => {
            vec![at(FaultPlace::Kickoff, vec![(M::Status, count(500)), (M::Message, text(failed))])]
        }
        "some_file_generation_failed" => {
            vec![at(FaultPlace::Status, vec![(M::KeepEvery, count(KEPT_FILES))])]
        }
        "file_expired" => {
            let message = (M::Message, text("The file expired"));
            vec![at(FaultPlace::File, vec![(M::Status, count(410)), message])]
        }
        _ => Vec::new(),
    }
    .into_iter()
    .collect()
}

fn count(count: u64) -> FaultValue {
    FaultValue::Count(count)
}

fn text(text: &str) -> FaultValue {
    FaultValue::Text(text.to_owned())
}

/// A number, also one that is written as text.
fn whole_number(json: &Json) -> Option<u64> {
    match json {
        Json::Number(number) => number.as_u64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// True for what JavaScript takes for true.
fn is_true(json: &Json) -> bool {
    match json {
        Json::Null => false,
        Json::Bool(flag) => *flag,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(_) | Json::Object(_) => true,
    }
}
