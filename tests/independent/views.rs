//! What the views of a store hold, compared with what `views.py` works out from the bodies.

use super::script;
use crate::support::{Dir, project, succeed};

/// Fails unless each view of `s.db` holds what `views.py` expects.
fn views_agree(dir: &Dir) {
    let Some(mut python) = script("views.py") else { return };
    let said = succeed(python.arg("--compare").arg(dir.path("s.db")));
    assert!(said.contains(" 0 differences"), "{said}");
    read_by_the_library(dir);
}

/// Reads every row of every view with the SQLite that fhirlite brings, which may be another one than
/// Python's.
fn read_by_the_library(dir: &Dir) {
    let db = dir.open("s.db");
    let mut views =
        db.prepare("SELECT name FROM sqlite_schema WHERE type = 'view'").expect("prepared");
    let views: Vec<String> =
        views.query_map((), |row| row.get(0)).expect("views").map(|name| name.unwrap()).collect();
    for view in views {
        let mut statement = db.prepare(&format!("SELECT * FROM {view}")).expect("prepared");
        let columns = statement.column_count();
        let mut rows = statement.query(()).expect("queried");
        while let Some(row) = rows.next().unwrap_or_else(|error| panic!("{view}: {error}")) {
            for column in 0..columns {
                row.get_ref(column).expect("a value");
            }
        }
    }
}

#[test]
fn views_of_the_sample_data_hold_what_python_reads() {
    let dir = Dir::new();
    dir.import(0, &["s.db", project().join("sample-data").to_str().unwrap()]);
    views_agree(&dir);
}

/// The examples of HL7, cases written for the views, and elements of another kind than they should be.
#[test]
fn views_of_examples_and_of_odd_bodies_hold_what_python_reads() {
    for seed in ["1", "2"] {
        let Some(mut python) = script("views.py") else { return };
        let dir = Dir::new();
        succeed(python.args(["--seed", seed, "--make"]).arg(dir.path("in.ndjson")));
        let report = dir.import(0, &["s.db", "in.ndjson"]);
        assert!(report["created"].as_u64().unwrap() > 3_000, "{report}");
        views_agree(&dir);
        for view in ["observation", "condition", "medication_request", "encounter", "procedure"] {
            assert!(dir.count("s.db", &format!("SELECT count(patient) FROM {view}")) > 0, "{view}");
        }
    }
}

#[test]
fn the_comparison_of_views_can_fail() {
    let Some(mut python) = script("views.py") else { return };
    let dir = Dir::new();
    dir.import(0, &["s.db", project().join("sample-data").to_str().unwrap()]);
    dir.open("s.db")
        .execute_batch("DROP VIEW encounter; CREATE VIEW encounter AS SELECT id, NULL AS patient, subject, id AS encounter, status, NULL AS class, system, code, display, NULL AS reason, NULL AS started, NULL AS ended FROM resource_summary WHERE type = 'Encounter'")
        .expect("replaced");
    let output = python.arg("--compare").arg(dir.path("s.db")).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
}
