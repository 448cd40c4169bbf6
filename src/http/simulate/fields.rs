//! A rule as the fields of a form, and as texts to copy.
//!
//! The fields follow the table of `member.rs`, so a new fault has one by itself. A rule that is made of them is checked
//! as one in the short form.

use serde_json::json;

use super::launcher::launcher_object;
use super::member::FaultMember;
use super::place::FaultPlace;
use super::rule::{FaultRule, member_of, place_of};
use super::segment::{escaped_segment, segment_settings, to_segment};
use super::value::ValueForm;
use crate::error::Result;
use crate::shown::{rules_a_terminal, shown_json};

/// The field of a member.
pub struct RuleField {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub effect: String,
    /// What it takes, in words.
    pub takes: String,
    /// Whether it says which requests, and not what happens.
    pub is_selection: bool,
    /// Whether it is given or not, without a value.
    pub is_flag: bool,
    /// Whether it takes several of its words.
    pub is_list: bool,
    /// The words that it takes; empty for others.
    pub words: &'static [&'static str],
}

/// A rule in every form in which a client or a person can use it.
pub struct RuleTexts {
    /// As flat JSON.
    pub json: String,
    /// In the short form; as JSON where a message in it would change the order of what people see.
    pub short: String,
    /// As a segment of a path that people can read; empty where the rule does not fit in one.
    pub segment: String,
    /// As a segment of a path in base64url.
    pub packed: String,
    /// The settings of a SMART launcher that mean the same, and their segment; `None` where there are none.
    pub launcher: Option<(String, String)>,
}

/// The names of the places.
pub fn place_names() -> impl Iterator<Item = &'static str> {
    FaultPlace::ALL.into_iter().map(FaultPlace::name)
}

/// The fields of the members that have a meaning at a place.
///
/// # Errors
/// `Invalid` for a name that is no place.
pub fn rule_fields(at: &str) -> Result<Vec<RuleField>> {
    let place = place_of(at)?;
    let members = FaultMember::ALL.iter().filter(|member| member.is_at(place));
    Ok(members.map(|member| field_of(*member)).collect())
}

fn field_of(member: FaultMember) -> RuleField {
    let form = member.form();
    RuleField {
        name: member.name(),
        // The sentence is written for the documentation of the code.
        effect: member.effect().trim().replace('`', ""),
        takes: form.to_string(),
        is_selection: member.is_selection(),
        is_flag: matches!(form, ValueForm::Flag),
        is_list: matches!(form, ValueForm::Words(_)),
        words: match form {
            ValueForm::Word(words) | ValueForm::Words(words) => words,
            _ => &[],
        },
    }
}

/// The rule of some fields; `None` where none of them has a value. Several values of a field are a list.
///
/// # Errors
/// `Invalid` for a place, a name or a value that is none, and for what does not stand together.
pub fn rule_of_fields(at: &str, fields: &[(String, String)]) -> Result<Option<FaultRule>> {
    let place = place_of(at)?;
    let mut members = Vec::new();
    for (name, _) in fields {
        let named = fields.iter().filter(|(known, _)| known == name);
        let values: Vec<&str> =
            named.map(|(_, value)| value.trim()).filter(|value| !value.is_empty()).collect();
        if !values.is_empty() {
            let member = member_of(place, name)?;
            members.push((member, member.form().of_short(name, &values.join(","))?));
        }
    }
    if members.is_empty() {
        return Ok(None);
    }
    FaultRule::new(place, members).map(Some)
}

impl RuleTexts {
    /// The texts of a rule.
    pub fn of(rule: &FaultRule) -> RuleTexts {
        let (json, short) = (rule.to_json(), rule.to_short());
        let compact = short.replacen(": ", ":", 1).replace("; ", ";");
        let is_same = |segment: &str| {
            let read = segment_settings(segment).ok().flatten();
            read.is_some_and(|settings| settings.rules == [rule.clone()])
        };
        let readable = [compact, short.clone()].into_iter().find(|segment| is_same(segment));
        let packed = to_segment(&json!({ "faults": [json] }));
        let launcher = launcher_object(rule);
        let shown_json = shown_json(&json.to_string()).into_owned();
        RuleTexts {
            short: if short.contains(rules_a_terminal) { shown_json.clone() } else { short },
            json: shown_json,
            segment: readable.map(|segment| escaped_segment(&segment)).unwrap_or_default(),
            packed,
            launcher: launcher.map(|settings| (settings.to_string(), to_segment(&settings))),
        }
    }
}
