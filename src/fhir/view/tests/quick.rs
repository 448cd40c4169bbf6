//! Rows that are made in one pass: they are the rows of the tree, and ordinary resources need nothing else.

use std::fs;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;

use super::super::{STARTER_VIEWS, ViewDefinition, ViewError, ViewValue};
use super::properties::changed;
use crate::fhir::json::Tree;

/// The ready views.
static VIEWS: LazyLock<Vec<ViewDefinition>> = LazyLock::new(|| {
    let read = |(name, text)| {
        ViewDefinition::from_json(text).unwrap_or_else(|faults| panic!("{name}: {faults:?}"))
    };
    STARTER_VIEWS.into_iter().map(read).collect()
});

/// The resources of the sample data.
static RESOURCES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-data/patients");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let entries = files.flat_map(|path| {
        let bundle: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        bundle["entry"].as_array().unwrap().clone()
    });
    entries.map(|entry| entry["resource"].clone()).collect()
});

/// The rows of the tree of a resource, as JSON.
fn rows_of_tree(view: &ViewDefinition, resource: &str) -> Result<Vec<String>, ViewError> {
    let tree = Tree::parse(resource).unwrap();
    let mut rows = Vec::new();
    view.rows::<ViewError>(&tree, &mut |row| {
        rows.push(json(row.iter().copied()));
        Ok(())
    })?;
    Ok(rows)
}

fn json<'v, 't: 'v>(row: impl Iterator<Item = &'v ViewValue<'t>>) -> String {
    let mut json = String::new();
    for value in row {
        value.write_json(&mut json);
        json.push('\n');
    }
    json
}

/// Compares the row that a view makes in one pass with those of the tree. False where it makes none so.
fn is_same(view: &ViewDefinition, resource: &str) -> bool {
    let Ok(rows) = view.quick_rows(resource) else { return false };
    let rows = rows.iter().map(|row| json(row.iter())).collect();
    assert_eq!(rows_of_tree(view, resource), Ok(rows), "{:?}: {resource}", view.about().name);
    true
}

#[test]
fn ready_views_make_rows_of_ordinary_resources_in_one_pass() {
    for view in VIEWS.iter() {
        let name = view.about().name.as_deref().unwrap();
        let of_type = RESOURCES.iter().filter(|of| of["resourceType"] == view.resource());
        let (mut all, mut quick) = (0, 0);
        for resource in of_type {
            all += 1;
            quick += usize::from(is_same(view, &resource.to_string()));
        }
        // Names of a patient are joined, a medication may be referred to, a plan is one of several classes.
        let needs_tree = matches!(name, "patient" | "medication_request" | "coverage");
        let wanted = if needs_tree { 0 } else { all * 3 / 4 };
        println!("{name}: {quick} of {all}");
        assert!(quick >= wanted, "{name}: {quick} of {all}");
    }
}

#[test]
fn an_iteration_goes_over_the_value_that_meets_its_condition() {
    let view = r#"{"resource":"Condition","select":[
        {"forEachOrNull":"code.coding.where(code.exists()).first()","column":[{"name":"code","path":"code"}]},
        {"forEach":"evidence","column":[{"name":"at","path":"%rowIndex + 1"},{"name":"id","path":"detail.reference"}],
         "select":[{"forEachOrNull":"code.first()","column":[{"name":"text","path":"text"}]}]}]}"#;
    let view = ViewDefinition::from_json(view).unwrap();
    for (codings, evidence, wanted) in [
        (r#"{"code":"a"},{"code":"b"}"#, r#"{"code":[{"text":"x"},{"text":"y"}]}"#, true),
        (r#"{"code":"a"}"#, r#"{"detail":[{"reference":"r"}]},{}"#, true),
        (r#"{"code":"a"}"#, "", true),
        ("", "{}", true),
        // The evaluator looks for the other coding.
        (r#"{"display":"a"},{"code":"b"}"#, "{}", false),
        (r#"{"code":"a"}"#, r#"{},"a""#, false),
    ] {
        let resource = format!(
            r#"{{"resourceType":"Condition","code":{{"coding":[{codings}]}},"evidence":[{evidence}]}}"#
        );
        assert_eq!(is_same(&view, &resource), wanted, "{resource}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn rows_made_in_one_pass_are_those_of_the_tree(
        view in any::<prop::sample::Index>(),
        number in any::<prop::sample::Index>(),
        of_view in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..3),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let (_, view) = view.get(&STARTER_VIEWS);
        let view = changed(serde_json::from_str(view).unwrap(), &of_view).to_string();
        let Ok(view) = ViewDefinition::from_json(&view) else { return Ok(()) };
        let mut resource = changed(number.get(&RESOURCES).clone(), &changes);
        if let Some(of) = resource.get_mut("resourceType") {
            *of = Value::from(view.resource());
        }
        is_same(&view, &resource.to_string());
    }

    #[test]
    fn no_text_is_a_panic(
        view in any::<prop::sample::Index>(),
        number in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[\\[\\]{}:,\"\\\\a_é0 ]{0,2}"), 0..4),
    ) {
        let view = view.get(&VIEWS);
        let mut resource = number.get(&RESOURCES).clone();
        resource["resourceType"] = Value::from(view.resource());
        let mut text = resource.to_string();
        for (place, new) in changes {
            let place = place.index(text.len());
            let place = (0..=place).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let end = text[place..].chars().next().map_or(place, |c| place + c.len_utf8());
            text.replace_range(place..end, &new);
        }
        if Tree::parse(&text).is_ok() {
            is_same(view, &text);
        } else {
            let _ = view.quick_rows(&text);
        }
    }
}
