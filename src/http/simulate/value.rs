//! Values of a rule: their types and ranges, and how they are read and written in both forms.
//!
//! A value is text, a number or a truth value; rules are flat. What a value does is said elsewhere.

use std::fmt;

use serde_json::Value as Json;

use super::retry_after::RetryAfter;
use crate::error::{Error, Kind, Result};
use crate::shown::shortened;

/// The longest part of a wrong value that a message repeats, in characters.
const SHOWN: usize = 60;
/// How finely a share is kept: it is a whole number of these parts.
const PARTS: f64 = 1_000_000.0;
/// The longest list of ids, in bytes: it must fit in a URL.
const LONGEST_IDS: usize = 4000;

/// The type and the range of a value.
#[derive(Clone, Copy, Debug)]
pub enum ValueForm {
    /// A whole number in a range.
    Count {
        /// The smallest value.
        least: u64,
        /// The largest value.
        most: u64,
    },
    /// A whole number that is not 0, up to `most` in either direction.
    Offset {
        /// The largest distance from 0.
        most: i64,
    },
    /// A number from 0 to 1.
    Share,
    /// A truth value.
    Flag,
    /// One of some words.
    Word(&'static [&'static str]),
    /// Some of these words, with commas between them.
    Words(&'static [&'static str]),
    /// Any text that is not empty, up to so many bytes.
    Text {
        /// The largest number of bytes.
        most: usize,
    },
    /// A `Retry-After`.
    Wait,
    /// The name of a resource type.
    TypeName,
    /// `Type/id`, with commas between several.
    Ids,
}

/// A value of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultValue {
    /// A whole number.
    Count(u64),
    /// A whole number with a sign.
    Offset(i64),
    /// A share, in millionths.
    Share(u32),
    /// A truth value.
    Flag(bool),
    /// Text.
    Text(String),
}

impl ValueForm {
    /// Reads a value from JSON. `member` is for messages.
    ///
    /// # Errors
    /// `Invalid` for a value of another type, or out of range.
    pub fn of_json(self, member: &str, json: &Json) -> Result<FaultValue> {
        let read = match (self, json) {
            (ValueForm::Wait, Json::Number(number)) => self.of_text(&number.to_string()),
            (
                ValueForm::Count { .. } | ValueForm::Offset { .. } | ValueForm::Share,
                Json::Number(number),
            ) => self.of_text(&number.to_string()),
            (ValueForm::Flag, Json::Bool(flag)) => Some(FaultValue::Flag(*flag)),
            (_, Json::String(text)) if self.is_text() => self.of_text(text),
            _ => None,
        };
        read.ok_or_else(|| self.refusal(member, &json.to_string()))
    }

    /// Reads a value from the short form. `member` is for messages.
    ///
    /// # Errors
    /// As [`ValueForm::of_json`].
    pub fn of_short(self, member: &str, text: &str) -> Result<FaultValue> {
        self.of_text(text).ok_or_else(|| self.refusal(member, text))
    }

    fn is_text(self) -> bool {
        matches!(
            self,
            ValueForm::Word(_)
                | ValueForm::Words(_)
                | ValueForm::Text { .. }
                | ValueForm::Wait
                | ValueForm::TypeName
                | ValueForm::Ids
        )
    }

    fn of_text(self, text: &str) -> Option<FaultValue> {
        let kept = |is_right: bool| is_right.then(|| FaultValue::Text(text.to_owned()));
        match self {
            ValueForm::Count { least, most } => {
                let count = text.parse().ok().filter(|count| (least..=most).contains(count))?;
                Some(FaultValue::Count(count))
            }
            ValueForm::Offset { most } => {
                let offset: i64 = text.parse().ok()?;
                (offset != 0 && (-most..=most).contains(&offset))
                    .then_some(FaultValue::Offset(offset))
            }
            ValueForm::Share => {
                let share: f64 = text.parse().ok()?;
                let is_share = (0.0..=1.0).contains(&share);
                is_share.then(|| FaultValue::Share((share * PARTS).round() as u32))
            }
            ValueForm::Flag => text.parse().ok().map(FaultValue::Flag),
            ValueForm::Word(words) => kept(words.contains(&text)),
            ValueForm::Words(words) => kept(text.split(',').all(|word| words.contains(&word))),
            ValueForm::Text { most } => {
                kept(!text.is_empty() && text.len() <= most && is_one_line(text))
            }
            ValueForm::Wait => kept(RetryAfter::parse(text).is_some()),
            ValueForm::TypeName => kept(is_type_name(text)),
            ValueForm::Ids => {
                kept(text.len() <= LONGEST_IDS && text.split(',').all(is_type_and_id))
            }
        }
    }

    fn refusal(self, member: &str, value: &str) -> Error {
        let what = format!("{member} is {}; give {self}", shortened(value, SHOWN));
        Error::new(Kind::Invalid, what)
    }
}

/// What a member takes, for messages.
impl fmt::Display for ValueForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueForm::Count { least, most } => write!(f, "a whole number from {least} to {most}"),
            ValueForm::Offset { most } => {
                write!(f, "a whole number from -{most} to {most}, but not 0")
            }
            ValueForm::Share => f.write_str("a number from 0 to 1"),
            ValueForm::Flag => f.write_str("true or false"),
            ValueForm::Word(words) => write!(f, "one of {}", words.join(", ")),
            ValueForm::Words(words) => {
                write!(f, "one or more of {}, with commas between them", words.join(", "))
            }
            ValueForm::Text { most } => write!(f, "a text of one line and at most {most} bytes"),
            ValueForm::Wait => f.write_str(RetryAfter::FORMS),
            ValueForm::TypeName => f.write_str("a resource type, such as Patient"),
            ValueForm::Ids => {
                write!(f, "Type/id, with commas between several, in at most {LONGEST_IDS} bytes")
            }
        }
    }
}

impl FaultValue {
    /// The value in JSON.
    pub fn to_json(&self) -> Json {
        match self {
            FaultValue::Count(count) => Json::from(*count),
            FaultValue::Offset(offset) => Json::from(*offset),
            FaultValue::Share(parts) => Json::from(f64::from(*parts) / PARTS),
            FaultValue::Flag(flag) => Json::from(*flag),
            FaultValue::Text(text) => Json::from(text.as_str()),
        }
    }

    /// The value in the short form, without quotes.
    pub fn to_short(&self) -> String {
        match self {
            FaultValue::Text(text) => text.clone(),
            other => other.to_json().to_string(),
        }
    }
}

fn is_one_line(text: &str) -> bool {
    !text.contains(|c: char| c.is_control())
}

/// True for a text with the shape of a type's name.
fn is_type_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// True for `Type/id`: <https://hl7.org/fhir/R4/datatypes.html#id>.
fn is_type_and_id(text: &str) -> bool {
    text.split_once('/').is_some_and(|(of_type, id)| {
        is_type_name(of_type)
            && (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
    })
}
