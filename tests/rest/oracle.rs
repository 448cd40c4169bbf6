//! Searches by every parameter of R4, judged by `oracle/judge.py`: fhirpathpy finds the values, and rules that are
//! written from the specification say which values meet a search.
//!
//! <https://hl7.org/fhir/R4/search.html>. The resources are made by the script, so that each parameter finds something;
//! the examples of HL7 and the sample data come to them.

use std::process::Command;

use crate::support::{Dir, gunzip, project, python_of_fhirpathpy, succeed};

/// A command that runs the judge. `None` if a Python with fhirpathpy is missing.
fn judge(dir: &Dir) -> Option<Command> {
    let mut python = python_of_fhirpathpy()?;
    python.arg(project().join("tests/rest/oracle/judge.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    python.current_dir(dir.path(""));
    Some(python)
}

/// Makes resources for every parameter: `made.ndjson`.
fn generated(dir: &Dir, seed: u32) -> Option<()> {
    succeed(judge(dir)?.args(["generate", "made.ndjson", "--seed", &seed.to_string()]));
    Some(())
}

/// Has the judge ask the server of `s.db`, whose resources are those of the files.
fn ask(dir: &Dir, seed: u32, cases: u32, files: &[&str]) -> Option<(Option<i32>, String)> {
    let served = dir.serve(&["s.db"]);
    let mut judge = judge(dir)?;
    judge.args(["ask", "--server", &served.url, "--seed", &seed.to_string()]);
    let output = judge.args(["--cases", &cases.to_string()]).args(files).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Some((output.status.code(), said + &String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn searches_by_every_parameter_find_what_the_specification_says() {
    let (dir, seed) = (Dir::new(), 1);
    if generated(&dir, seed).is_none() {
        return;
    }
    dir.import(0, &["s.db", "made.ndjson"]);
    let Some((code, said)) = ask(&dir, seed, 400, &["made.ndjson"]) else { return };
    assert_eq!(code, Some(0), "{said}");
    // Four are refused with their reasons, and a Bundle is taken apart when it is imported: its five find nothing.
    let counts = "1700 of 1709 search parameters work (99.5 %), 4 are refused, 5 are of Bundles";
    assert!(said.contains(counts), "{said}");
}

#[test]
fn random_searches_of_examples_and_sample_data_find_what_the_specification_says() {
    let (dir, seed) = (Dir::new(), 2);
    let examples = project().join("tests/independent/hl7-examples.ndjson.gz");
    let text = gunzip(&std::fs::read(examples).expect("examples"));
    dir.write("examples.ndjson", text);
    let observations = project().join("sample-data/ndjson/Observation.ndjson.gz");
    dir.write("observations.ndjson", gunzip(&std::fs::read(observations).expect("observations")));
    let sample = |name: &str| {
        let path = project().join(format!("sample-data/ndjson/{name}.ndjson"));
        path.to_str().expect("UTF-8").to_owned()
    };
    let samples =
        ["Patient", "Encounter", "Condition", "MedicationRequest", "Provenance", "Specimen"];
    let samples = samples.map(sample);
    let mut files = vec!["examples.ndjson", "observations.ndjson"];
    files.extend(samples.iter().map(String::as_str));
    dir.import(0, &[&["s.db"], &files[..]].concat());
    let Some((code, said)) = ask(&dir, seed, 400, &[&["--random-only"], &files[..]].concat())
    else {
        return;
    };
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(" 0 differences"), "{said}");
}

#[test]
fn the_judgement_of_searches_can_fail() {
    let (dir, seed) = (Dir::new(), 3);
    if generated(&dir, seed).is_none() {
        return;
    }
    dir.import(0, &["s.db", "made.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Observation/g1"]).code, 0);
    let Some((code, said)) = ask(&dir, seed, 0, &["--only", "Observation", "made.ndjson"]) else {
        return;
    };
    assert_eq!(code, Some(1), "{said}");
    assert!(said.lines().any(|line| line.starts_with("Observation?")), "{said}");
}
