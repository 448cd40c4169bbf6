//! Lists of rules, in every form that a file, a request body or a path segment has them.
//!
//! A list is a JSON array of rules, or one rule in JSON, or lines in the short form. A rule in a JSON array
//! may also be a string in the short form. Empty lines and lines that begin with `#` do not count.

use serde_json::Value as Json;

use super::rule::FaultRule;
use crate::error::{Error, Kind, Result};

/// The most rules of a list.
const MOST_RULES: usize = 1000;

/// The faults that a server simulates, as rules. By default there are none, and rules come by `PUT /faults` or in the
/// paths of requests.
#[derive(Clone, Debug, Default)]
pub struct FaultRules(pub(in crate::http) Vec<FaultRule>);

impl FaultRules {
    /// Reads a list of rules: a JSON array of them, one rule in JSON, or lines such as
    /// `file: cut_bytes=1000; times=1`.
    ///
    /// # Errors
    /// `Invalid` for a list that is too long, and for a wrong rule; the message says which rule.
    pub fn parse(text: &str) -> Result<FaultRules> {
        parse_rules(text).map(FaultRules)
    }
}

/// Reads a list of rules.
///
/// # Errors
/// `Invalid` for a list that is too long, and for a wrong rule; the message says which rule.
pub fn parse_rules(text: &str) -> Result<Vec<FaultRule>> {
    if text.trim_start().starts_with(['[', '{']) {
        let json: Json = serde_json::from_str(text).map_err(|error| {
            Error::new(Kind::Invalid, format!("the rules are not valid JSON: {error}"))
        })?;
        return rules_of_json(&json);
    }
    let lines = text.lines().enumerate().map(|(at, line)| (at, line.trim()));
    let mut rules = Vec::new();
    for (at, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        rules
            .push(FaultRule::of_short(line).map_err(|error| error.at(format!("line {}", at + 1)))?);
    }
    check_length(rules.len())?;
    Ok(rules)
}

/// Reads a list of rules from JSON: an array, or one rule.
///
/// # Errors
/// As [`parse_rules`].
pub fn rules_of_json(json: &Json) -> Result<Vec<FaultRule>> {
    let Json::Array(list) = json else { return Ok(vec![rule_of_json(json)?]) };
    check_length(list.len())?;
    let numbered = list.iter().enumerate();
    numbered
        .map(|(at, json)| rule_of_json(json).map_err(|error| error.at(format!("rule {}", at + 1))))
        .collect()
}

fn rule_of_json(json: &Json) -> Result<FaultRule> {
    match json {
        Json::String(short) => FaultRule::of_short(short),
        json => FaultRule::of_json(json),
    }
}

/// Writes a list of rules as a JSON array.
pub fn rules_to_json<'r>(rules: impl IntoIterator<Item = &'r FaultRule>) -> Json {
    Json::Array(rules.into_iter().map(FaultRule::to_json).collect())
}

fn check_length(rules: usize) -> Result<()> {
    if rules <= MOST_RULES {
        return Ok(());
    }
    let what = format!("there are {rules} rules; give at most {MOST_RULES}");
    Err(Error::new(Kind::Invalid, what))
}
