//! The views: how SQLite finds their rows. `independent/views.rs` has what they hold.

use crate::support::{Dir, project};

/// The views that have a row for each resource of a type.
const VIEWS: [(&str, &str); 9] = [
    ("patient", "Patient"),
    ("observation", "Observation"),
    ("condition", "Condition"),
    ("medication_request", "MedicationRequest"),
    ("encounter", "Encounter"),
    ("procedure", "Procedure"),
    ("immunization", "Immunization"),
    ("allergy_intolerance", "AllergyIntolerance"),
    ("diagnostic_report", "DiagnosticReport"),
];

fn sample() -> Dir {
    let dir = Dir::new();
    dir.import(0, &["s.db", project().join("sample-data").to_str().unwrap()]);
    dir
}

/// The steps by which SQLite answers a query, without those on single bodies.
fn plan(dir: &Dir, sql: &str) -> Vec<String> {
    let db = dir.open("s.db");
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect(sql);
    let steps = statement.query_map((), |row| row.get::<_, String>("detail")).expect("steps");
    let mut steps: Vec<String> = steps.map(|step| step.expect("a step")).collect();
    steps.retain(|step| !step.contains("json_each") && !step.contains("SUBQUERY"));
    steps
}

#[test]
fn a_view_has_a_row_for_each_resource() {
    let dir = sample();
    for (view, resource_type) in VIEWS {
        let rows = dir.count("s.db", &format!("SELECT count(*) FROM {view}"));
        let of_type = format!("SELECT count(*) FROM resource WHERE type = '{resource_type}'");
        assert_eq!(rows, dir.count("s.db", &of_type), "{view}");
        let about_nobody = format!("SELECT count(*) FROM {view} WHERE patient IS NULL");
        assert_eq!(dir.count("s.db", &about_nobody), 0, "{view}");
    }
    let summaries = dir.count("s.db", "SELECT count(*) FROM resource_summary");
    assert_eq!(summaries, dir.count("s.db", "SELECT count(*) FROM resource"));
}

#[test]
fn joins_by_patient_use_indexes() {
    let dir = sample();
    for (view, _) in &VIEWS[1..] {
        for sql in [
            format!("SELECT * FROM {view} JOIN patient USING (patient)"),
            format!("SELECT * FROM {view} AS it JOIN patient AS p ON p.id = it.patient"),
            format!("SELECT * FROM patient AS p LEFT JOIN {view} AS it ON it.patient = p.id"),
        ] {
            let steps = plan(&dir, &sql);
            let scans = ["SCAN current_version", "SCAN resource_type", "SCAN compartment"];
            let is_scan = |step: &String| scans.iter().any(|scan| step.contains(scan));
            assert!(!steps.iter().any(is_scan), "{sql}: {steps:#?}");
        }
    }
}

/// The rows of one patient are found through the compartment, however many others there are.
#[test]
fn the_rows_of_a_patient_are_found_by_key() {
    let dir = sample();
    let components = ("observation_component", "Observation");
    for (view, _) in VIEWS[1..].iter().chain([&components]) {
        for sql in [
            format!("SELECT * FROM {view} WHERE patient = 'a'"),
            format!("SELECT * FROM {view} WHERE patient IN ('a', 'b')"),
        ] {
            let steps = plan(&dir, &sql);
            assert!(steps[0].contains("compartment_by_patient (patient=?)"), "{sql}: {steps:#?}");
            let is_scan = |step: &String| step.contains("SCAN") && !step.contains("VIRTUAL");
            assert!(!steps.iter().any(is_scan), "{sql}: {steps:#?}");
        }
    }
    let steps = plan(&dir, "SELECT * FROM observation WHERE id = 'a'");
    assert!(steps[0].contains("current_identity (id=?"), "{steps:#?}");
}
