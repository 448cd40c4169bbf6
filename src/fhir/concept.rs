//! What a coded element says to people: its text, or else the name or the code of a coding.
//!
//! <https://hl7.org/fhir/R4/datatypes.html#CodeableConcept>. An element may also be a Coding, a CodeableReference of R5, a
//! reference with a name, or a text.

use super::json::Tree;

/// What an element says to people; `None` where it says nothing. Of an element that repeats the first one counts.
pub fn concept_text(element: &Tree<'_>) -> Option<String> {
    let said = |text: &Tree<'_>| {
        let text = text.as_text()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    element.values().iter().find_map(|value| {
        let of = |name| value.get(name).and_then(said);
        said(value)
            .or_else(|| of("text"))
            .or_else(|| of("display"))
            .or_else(|| codings(value).find_map(|coding| coding.get("display").and_then(said)))
            .or_else(|| codings(value).find_map(|coding| coding.get("code").and_then(said)))
            .or_else(|| value.get("concept").and_then(concept_text))
            .or_else(|| of("code"))
    })
}

/// What tells a coded element from others: system and code of its first coding that has a code, or else its text.
pub fn concept_key(element: &Tree<'_>) -> Option<String> {
    let coded = codings(element).find_map(|coding| {
        let code = coding.get("code")?.as_text()?;
        let system = coding.get("system").and_then(Tree::as_text).unwrap_or_default();
        Some(format!("{system}|{code}"))
    });
    coded.or_else(|| concept_text(element))
}

fn codings<'e, 't>(element: &'e Tree<'t>) -> impl Iterator<Item = &'e Tree<'t>> {
    element.get("coding").map(Tree::values).unwrap_or_default().iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_read_comes_before_codes() {
        for (json, text, key) in [
            (r#"{"coding":[{"system":"s","code":"c","display":"d"}],"text":"t"}"#, "t", "s|c"),
            (r#"{"coding":[{"code":"c"},{"system":"s","code":"e","display":"d"}]}"#, "d", "|c"),
            (r#"{"coding":[{"system":"s","code":"c"}]}"#, "c", "s|c"),
            (r#"{"system":"s","code":"AMB"}"#, "AMB", "AMB"),
            (r#"[{"text":" "},{"text":"second"}]"#, "second", "second"),
            (r#"{"concept":{"text":"of R5"}}"#, "of R5", "of R5"),
            (r#""plain""#, "plain", "plain"),
        ] {
            let tree = Tree::parse(json).unwrap();
            assert_eq!(concept_text(&tree).as_deref(), Some(text), "{json}");
            assert_eq!(concept_key(&tree).as_deref(), Some(key), "{json}");
        }
        for json in ["null", "7", "{}", "[]", r#"{"text":7,"coding":"c"}"#] {
            assert_eq!(concept_text(&Tree::parse(json).unwrap()), None, "{json}");
        }
    }
}
