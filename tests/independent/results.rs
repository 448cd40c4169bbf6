//! The order of results, their pages, and what comes along, compared with what `results.py` works out from the store's
//! rows.

use super::script;
use crate::support::{Dir, project, succeed};

#[test]
fn sorted_and_included_results_are_what_python_works_out() {
    let Some(mut python) = script("results.py") else { return };
    let dir = Dir::new();
    let sample = project().join("sample-data/ndjson");
    dir.import(0, &["s.db", sample.to_str().unwrap()]);
    let served = dir.serve(&["s.db"]);
    python.arg(dir.path("s.db")).args(["--server", &served.url, "--cases", "60", "--seed", "3"]);
    let said = succeed(&mut python);
    assert!(said.contains("60 searches, 0 differences"), "{said}");
}

#[test]
fn the_comparison_of_results_can_fail() {
    let Some(mut python) = script("results.py") else { return };
    let dir = Dir::new();
    let sample = project().join("sample-data/ndjson");
    dir.import(0, &["s.db", sample.to_str().unwrap()]);
    std::fs::copy(dir.path("s.db"), dir.path("other.db")).unwrap();
    dir.write(
        "later.ndjson",
        "{\"resourceType\":\"Patient\",\"id\":\"new\",\"birthDate\":\"1990\"}\n",
    );
    dir.import(0, &["other.db", "later.ndjson"]);
    let served = dir.serve(&["other.db"]);
    python.arg(dir.path("s.db")).args(["--server", &served.url, "--cases", "60", "--seed", "3"]);
    assert_eq!(python.output().unwrap().status.code(), Some(1));
}
