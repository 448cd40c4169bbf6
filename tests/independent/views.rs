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

/// A store of the sample data and of the examples of HL7, and a copy with the tables of the ready views.
fn with_tables(dir: &Dir) {
    let sample = project().join("sample-data");
    let examples = project().join("tests/independent/hl7-examples.ndjson.gz");
    dir.import(0, &["s.db", sample.to_str().unwrap(), examples.to_str().unwrap()]);
    std::fs::copy(dir.path("s.db"), dir.path("t.db")).unwrap();
    let ran = dir.run(["view", "add", "t.db", "--starter"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn tables_of_the_ready_views_agree_with_the_sql_views_and_with_python() {
    let Some(mut python) = script("compare_views.py") else { return };
    let dir = Dir::new();
    with_tables(&dir);
    let said = succeed(python.arg(dir.path("s.db")).arg(dir.path("t.db")));
    assert!(said.contains("\n0 unexplained"), "{said}");
    let compared = said.lines().filter(|line| line.contains(" rows in SQL, ")).count();
    assert!(compared == 15 && !said.contains(" 0 rows in SQL, "), "{said}");
}

#[test]
fn the_comparison_of_tables_can_fail() {
    for edit in [
        "UPDATE observation SET value = value + 1 WHERE id = (SELECT id FROM observation WHERE value > 0 LIMIT 1)",
        "DELETE FROM claim WHERE id = (SELECT id FROM claim LIMIT 1)",
        "UPDATE coverage SET plan = 'x' WHERE id = (SELECT id FROM coverage LIMIT 1)",
    ] {
        let Some(mut python) = script("compare_views.py") else { return };
        let dir = Dir::new();
        with_tables(&dir);
        dir.open("t.db").execute_batch(edit).expect("changed");
        let output =
            python.arg(dir.path("s.db")).arg(dir.path("t.db")).output().expect("it starts");
        assert_eq!(output.status.code(), Some(1), "{edit}");
    }
}
