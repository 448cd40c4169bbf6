//! Quick paths: what they say is what the evaluator says, and of ordinary resources they say most.

use proptest::prelude::*;
use proptest::sample::select;

use super::super::{
    Item, Path, PathContext, QuickBuilder, QuickPath, QuickPlace, QuickPlan, QuickValue, Unusual,
};
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

/// Expressions of elements that Observations have, and others.
fn any_path() -> impl Strategy<Value = String> {
    let element = select(vec![
        "id",
        "status",
        "code",
        "coding",
        "system",
        "display",
        "text",
        "category",
        "subject",
        "performer",
        "reference",
        "value",
        "effective",
        "start",
        "unit",
        "component",
        "note",
        "context",
        "identifier",
        "use",
        "extension",
        "url",
        "hasMember",
        "getReferenceKey(Patient)",
        "getReferenceKey()",
        "ofType(Quantity)",
        "ofType(string)",
        "ofType(Period)",
        "ofType(CodeableConcept)",
        "first()",
        "[0]",
        "[1]",
        "last()",
        "resolve()",
        "where(code.exists())",
        "where(system = 'a')",
        "where(use = 'a' or code.empty())",
        "where($this = 'a')",
        "getResourceKey()",
        "single()",
        "select(code)",
        "toString()",
    ]);
    let chain = prop::collection::vec(element, 1..6).prop_map(|parts| {
        parts.into_iter().fold(String::new(), |path, part| match part {
            _ if path.is_empty() && part.starts_with('[') => "code".to_owned(),
            _ if path.is_empty() => part.to_owned(),
            place if place.starts_with('[') => path + place,
            part => path + "." + part,
        })
    });
    let chain = prop_oneof![4 => chain, 1 => select(vec!["$this", "{}", "%resource.code", "%context.status"])
        .prop_map(str::to_owned)];
    chain.prop_recursive(3, 12, 3, |inner| {
        let end = select(vec![
            "first()",
            "exists()",
            "empty()",
            "count()",
            "exists().not()",
            "coding.code",
            "code",
            "first().code",
            "coding.first().code",
            "coding[0].display",
            "where(code.exists()).coding.first().code",
            "component.where(code.exists()).code.coding.first().code",
            "where(code.exists()).first().system",
            "getReferenceKey().first()",
            "iif(code.exists(), code, {})",
        ]);
        prop_oneof![
            (inner.clone(), end).prop_map(|(a, end)| format!("({a}).{end}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} | {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} | {b}).first()")),
            (inner.clone(), select(vec!["=", "!="])).prop_map(|(a, is)| format!("({a} {is} 'a')")),
            (inner.clone(), select(vec!["and", "or"]), inner.clone())
                .prop_map(|(a, and, b)| format!("(({a}).exists() {and} ({b}).exists())")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(a, b, c)| format!("iif(({a}).exists(), {b}, {c})")),
        ]
    })
}

/// Observations: mostly of the right form.
fn any_observation() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "\"a\"",
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "true",
        "1",
        "-2.50",
        "\"Patient/1\"",
        "\"Group/2/_history/1\"",
        "\"http://x/Patient/3\"",
        "\"#c\"",
        "\"2020\"",
        "null",
        "[]",
        "{}",
        "{ }",
        "[ \"a\" ]",
        "[null]",
    ]);
    let name = select(vec![
        "id",
        "status",
        "code",
        "code",
        "coding",
        "coding",
        "system",
        "display",
        "text",
        "category",
        "subject",
        "performer",
        "reference",
        "reference",
        "valueQuantity",
        "valueString",
        "value",
        "effectivePeriod",
        "effectiveDateTime",
        "start",
        "unit",
        "component",
        "note",
        "context",
        "identifier",
        "use",
        "extension",
        "url",
        "hasMember",
        "_status",
        "_id",
        "issued",
        "contained",
        "resourceType",
        "valuebogus",
    ]);
    leaf.prop_map(str::to_owned)
        .prop_recursive(5, 60, 6, move |inner| {
            prop_oneof![
                1 => prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|values| format!("[{}]", values.join(" ,"))),
                4 => prop::collection::vec((name.clone(), inner), 0..6).prop_map(|members| {
                    let members = members.into_iter().map(|(name, value)| format!("\"{name}\" :{value}"));
                    format!("{{ {}}}", members.collect::<Vec<_>>().join(", "))
                }),
            ]
        })
        .prop_map(|tree| match tree.strip_prefix("{ \"") {
            Some(rest) => format!("{{\"resourceType\":\"Observation\",\"{rest}"),
            None => tree,
        })
}

/// An object of some of these members.
fn some_of(members: Vec<(&'static str, BoxedStrategy<String>)>) -> BoxedStrategy<String> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| prop::option::of(value.prop_map(move |value| (name, value))))
        .collect();
    let object = members.prop_map(|members| {
        let members = members.into_iter().flatten();
        let members = members.map(|(name, value)| format!("\"{name}\":{value}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    });
    object.boxed()
}

fn some(values: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let list = prop::collection::vec(values, 0..4);
    list.prop_map(|values| format!("[{}]", values.join(","))).boxed()
}

/// Observations of the right form, with several values where there may be.
fn right_observation() -> impl Strategy<Value = String> {
    let text = || select(vec!["\"a\"", "\"b\""]).prop_map(str::to_owned).boxed();
    let link = || select(vec!["\"Patient/1\"", "\"Group/2\""]).prop_map(str::to_owned).boxed();
    let coding = || some_of(vec![("system", text()), ("code", text()), ("display", text())]);
    let concept = || some_of(vec![("coding", some(coding())), ("text", text())]);
    let reference = || some_of(vec![("reference", link()), ("display", text())]);
    let quantity = || some_of(vec![("value", Just("1.0".to_owned()).boxed()), ("unit", text())]);
    let component =
        some_of(vec![("code", concept()), ("valueQuantity", quantity()), ("valueString", text())]);
    let observation = some_of(vec![
        ("id", text()),
        ("identifier", some(some_of(vec![("use", text()), ("system", text())]))),
        ("status", text()),
        ("category", some(concept())),
        ("code", concept()),
        ("subject", reference()),
        ("performer", some(reference())),
        ("hasMember", some(reference())),
        ("valueQuantity", quantity()),
        ("component", some(component)),
        ("note", some(some_of(vec![("text", text())]))),
    ]);
    observation.prop_map(|text| {
        let comma = if text == "{}" { "" } else { "," };
        format!("{{\"resourceType\":\"Observation\"{comma}{}", &text[1..])
    })
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
