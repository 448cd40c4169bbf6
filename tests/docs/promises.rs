//! `docs/promises.md` names tests that exist.

use super::{page, rows, spans};
use crate::support::project;

/// True if a file of `tests/` has a test of this name, such as `store::check::damaged_pages_are_found`.
fn is_test(name: &str) -> bool {
    let (module, function) = name.rsplit_once("::").expect("a module and a function");
    let file = project().join("tests").join(module.replace("::", "/"));
    // The tests of a folder's own file stand in its `mod.rs`.
    let text = std::fs::read_to_string(file.with_extension("rs"))
        .or_else(|_| std::fs::read_to_string(file.join("mod.rs")));
    let Ok(text) = text else { return false };
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let start = format!("fn {function}(");
    lines.windows(2).any(|pair| pair[0] == "#[test]" && pair[1].starts_with(&start))
}

#[test]
fn each_promise_has_tests_that_exist() {
    let text = page("docs/promises.md");
    let lines: Vec<&str> = text.lines().collect();
    let rows = rows(&lines);
    assert!(rows.len() > 20, "{}", rows.len());
    for row in rows {
        let tests = spans(row[1]);
        assert!(!tests.is_empty(), "{} has no test", row[0]);
        for test in tests {
            assert!(is_test(test), "{test} is no test");
        }
    }
    assert!(!is_test("store::check::no_such_test"));
}
