//! Properties of views over what the official tests hold, changed at random: nothing panics, and the
//! rows are those of the plain runner.

use std::fs;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;

use super::super::ViewDefinition;
use super::rows;
use crate::fhir::json::Tree;
use crate::fhir::path::tests::view::{Row, View};

static OFFICIAL: LazyLock<Vec<(Value, Vec<Value>)>> = LazyLock::new(official);

/// The views of the official tests, and the resources that each runs over.
fn official() -> Vec<(Value, Vec<Value>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sql-on-fhir");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let read = |path| serde_json::from_str::<Value>(&fs::read_to_string(path).unwrap()).unwrap();
    let tests = files.into_iter().map(read).flat_map(|file| {
        let resources = file["resources"].as_array().unwrap().clone();
        let tests = file["tests"].as_array().unwrap().clone();
        tests.into_iter().map(move |test| (test["view"].clone(), resources.clone()))
    });
    tests.collect()
}

/// Every value within a value, itself included, as a pointer.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(n, of)| pointers(of, &format!("{at}/{n}"), found));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, of)| pointers(of, &format!("{at}/{name}"), found));
        }
        _ => {}
    }
}

/// A view that is changed in places: a part of it becomes another part, or something else.
pub(super) fn changed(
    mut view: Value,
    changes: &[(prop::sample::Index, prop::sample::Index, u8)],
) -> Value {
    for (place, other, what) in changes {
        let mut all = Vec::new();
        pointers(&view, "", &mut all);
        let (place, other) = (place.get(&all), other.get(&all));
        let new = match what % 8 {
            0 => Value::Null,
            1 => Value::from("$this"),
            2 => Value::from("name.given"),
            3 => Value::from(7),
            4 => Value::Array(Vec::new()),
            _ => view.pointer(other).unwrap().clone(),
        };
        *view.pointer_mut(place).unwrap() = new;
    }
    view
}

/// The rows of the plain runner; no runner where it cannot end.
fn judged(view: &Tree<'_>, resource: &Tree<'_>) -> Result<Vec<Row>, String> {
    View::read(view)?.rows(resource)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn changed_views_give_the_rows_of_the_judge_or_an_error(
        number in any::<prop::sample::Index>(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..3),
        of_resource in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let (view, resources) = number.get(&OFFICIAL);
        let text = changed(view.clone(), &changes).to_string();
        let view = Tree::parse(&text).unwrap();
        // The reader is stricter than the judge: what it takes, the judge takes too.
        let Ok(read) = ViewDefinition::read(&view) else { return Ok(()) };
        for resource in resources {
            let resource_text = changed(resource.clone(), &of_resource).to_string();
            let resource = Tree::parse(&resource_text).unwrap();
            if let Ok(part) = read.parse(&resource_text) {
                let rows_of_part = rows(&read, &part);
                prop_assert_eq!(rows_of_part, rows(&read, &resource), "{}: {}", text, resource_text);
            }
            // What the judge lets pass may be of a wrong type; without a fault the rows are its rows.
            if let Ok(rows) = rows(&read, &resource) {
                prop_assert_eq!(judged(&view, &resource), Ok(rows), "{}", text);
            }
        }
    }

    #[test]
    fn no_view_is_a_panic(text in r#"[\[\]{}:,"a-z0-9 ]{0,60}"#) {
        if let Ok(tree) = Tree::parse(&text) {
            let _ = ViewDefinition::read(&tree);
        }
    }
}
