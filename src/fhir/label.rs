//! A short label for a resource: what people call it, where its type has no view of its own.
//!
//! <https://hl7.org/fhir/R4/datatypes.html>. The first element that tells something counts: a title, a name, what a code
//! means.

use super::json::Tree;

/// The elements that may tell, the best first.
const ELEMENTS: [&str; 12] = [
    "title",
    "name",
    "code",
    "vaccineCode",
    "medicationCodeableConcept",
    "type",
    "serviceType",
    "category",
    "description",
    "contentType",
    "url",
    "status",
];

/// The label of a resource; `None` where nothing tells.
pub fn label(resource: &Tree<'_>) -> Option<String> {
    ELEMENTS.iter().find_map(|name| {
        resource.get(name)?.values().iter().find_map(text_of).filter(|text| !text.trim().is_empty())
    })
}

/// What a string, a name, a CodeableConcept or a Coding says.
fn text_of(value: &Tree<'_>) -> Option<String> {
    if let Some(text) = value.as_text() {
        return Some(text.to_owned());
    }
    let member = |name: &str| value.get(name).and_then(Tree::as_text).map(str::to_owned);
    member("text")
        .or_else(|| name_of(value))
        .or_else(|| coding_of(value))
        .or_else(|| member("display"))
}

/// The parts of a HumanName.
fn name_of(value: &Tree<'_>) -> Option<String> {
    let parts: Vec<&str> = ["prefix", "given", "family"]
        .iter()
        .filter_map(|name| value.get(name))
        .flat_map(|part| part.values().iter().filter_map(Tree::as_text))
        .collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// What the first coding with a display or a code says.
fn coding_of(value: &Tree<'_>) -> Option<String> {
    let codings = value.get("coding")?.values();
    ["display", "code"].iter().find_map(|name| {
        codings.iter().find_map(|coding| coding.get(name)?.as_text().map(str::to_owned))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_element_that_tells_something_counts() {
        for (resource, wanted) in [
            (r#"{"name":"Ward 3","status":"active"}"#, Some("Ward 3")),
            (
                r#"{"name":[{"prefix":["Dr."],"given":["A","B"],"family":"Moss"}]}"#,
                Some("Dr. A B Moss"),
            ),
            (r#"{"code":{"coding":[{"code":"1"},{"display":"Asthma"}]}}"#, Some("Asthma")),
            (r#"{"code":{"text":"cough","coding":[{"display":"Cough"}]}}"#, Some("cough")),
            (r#"{"name":7,"status":"active"}"#, Some("active")),
            (r#"{"id":"x"}"#, None),
        ] {
            let tree = Tree::parse(resource).unwrap();
            assert_eq!(label(&tree).as_deref(), wanted, "{resource}");
        }
    }
}
