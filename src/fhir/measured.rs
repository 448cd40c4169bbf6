//! What an Observation measured: numbers with their units, its own and those of its components.
//!
//! <https://hl7.org/fhir/R4/observation.html>. A pressure of the blood is one Observation with two components, so two
//! numbers of one unit belong together.

use super::concept::{concept_key, concept_text};
use super::json::Tree;

/// Statuses of Observations that measured nothing.
const VOID: [&str; 3] = ["entered-in-error", "cancelled", "registered"];

/// A number that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What tells the Observations from others that measure the same: system and code.
    pub key: String,
    /// What was measured, for people.
    pub title: String,
    /// Which part of it; empty for the value of the Observation itself.
    pub part: String,
    /// The number as it is written.
    pub lexeme: String,
    /// The number.
    pub number: f64,
    /// The unit; empty without one.
    pub unit: String,
    /// The range that the laboratory or the author takes for usual; empty where there is none.
    pub usual: String,
}

impl Measured {
    /// The numbers of an Observation, in its order.
    pub fn all_of(observation: &Tree<'_>) -> Vec<Measured> {
        let status = observation.get("status").and_then(Tree::as_text).unwrap_or_default();
        let Some(code) = observation.get("code").filter(|_| !VOID.contains(&status)) else {
            return Vec::new();
        };
        let (Some(key), Some(title)) = (concept_key(code), concept_text(code)) else {
            return Vec::new();
        };
        let components = observation.get("component").map(Tree::values).unwrap_or_default();
        let of_components = components.iter().filter_map(|component| {
            let part = component.get("code").and_then(concept_text)?;
            number_of(component, &key, &title, part)
        });
        let own = number_of(observation, &key, &title, String::new());
        own.into_iter().chain(of_components).collect()
    }
}

fn number_of(element: &Tree<'_>, key: &str, title: &str, part: String) -> Option<Measured> {
    let text = |of: &Tree<'_>, name| of.get(name).and_then(Tree::as_text).map(str::to_owned);
    let (lexeme, unit) = match element.get("valueQuantity") {
        Some(quantity) => {
            let unit = text(quantity, "unit").or_else(|| text(quantity, "code"));
            (lexeme(quantity.get("value")?)?, unit.unwrap_or_default())
        }
        None => (lexeme(element.get("valueInteger")?)?, String::new()),
    };
    let number = lexeme.parse::<f64>().ok().filter(|number| number.is_finite())?;
    let usual = element.get("referenceRange").map(Tree::values).unwrap_or_default();
    let usual = usual.iter().find_map(usual_range).unwrap_or_default();
    let (key, title) = (key.to_owned(), title.to_owned());
    Some(Measured { key, title, part, lexeme, number, unit, usual })
}

fn lexeme(value: &Tree<'_>) -> Option<String> {
    match value {
        Tree::Number(lexeme) => Some((*lexeme).to_owned()),
        _ => None,
    }
}

/// A reference range as text.
fn usual_range(range: &Tree<'_>) -> Option<String> {
    if let Some(text) = range.get("text").and_then(Tree::as_text) {
        return Some(text.to_owned());
    }
    let limit = |name| range.get(name).and_then(|limit| lexeme(limit.get("value")?));
    match (limit("low"), limit("high")) {
        (Some(low), Some(high)) => Some(format!("{low} to {high}")),
        (Some(low), None) => Some(format!("from {low}")),
        (None, Some(high)) => Some(format!("up to {high}")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(json: &str) -> Vec<(String, String, String)> {
        let all = Measured::all_of(&Tree::parse(json).unwrap());
        all.into_iter().map(|of| (of.part, of.lexeme, of.unit)).collect()
    }

    #[test]
    fn values_and_components_are_read_with_their_units() {
        let pressure = r#"{"code":{"text":"BP"},"component":[
            {"code":{"text":"high"},"valueQuantity":{"value":120.0,"unit":"mm[Hg]"}},
            {"code":{"text":"low"},"valueQuantity":{"value":80,"code":"mm[Hg]"}},
            {"code":{"text":"none"},"valueString":"x"}]}"#;
        let of = |part: &str, lexeme: &str, unit: &str| (part.into(), lexeme.into(), unit.into());
        assert_eq!(measured(pressure), [of("high", "120.0", "mm[Hg]"), of("low", "80", "mm[Hg]")]);
        assert_eq!(measured(r#"{"code":{"text":"n"},"valueInteger":3}"#), [of("", "3", "")]);
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        for json in [
            r#"{"code":{"text":"a"},"valueQuantity":{"value":"7"}}"#,
            r#"{"code":{"text":"a"},"valueQuantity":{"value":1e999}}"#,
            r#"{"code":{"text":"a"},"valueQuantity":{"unit":"kg"}}"#,
            r#"{"code":{},"valueInteger":3}"#,
            r#"{"valueInteger":3}"#,
            r#"{"code":{"text":"a"},"valueInteger":3,"status":"entered-in-error"}"#,
        ] {
            assert_eq!(measured(json), [], "{json}");
        }
    }

    #[test]
    fn ranges_are_told_in_words() {
        for (range, told) in [
            (r#"{"low":{"value":1},"high":{"value":2.0}}"#, "1 to 2.0"),
            (r#"{"low":{"value":1}}"#, "from 1"),
            (r#"{"high":{"value":2}}"#, "up to 2"),
            (r#"{"text":"negative"}"#, "negative"),
            ("{}", ""),
        ] {
            let json =
                format!(r#"{{"code":{{"text":"a"}},"valueInteger":3,"referenceRange":[{range}]}}"#);
            assert_eq!(Measured::all_of(&Tree::parse(&json).unwrap())[0].usual, told, "{range}");
        }
    }
}
