//! Random paths and random Observations, for the property of quick paths.

use proptest::prelude::*;
use proptest::sample::select;

/// Expressions of elements that Observations have, and others.
pub(super) fn any_path() -> impl Strategy<Value = String> {
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
pub(super) fn any_observation() -> impl Strategy<Value = String> {
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
pub(super) fn right_observation() -> impl Strategy<Value = String> {
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
