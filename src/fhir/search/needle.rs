//! What the text of a body must contain for its resource to be found, so that most bodies need not be
//! read as JSON.
//!
//! JSON may write any character as an escape (<https://www.rfc-editor.org/rfc/rfc8259#section-7>). So
//! a needle has no character that has a short escape, and a body with a `\u` is never rejected.

use memchr::memmem::{Finder, find};

use super::bound::Bound;
use super::coded::TokenBound;
use super::criterion::Test;
use super::definition::SearchParameter;
use super::link::ReferenceBound;
use super::modifier::Modifier;
use super::query::Search;
use super::string::StringBound;
use super::uri::UriBound;

/// The most names that are looked for in a body before it is read.
const MOST_NAMES: usize = 4;

/// Texts of which a body must contain one of each list.
#[derive(Clone, Debug, Default)]
pub struct Needles(pub(super) Vec<Vec<Finder<'static>>>);

impl Needles {
    /// False where a body cannot be that of a resource that is found.
    pub fn may_occur_in(&self, body: &str) -> bool {
        let body = body.as_bytes();
        let is_there = |any: &Vec<Finder<'_>>| any.iter().any(|one| one.find(body).is_some());
        self.0.iter().all(is_there) || find(body, b"\\u").is_some()
    }
}

impl Search {
    /// What the bodies of the resources that are found contain.
    pub fn needles(&self) -> Needles {
        let of_test = |test: &Test| match test {
            Test::Any { parameter, modifier, bounds } if *modifier != Modifier::Not => {
                let needles = bounds.iter().map(|bound| needle(parameter, bound));
                needles.collect::<Option<Vec<String>>>()
            }
            Test::RefersTo { names, .. } if names.len() <= MOST_NAMES => {
                let id = |name: &String| longest_plain(name.split_once('/')?.1);
                names.iter().map(id).collect()
            }
            _ => None,
        };
        let lists = self.criteria.iter().filter_map(|criterion| of_test(&criterion.test));
        let finders = |list: Vec<String>| {
            list.iter().map(|text| Finder::new(text.as_bytes()).into_owned()).collect()
        };
        Needles(lists.map(finders).collect())
    }
}

/// A text that a body contains where it meets the value; `None` where there is none.
fn needle(parameter: &SearchParameter, bound: &Bound) -> Option<String> {
    match bound {
        // The case of the text may differ.
        Bound::Token(_) if parameter.finds_strings => None,
        // A body does not name the system of a plain code.
        Bound::Token(TokenBound::System(system))
            if parameter.systems.contains(&system.as_str()) =>
        {
            None
        }
        Bound::Token(token) | Bound::Reference(ReferenceBound::Identifier(token)) => {
            token_needle(token)
        }
        Bound::Reference(ReferenceBound::Local { id, .. }) => longest_plain(id),
        Bound::Reference(ReferenceBound::Url(url)) | Bound::Uri(UriBound::Same(url)) => {
            longest_plain(url)
        }
        Bound::Uri(UriBound::Below(root)) => longest_plain(root),
        Bound::String(StringBound::Exact(text)) => quoted(text),
        Bound::Composite(bounds) => {
            let mut parts = parameter.components.iter().zip(bounds);
            parts.find_map(|(component, bound)| needle(component, bound))
        }
        _ => None,
    }
}

fn token_needle(token: &TokenBound) -> Option<String> {
    match token {
        TokenBound::Code(token) => code_needle(&token.value),
        TokenBound::System(system) => quoted(system),
        TokenBound::OfType { value, .. } => code_needle(value),
        TokenBound::Text(_) => None,
    }
}

/// A code may stand in a body as a string or as a number. An expression may compute a boolean, which
/// then stands nowhere.
fn code_needle(code: &str) -> Option<String> {
    match code {
        "true" | "false" => None,
        code if code.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => longest_plain(code),
        code => quoted(code),
    }
}

/// A whole string with its quotes, where no character of it has a short escape.
fn quoted(text: &str) -> Option<String> {
    match longest_plain(text) {
        Some(plain) if plain == text => Some(format!("\"{text}\"")),
        part => part,
    }
}

/// The longest part without a character that has a short escape. That a URL is one of the web says
/// little.
fn longest_plain(text: &str) -> Option<String> {
    let parts = text.split(|c: char| matches!(c, '"' | '\\' | '/') || c.is_control());
    let telling = parts.filter(|part| !["", "http:", "https:"].contains(part));
    telling.max_by_key(|part| part.len()).map(str::to_owned)
}
