//! Quick paths: what they say is what the evaluator says, and of ordinary resources they say most.

use proptest::prelude::*;

use super::super::{
    Item, Path, PathContext, QuickBuilder, QuickPath, QuickPlace, QuickPlan, QuickValue, Unusual,
};
use super::quick_cases::{any_observation, any_path, right_observation};
use crate::fhir::json::Tree;

/// A path, and what to look at for it; `None` for a path that has no quick form.
fn quick(expression: &str) -> Option<(QuickPath, QuickPlan)> {
    let path = Path::parse(expression).unwrap();
    let mut builder = QuickBuilder::new("Observation")?;
    let quick = path.quick(&mut builder, QuickPlace::RESOURCE, &|_| None)?;
    Some((quick, builder.plan()?))
}

/// The value of a quick path as JSON.
fn said(quick: &(QuickPath, QuickPlan), resource: &str) -> Result<Option<String>, Unusual> {
    let slots = quick.1.read(resource)?;
    let value = quick.0.value(&slots)?;
    Ok(value.map(|value| match value {
        QuickValue::Boolean(value) => value.to_string(),
        QuickValue::Number(lexeme) => lexeme.into_owned(),
        QuickValue::Text(text) => serde_json::to_string(&text).unwrap(),
    }))
}

/// What the evaluator gives, as JSON: at most one value that is no object.
fn evaluated(expression: &str, resource: &str) -> Option<Option<String>> {
    let tree = Tree::parse(resource).ok()?;
    let path = Path::parse(expression).unwrap();
    let items = path.evaluate(&PathContext::of(&tree)).ok()?;
    let json = |item: &Item<'_>| match item {
        Item::Element { tree: Tree::Bool(value), .. } | Item::Boolean(value) => {
            Some(value.to_string())
        }
        Item::Element { tree: Tree::Number(lexeme), .. } => Some((*lexeme).to_owned()),
        Item::Element { tree: Tree::Text(text), .. } | Item::Text(text) => {
            Some(serde_json::to_string(text).unwrap())
        }
        Item::Integer(value) => Some(value.to_string()),
        _ => None,
    };
    match &items[..] {
        [] => Some(None),
        [item] => json(item).map(Some),
        _ => None,
    }
}

const ORDINARY: &str = r##"{"resourceType":"Observation","id":"o1","meta":{"profile":["p"]},"status":"final",
    "category":[{"coding":[{"system":"s","code":"laboratory"}]},{"text":"two"}],
    "code":{"coding":[{"code":"c1","display":"d1"},{"code":"c2"}],"text":"t"},
    "subject":{"reference":"Patient/p1"},"encounter":{"reference":"http://x/Encounter/e1"},
    "effectivePeriod":{"start":"2020","end":"2021"},"valueQuantity":{"value":1.50,"unit":"\u006dg"},
    "performer":[{"display":"d"},{"reference":"Practitioner/a"},{"reference":"Organization/b"}],
    "note":[{"text":"a"}],"focus":[],"derivedFrom":[{"reference":"#c"}]}"##;

#[test]
fn ordinary_resources_need_no_evaluator() {
    for (expression, wanted) in [
        ("id", r#""o1""#),
        ("getResourceKey()", r#""o1""#),
        ("Observation.status", r#""final""#),
        ("Patient.status", ""),
        ("category.coding.code", r#""laboratory""#),
        ("category.first().coding.code.first()", r#""laboratory""#),
        ("category[0].text", ""),
        ("(category.first().coding.display | category.text).first()", r#""two""#),
        ("code.coding.code.first()", r#""c1""#),
        ("code.coding.first().display", r#""d1""#),
        ("code.coding.where(code = 'c1').first().display", r#""d1""#),
        ("code.coding.where(code.exists() and display != 'x').code.first()", r#""c1""#),
        ("code.coding.count()", "2"),
        ("code.coding.where(code = 'c1').exists()", "true"),
        ("subject.getReferenceKey(Patient)", r#""p1""#),
        ("subject.getReferenceKey(Group)", ""),
        ("(encounter | context).first().getReferenceKey(Encounter)", r#""http://x/Encounter/e1""#),
        ("performer.getReferenceKey().first()", r#""a""#),
        ("effective.ofType(dateTime)", ""),
        ("effective.ofType(Period).start", r#""2020""#),
        (
            "iif(effective.ofType(dateTime).exists(), effective.ofType(dateTime), effective.ofType(Period).end)",
            r#""2021""#,
        ),
        ("value.ofType(Quantity).value", "1.50"),
        ("value.ofType(Quantity).unit", r#""mg""#),
        ("value.ofType(Age).value", ""),
        ("component.where(value > 3).code.text.upper()", ""),
        ("component.empty()", "true"),
        ("(focus.exists() or note.exists()).not()", "false"),
        ("code.coding.where(code = 'c2').code", r#""c2""#),
        ("performer.where(reference = 'Organization/b').getReferenceKey(Organization)", r#""b""#),
        ("category.where(coding.where(code = 'laboratory').exists()).coding.system", r#""s""#),
        ("%resource.note.text", r#""a""#),
    ] {
        let quick = quick(expression).unwrap_or_else(|| panic!("{expression}"));
        let wanted = Some(wanted).filter(|wanted| !wanted.is_empty()).map(str::to_owned);
        assert_eq!(said(&quick, ORDINARY), Ok(wanted.clone()), "{expression}");
        assert_eq!(evaluated(expression, ORDINARY), Some(wanted), "{expression}");
    }
}

#[test]
fn what_is_rare_is_left_to_the_evaluator() {
    for expression in [
        "code.coding.code",
        "code.coding.where(code.exists()).code",
        "performer.getReferenceKey(Organization).first()",
        "code",
        "$this",
        "value.value",
        "derivedFrom.resolve().id",
    ] {
        let quick = quick(expression).unwrap_or_else(|| panic!("{expression}"));
        assert_eq!(said(&quick, ORDINARY), Err(Unusual), "{expression}");
    }
    for (resource, expression) in [
        (r#"{"resourceType":"Patient","id":"a"}"#, "id"),
        (r#"{"resourceType":"Observation","id":"a","id":"b"}"#, "id"),
        (r#"{"resourceType":"Observation","_status":{"id":"a"}}"#, "status"),
        (r#"{"resourceType":"Observation","id":["a"]}"#, "getResourceKey()"),
        (r#"{"resourceType":"Observation","note":[null,{"text":"a"}]}"#, "note.text"),
        (r#"{"resourceType":"Observation","note":[[{"text":"a"}]]}"#, "note.text"),
        (r#"{"resourceType":"Observation","value":"a"}"#, "value.ofType(string)"),
        (r#"{"resourceType":"Observation","valueString":"a","valueCode":"b"}"#, "value"),
        (r#"{"resourceType":"Observation","\u0069d":"a"}"#, "id"),
        (r#"{"resourceType":"Observation","status":"\ud800"}"#, "status"),
        (r#"{"resourceType":"Observation","id":"a"} {}"#, "id"),
        (r#"{"resourceType":"Observation","id":"a""#, "id"),
        (r#"["a"]"#, "id"),
        ("", "id"),
    ] {
        assert_eq!(said(&quick(expression).unwrap(), resource), Err(Unusual), "{resource}");
    }
}

#[test]
fn paths_without_a_quick_form_have_none() {
    for expression in [
        "status.length() + 1",
        "%rowIndex",
        "1",
        "note.text.join(',')",
        "component.all(value.exists())",
        "code.coding.iif(code.exists(), code, display)",
        "note.take(id)",
    ] {
        assert!(quick(expression).is_none(), "{expression}");
    }
}

#[test]
fn what_looks_at_all_values_together_is_not_asked_of_each() {
    for (expression, resource) in [
        ("($this | note.exists()).iif(id.exists(), id, {})", r#""id":"a""#),
        (
            "(code | category).coding.first().code",
            r#""code":{"coding":[{}]},"category":[{"coding":[{"code":"a"}]}]"#,
        ),
        (
            "component.where(code.exists()).code.coding.first().code.first()",
            r#""component":[{"code":{"coding":[{}]}},{"code":{"coding":[{"code":"a"}]}}]"#,
        ),
    ] {
        let resource = format!("{{\"resourceType\":\"Observation\",{resource}}}");
        let said = quick(expression).map(|quick| said(&quick, &resource));
        if let Some(Ok(said)) = said {
            assert_eq!(evaluated(expression, &resource), Some(said), "{expression}");
        }
    }
}

#[test]
fn long_expressions_take_no_time_and_no_stack() {
    let nested = |open: &str, inner: &str, close: &str, depth| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    for expression in [
        vec!["extension"; 40].join("."),
        format!("code{}", ".first()".repeat(5000)),
        format!("value{}", ".ofType(Quantity)".repeat(5000)),
        format!("note{}", ".where(text.exists())".repeat(2000)),
        format!("({}).first().text", vec!["note"; 5000].join(" | ")),
        nested("(", "code", " | note).first()", 38),
        nested("note.where(", "text.exists()", ".exists())", 38),
        nested("(note.where(text.exists()) | ", "note", ").first()", 38),
        nested("iif(", "id.exists()", ", true, false)", 38),
    ] {
        if let Some(quick) = quick(&expression) {
            let said = said(&quick, ORDINARY);
            assert!(said.is_err() || evaluated(&expression, ORDINARY) == said.ok(), "{expression}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn quick_paths_say_what_the_evaluator_says(
        path in any_path(),
        resource in prop_oneof![any_observation(), right_observation()],
    ) {
        if let Some(quick) = quick(&path)
            && let Ok(said) = said(&quick, &resource)
        {
            prop_assert_eq!(evaluated(&path, &resource), Some(said), "{}: {}", path, resource);
        }
    }
}
