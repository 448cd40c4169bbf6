//! The official tests of SQL on FHIR, which come with `tests/sql-on-fhir/`, and their report.
//!
//! <https://sql-on-fhir.org/ig/test-report>: the standard's own form, `test-report.json`. The test
//! writes it where FHIRLITE_TEST_REPORT names a file.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::super::ViewDefinition;
use super::rows;
use crate::fhir::json::Tree;
use crate::fhir::path::tests::official::{compare, for_each_test};

/// Runs a test; says what is wrong.
fn judge(test: &Tree<'_>, resources: &[Tree<'_>]) -> Result<(), String> {
    let view = ViewDefinition::read(test.get("view").ok_or("no view")?);
    let columns = view
        .as_ref()
        .map(|view| view.columns().iter().map(|column| column.name.clone()).collect::<Vec<_>>());
    let rows = match &view {
        Ok(view) => {
            let rows = resources.iter().map(|resource| rows(view, resource));
            let rows = rows.collect::<Result<Vec<_>, _>>().map_err(|fault| vec![fault]);
            rows.map(|rows| rows.into_iter().flatten().collect::<Vec<_>>())
        }
        Err(faults) => Err(faults.clone()),
    };
    if let (Some(wanted), Ok(found)) = (test.get("expectColumns"), columns) {
        let wanted = wanted.values().iter().map(|name| name.as_text().unwrap().to_owned());
        let wanted = wanted.collect::<Vec<_>>();
        if wanted != found {
            return Err(format!("the columns are {found:?}, wanted {wanted:?}"));
        }
    }
    compare(test, rows.map_err(|faults| format!("{faults:?}")))
}

/// The results of all tests, by file, in the form of the standard; and how many failed and passed.
fn report() -> (BTreeMap<String, Value>, Vec<String>, usize) {
    let (mut results, mut failures, mut passed) = (BTreeMap::new(), Vec::new(), 0);
    for_each_test(&mut |file, test, resources| {
        let title = test.get("title").and_then(Tree::as_text).unwrap();
        let result = match judge(test, resources) {
            Ok(()) => {
                passed += 1;
                json!({"passed": true})
            }
            Err(reason) => {
                failures.push(format!("{file} {title}: {reason}"));
                json!({"passed": false, "error": reason})
            }
        };
        let of_file: &mut Vec<Value> = results.entry(file.to_owned()).or_default();
        of_file.push(json!({"name": title, "result": result}));
    });
    let of_file = |(file, results)| (file, json!({"tests": results}));
    (results.into_iter().map(of_file).collect(), failures, passed)
}

/// What is wrong with a value by a JSON schema, as far as the schema of the report has keywords.
fn schema_faults(value: &Value, schema: &Value, place: &str, faults: &mut Vec<String>) {
    let is_of_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        other => panic!("{place}: the type {other:?} of a schema"),
    };
    if !is_of_type {
        faults.push(format!("{place}: {value} is no {}", schema["type"]));
        return;
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            faults.push(format!("{place}: {name} is missing"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        match schema["properties"].get(name).or(schema["patternProperties"].get(".*")) {
            Some(schema) => schema_faults(member, schema, &place, faults),
            None if schema["additionalProperties"] == false => {
                faults.push(format!("{place}: unknown"))
            }
            None => {}
        }
    }
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    if (items.len() as u64) < schema["minItems"].as_u64().unwrap_or(0) {
        faults.push(format!("{place}: too few items"));
    }
    for (at, item) in items.iter().enumerate() {
        schema_faults(item, &schema["items"], &format!("{place}[{at}]"), faults);
    }
}

#[test]
fn the_report_has_the_form_of_the_standard() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sql-on-fhir/schema/test-report.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let faults = |report: &Value| {
        let mut faults = Vec::new();
        schema_faults(report, &schema, "", &mut faults);
        faults
    };
    let failed =
        json!({"a.json": {"tests": [{"name": "a", "result": {"passed": false, "error": "b"}}]}});
    assert_eq!(faults(&failed), Vec::<String>::new());
    assert_eq!(faults(&json!(report().0)), Vec::<String>::new());
    for wrong in [
        json!({"a.json": {"tests": []}}),
        json!({"a.json": {"tests": [{"result": {"passed": true}}]}}),
        json!({"a.json": {"tests": [{"name": "a", "result": {"passed": "yes"}}]}}),
        json!({"a.json": {"tests": [{"name": "a", "result": {"passed": true}}], "b": 1}}),
    ] {
        assert_eq!(faults(&wrong).len(), 1, "{wrong}");
    }
}

#[test]
fn the_official_tests_pass() {
    let (report, failures, passed) = report();
    if let Some(file) = std::env::var_os("FHIRLITE_TEST_REPORT") {
        let text = serde_json::to_string_pretty(&report).unwrap() + "\n";
        fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    assert!(failures.is_empty(), "{passed} passed, but\n{}", failures.join("\n"));
    assert_eq!(passed, 144);
}
