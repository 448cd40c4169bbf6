//! Exports that read bodies do it on all cores, and look things up together: neither changes a byte.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use super::export_like_server::common;
use crate::support::{Dir, FHIRLITE, left_out};

/// So many resources that each thread works on several ranges, and that a range has several parts.
const MANY: usize = 9000;
const PATIENTS: usize = 8;

/// A store of patients with so many Observations. Neighbours are about different patients.
fn crowded(observations: usize) -> Dir {
    let dir = Dir::new();
    let mut lines: Vec<Value> = Vec::new();
    for patient in 0..PATIENTS {
        lines.push(json!({"resourceType": "Patient", "id": format!("p{patient}"),
                          "managingOrganization": {"reference": "Organization/o1"}}));
    }
    for number in 0..observations {
        let patient = format!("Patient/p{}", number * 7 % PATIENTS);
        lines.push(json!({"resourceType": "Observation", "id": format!("o{number}"),
                          "status": if number % 3 == 0 { "final" } else { "amended" },
                          "code": {"text": "x".repeat(number % 40)}, "subject": {"reference": patient},
                          "performer": [{"reference": format!("Practitioner/d{}", number % 5)}],
                          "hasMember": [{"reference": format!("Observation/o{}", number / 2)},
                                        {"reference": "Observation/stray"}]}));
        if number % 6 == 0 {
            let target = |other: usize| json!({"reference": format!("Observation/o{other}")});
            lines.push(json!({"resourceType": "Provenance", "id": format!("v{number}"),
                              "recorded": format!("2024-01-{:02}T00:00:00Z", number % 27 + 1),
                              "target": [target(number), target(number / 5 * 2)],
                              "agent": [{"who": {"reference": "Practitioner/d6"}}]}));
            lines.push(json!({"resourceType": "DocumentReference", "id": format!("r{number}"),
                              "status": "current", "subject": {"reference": patient},
                              "content": [{"attachment": {"url": "Binary/b1", "title": "t"}}]}));
        }
    }
    for practitioner in 0..7 {
        lines.push(json!({"resourceType": "Practitioner", "id": format!("d{practitioner}"),
                          "active": practitioner % 2 == 0}));
    }
    lines.push(json!({"resourceType": "Organization", "id": "o1",
                      "partOf": {"reference": "Organization/o2"}}));
    lines.push(json!({"resourceType": "Organization", "id": "o2"}));
    lines.push(json!({"resourceType": "Observation", "id": "stray", "status": "final",
                      "code": {"text": "about nobody"}}));
    lines.push(json!({"resourceType": "Binary", "id": "b1", "contentType": "text/plain"}));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    dir.write("in.ndjson", text);
    dir.import(0, &["demo.db", "in.ndjson"]);
    dir
}

/// Runs an export into a new folder; the manifest and the other files.
fn export(
    dir: &Dir,
    mut command: Command,
    args: &[&str],
    to: &str,
) -> (Value, BTreeMap<String, Vec<u8>>) {
    let output = command.current_dir(dir.path("")).arg("export").args(args);
    let output = output.args(["demo.db", to]).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir.path(to)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        files.insert(name.clone(), dir.read(&format!("{to}/{name}")));
    }
    let manifest = files.remove("manifest.json").expect("a manifest");
    std::fs::remove_dir_all(dir.path(to)).unwrap();
    (common(&serde_json::from_slice(&manifest).unwrap()), files)
}

#[test]
fn an_export_has_the_same_files_on_one_core_and_on_all() {
    let dir = crowded(MANY);
    if Command::new("taskset").arg("--version").output().is_err() {
        return left_out("taskset is not there");
    }
    let attachments = ["--attachments-base", "http://localhost/fhir"];
    let several = ["--maximum-file-size", "100000"];
    let by_patient = ["--all-patients", "--organize-by", "Patient"];
    for args in [
        ["--elements", "id"].as_slice(),
        &[&["--elements", "DocumentReference.content,id"], &attachments[..], &several].concat(),
        &["--all-patients", "--elements", "Observation.status", "--resources-per-file", "1000"],
        &["--elements", "id", "--type-filter", "Observation?status=final"],
        &[&by_patient[..], &["--elements", "id"], &attachments].concat(),
        &[&by_patient[..], &["--provenance", "latest"], &several].concat(),
        &[&by_patient[..], &["--type-filter", "Practitioner?active=true"]].concat(),
    ] {
        let mut one = Command::new("taskset");
        one.args(["-c", "0", FHIRLITE]);
        let (one, all) =
            (export(&dir, one, args, "one"), export(&dir, Command::new(FHIRLITE), args, "all"));
        assert_eq!(one.0, all.0, "{args:?}");
        assert!(one.1 == all.1, "{args:?}: the files differ");
        assert!(one.1.values().map(Vec::len).sum::<usize>() > 100_000, "{args:?}");
    }
}

#[test]
fn the_blocks_of_all_patients_are_those_that_each_of_them_has_alone() {
    let dir = crowded(600);
    for more in [
        [].as_slice(),
        &["--elements", "Observation.status"],
        &["--provenance", "latest"],
        &["--provenance", "relevant", "--type", "Observation"],
        &["--type", "Observation,Practitioner"],
        &["--type-filter", "Practitioner?active=true", "--type-filter", "Observation?status=final"],
        &["--since", "2000-01-01"],
    ] {
        let blocks = |who: &[&str]| {
            let args = [who, &["--organize-by", "Patient"], more].concat();
            let (_, files) = export(&dir, Command::new(FHIRLITE), &args, "out");
            String::from_utf8(files["blocks.ndjson"].clone()).unwrap()
        };
        let each = (0..PATIENTS).map(|patient| blocks(&["--patient", &format!("p{patient}")]));
        let alone: String = each.collect();
        let all = blocks(&["--all-patients"]);
        assert!(alone == all, "{more:?}: the blocks differ");
        assert_eq!(all.matches("\"header\"").count(), PATIENTS, "{more:?}");
    }
}
