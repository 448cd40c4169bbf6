//! The sample data as a client of US Core sees them, judged by `us_core.py`.

use super::script;
use crate::support::{Dir, project, succeed};

#[test]
fn the_sample_data_carry_what_us_core_must_support() {
    let Some(mut python) = script("us_core.py") else { return };
    let said = succeed(python.arg(project().join("sample-data")));
    assert!(said.contains(" 0 missing, 0 oddities"), "{said}");
}

#[test]
fn the_judgement_of_sample_data_can_fail() {
    let Some(mut python) = script("us_core.py") else { return };
    let dir = Dir::new();
    dir.write(
        "in/Patient.ndjson",
        "{\"resourceType\":\"Patient\",\"id\":\"a\",\"birthDate\":\"2000-01-01\"}\n",
    );
    let output = python.arg(dir.path("in")).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
}
