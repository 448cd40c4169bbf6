//! The official tests of SQL on FHIR, which come with `tests/sql-on-fhir/`.

use std::fs;

use serde_json::Value;

use super::view::{Row, View, of_tree};
use crate::fhir::json::Tree;

/// Calls `each` with every test: the name of its file, the test, and the resources of the file.
pub fn for_each_test(each: &mut dyn FnMut(&str, &Tree<'_>, &[Tree<'_>])) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sql-on-fhir");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let file = Tree::parse(&text).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        let resources = file.get("resources").unwrap().values();
        for test in file.get("tests").unwrap().values() {
            each(&name, test, resources);
        }
    }
}

/// Says what is wrong with the rows of a test, or with the fault that there are instead.
pub fn compare(test: &Tree<'_>, rows: Result<Vec<Row>, String>) -> Result<(), String> {
    if test.get("expectError").is_some() {
        return rows.map_or(Ok(()), |rows| Err(format!("no error, but {rows:?}")));
    }
    let mut rows = rows?;
    if let Some(Tree::Number(count)) = test.get("expectCount") {
        let is_right = *count == rows.len().to_string();
        return if is_right { Ok(()) } else { Err(format!("{} rows", rows.len())) };
    }
    let Value::Array(wanted) = of_tree(test.get("expect").ok_or("no expectation")?) else {
        return Err("the expectation is no list".to_owned());
    };
    let mut wanted: Vec<Row> =
        wanted.into_iter().map(|row| serde_json::from_value(row).unwrap()).collect();
    // A row without a column has no value there.
    for row in rows.iter_mut().chain(&mut wanted) {
        row.retain(|_, value| !value.is_null());
    }
    // The order of rows is free.
    rows.sort_by_key(|row| format!("{row:?}"));
    wanted.sort_by_key(|row| format!("{row:?}"));
    if rows == wanted { Ok(()) } else { Err(format!("{rows:?}\n   wanted {wanted:?}")) }
}

/// Runs a test; says what is wrong.
fn judge(test: &Tree<'_>, resources: &[Tree<'_>]) -> Result<(), String> {
    let rows = test.get("view").ok_or("no view".to_owned()).and_then(|view| {
        let view = View::read(view)?;
        let rows = resources.iter().map(|resource| view.rows(resource));
        Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    });
    compare(test, rows)
}

#[test]
fn the_official_tests_pass() {
    let (mut passed, mut failures) = (0, Vec::new());
    for_each_test(&mut |file, test, resources| match judge(test, resources) {
        Ok(()) => passed += 1,
        Err(reason) => {
            let title = test.get("title").and_then(Tree::as_text);
            failures.push(format!("{file} {title:?}: {reason}"));
        }
    });
    assert!(failures.is_empty(), "{passed} passed, but\n{}", failures.join("\n"));
    assert_eq!(passed, 144);
}
