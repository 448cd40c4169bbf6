//! The short form of a rule: `file: cut_bytes=1000; times=1`.
//!
//! It means the same as `{"at":"file","cut_bytes":1000,"times":1}`. A flag stands for itself: `bom` is
//! `bom=true`. A value with `;` in it, or with white space around it, stands in quotes as in JSON.

use std::collections::BTreeMap;

use super::rule::{FaultRule, member_of, place_of};
use super::value::{FaultValue, ValueForm};
use crate::error::{Error, Kind, Result};
use crate::shown::shortened;

/// The longest part of a wrong text that a message repeats, in characters.
const SHOWN: usize = 60;

impl FaultRule {
    /// Reads a rule in its short form.
    ///
    /// # Errors
    /// `Invalid` for a text without a place, and as [`FaultRule::of_json`].
    pub fn of_short(text: &str) -> Result<FaultRule> {
        let Some((place, rest)) = text.split_once(':') else {
            let what = format!(
                "{:?} has no colon behind its place; give a rule such as file: cut_bytes=1000; times=1",
                shortened(text.trim(), SHOWN)
            );
            return Err(Error::new(Kind::Invalid, what));
        };
        let place = place_of(place.trim())?;
        let mut members = BTreeMap::new();
        let mut rest = rest.trim_start();
        while !rest.is_empty() {
            let end = rest.find(['=', ';']).unwrap_or(rest.len());
            let name = rest[..end].trim();
            let member = member_of(place, name)?;
            let given = rest[end..].strip_prefix('=');
            let (value, after) = match given {
                Some(given) => value_and_rest(name, given)?,
                None => ("true".to_owned(), &rest[end..]),
            };
            if given.is_none() && !matches!(member.form(), ValueForm::Flag) {
                let what = format!("{name} has no value; give {name}= and {}", member.form());
                return Err(Error::new(Kind::Invalid, what));
            }
            if members.insert(member, member.form().of_short(name, &value)?).is_some() {
                let what = format!("{name} is there twice; give it once");
                return Err(Error::new(Kind::Invalid, what));
            }
            rest = after.strip_prefix(';').unwrap_or(after).trim_start();
        }
        FaultRule::new(place, members)
    }

    /// The rule in its short form.
    pub fn to_short(&self) -> String {
        let parts: Vec<String> = self
            .members()
            .map(|(member, value)| match value {
                FaultValue::Flag(true) => member.name().to_owned(),
                value => format!("{}={}", member.name(), quoted_if_needed(&value.to_short())),
            })
            .collect();
        format!("{}: {}", self.place(), parts.join("; "))
    }
}

/// The value at the beginning of `text`, and what follows it: nothing, or a semicolon and more.
fn value_and_rest<'t>(name: &str, text: &'t str) -> Result<(String, &'t str)> {
    let text = text.trim_start();
    if !text.starts_with('"') {
        let end = text.find(';').unwrap_or(text.len());
        return Ok((text[..end].trim_end().to_owned(), &text[end..]));
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let value = match values.next() {
        Some(Ok(value)) => value,
        _ => {
            let what = format!("{name} has a quote without an end; end it with \"");
            return Err(Error::new(Kind::Invalid, what));
        }
    };
    let rest = text[values.byte_offset()..].trim_start();
    if rest.is_empty() || rest.starts_with(';') {
        return Ok((value, rest));
    }
    let what = format!(
        "{name} has {:?} behind its quotes; put a semicolon between members",
        shortened(rest, SHOWN)
    );
    Err(Error::new(Kind::Invalid, what))
}

fn quoted_if_needed(text: &str) -> String {
    let is_plain = !text.is_empty()
        && text.trim() == text
        && !text.starts_with('"')
        && !text.contains(|c: char| c == ';' || c.is_control());
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
