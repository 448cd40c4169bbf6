//! Tokens held against the coded elements of a resource.
//!
//! <https://hl7.org/fhir/R4/search.html#token>. A Coding, the codings of a CodeableConcept, an
//! Identifier and a ContactPoint have a system and a code. A plain value (code, boolean, string, id,
//! uri) has only the code. Its system is the one that FHIR binds the element to; where that is unknown, a
//! system in the search does not keep it away. Codes and systems are compared letter by letter, case included;
//! plain values of FHIR's type `string` without their case, as the section asks.

use super::escape::{split, split_once, unescaped};
use super::fold::{folded, is_same_but_case};
use super::string::StringBound;
use super::token::SearchToken;
use crate::fhir::json::Tree;

/// One value of a token parameter, as its modifier reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenBound {
    /// `code`, `system|code` or `|code`.
    Code(SearchToken),
    /// `system|`: any code of a system.
    System(String),
    /// `:text`: the beginning of the text beside a code.
    Text(StringBound),
    /// `:of-type`: `system|code|value`, an identifier of a type.
    OfType {
        /// The type of the identifier.
        of: SearchToken,
        /// Its value.
        value: String,
    },
}

/// A system and a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Coded<'f> {
    system: Option<&'f str>,
    code: Option<&'f str>,
    /// True for a plain value, whose system is not in the resource.
    is_plain: bool,
}

/// What is known of the plain values that a parameter finds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PlainCodes<'p> {
    /// The code systems of plain codes; none where they are unknown.
    pub(super) systems: &'p [&'p str],
    /// True for values of FHIR's type `string`, whose case does not count.
    pub(super) are_strings: bool,
}

impl TokenBound {
    /// Reads `code`, `system|code`, `|code` or `system|`; `None` for an empty value.
    pub(super) fn parse(text: &str) -> Option<TokenBound> {
        match split_once(text, '|') {
            Some((system, "")) if !system.is_empty() => Some(TokenBound::System(unescaped(system))),
            _ => SearchToken::parse(text).map(TokenBound::Code),
        }
    }

    /// Reads `system|code|value`; `None` where a part is missing.
    pub(super) fn of_type(text: &str) -> Option<TokenBound> {
        let [system, code, value] = split(text, '|')[..] else { return None };
        if [system, code, value].contains(&"") {
            return None;
        }
        let of = SearchToken { system: Some(unescaped(system)), value: unescaped(code) };
        Some(TokenBound::OfType { of, value: unescaped(value) })
    }

    /// Reads the beginning of a text.
    pub(super) fn text(text: &str) -> TokenBound {
        TokenBound::Text(StringBound::StartsWith(folded(&unescaped(text)).into_owned()))
    }

    /// True where an element meets the value.
    pub(super) fn holds_in(&self, found: &Tree<'_>, plain: PlainCodes<'_>) -> bool {
        match self {
            TokenBound::Code(token) => has_code(token, found, plain),
            TokenBound::System(system) => codings(found).iter().filter_map(single).any(|coded| {
                if coded.is_plain {
                    plain.systems.contains(&system.as_str())
                } else {
                    coded.system == Some(system)
                }
            }),
            TokenBound::Text(text) => texts(found).any(|found| text.holds(found)),
            TokenBound::OfType { of, value } => {
                text_of(found, "value") == Some(value)
                    && found
                        .get("type")
                        .is_some_and(|kind| has_code(of, kind, PlainCodes::default()))
            }
        }
    }
}

fn text_of<'f>(found: &'f Tree<'_>, name: &str) -> Option<&'f str> {
    found.get(name).and_then(Tree::as_text)
}

/// The codings of a CodeableConcept, or the element itself.
fn codings<'f, 't>(found: &'f Tree<'t>) -> &'f [Tree<'t>] {
    found.get("coding").map_or(std::slice::from_ref(found), Tree::values)
}

/// The system and the code of a single element.
fn single<'f>(found: &'f Tree<'_>) -> Option<Coded<'f>> {
    let plain = |code| Some(Coded { system: None, code: Some(code), is_plain: true });
    match found {
        Tree::Bool(true) => plain("true"),
        Tree::Bool(false) => plain("false"),
        Tree::Number(lexeme) => plain(lexeme),
        Tree::Text(text) => plain(text),
        Tree::Object(_) => {
            // A Quantity has a number for its value: no code.
            let code = match found.get("value") {
                Some(value) => Some(value.as_text()?),
                None => text_of(found, "code"),
            };
            Some(Coded { system: text_of(found, "system"), code, is_plain: false })
        }
        Tree::Null | Tree::Array(_) => None,
    }
}

/// The codes of an element, each behind its system, which is empty where there is none: all that [`TokenBound::Code`]
/// and [`TokenBound::OfType`] compare.
pub(super) fn codes<'f>(found: &'f Tree<'_>) -> impl Iterator<Item = (&'f str, &'f str)> {
    let codings = codings(found).iter().filter_map(single);
    let coded = codings.filter_map(|coded| Some((coded.system.unwrap_or_default(), coded.code?)));
    coded.chain(text_of(found, "value").map(|value| ("", value)))
}

/// True where a code of an element is the one that a token asks for.
fn has_code(token: &SearchToken, found: &Tree<'_>, plain: PlainCodes<'_>) -> bool {
    codings(found).iter().filter_map(single).any(|coded| {
        let takes_system = if coded.is_plain {
            takes_plain(token.system.as_deref(), plain.systems)
        } else {
            token.takes_system(coded.system)
        };
        let is_same = |code: &str| {
            code == token.value
                || plain.are_strings && coded.is_plain && is_same_but_case(code, &token.value)
        };
        coded.code.is_some_and(is_same) && takes_system
    })
}

/// True where a search may find plain codes of these systems.
fn takes_plain(wanted: Option<&str>, systems: &[&str]) -> bool {
    match wanted {
        None | Some("") => true,
        Some(wanted) => systems.is_empty() || systems.contains(&wanted),
    }
}

/// The texts beside the codes of an element: of a CodeableConcept, of a Coding, of an identifier's
/// type.
fn texts<'f>(found: &'f Tree<'_>) -> impl Iterator<Item = &'f str> {
    found.get("type").into_iter().chain([found]).flat_map(|coded| {
        let displays = codings(coded).iter().filter_map(|coding| text_of(coding, "display"));
        displays.chain(text_of(coded, "text"))
    })
}

/// The first code of an element, by which it is sorted.
pub(super) fn first_code<'f>(found: &'f Tree<'_>) -> Option<&'f str> {
    codings(found).iter().filter_map(single).find_map(|coded| coded.code)
}

#[cfg(test)]
#[path = "coded_tests.rs"]
mod tests;
