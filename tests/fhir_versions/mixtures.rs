//! Content that does not tell its version, tells it late, or is of several: nothing is lost.

use serde_json::Value;

use super::{exported, words};
use crate::support::Dir;

/// Of every version.
const ANY: &str = r#"{"resourceType":"Patient","id":"a"}
{"resourceType":"Patient","id":"b"}
{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"}}
{"resourceType":"MedicationStatement","id":"m","informationSource":{"reference":"Patient/b"}}
"#;
const ONLY_DSTU2: &str =
    r#"{"resourceType":"MedicationOrder","id":"m","patient":{"reference":"Patient/b"}}"#;
const ONLY_R5: &str =
    r#"{"resourceType":"GenomicStudy","id":"g","subject":{"reference":"Patient/b"}}"#;

fn info(dir: &Dir) -> Value {
    serde_json::from_str(&dir.run(["info", "s.db", "--json"]).stdout).expect("JSON")
}

/// Imports a text; what is said.
fn imported(dir: &Dir, text: &str, args: &[&str]) -> String {
    dir.write("in.ndjson", text);
    let ran = dir.run(["import", "s.db", "in.ndjson"].iter().chain(args));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    dir.check("s.db");
    ran.stderr
}

#[test]
fn what_does_not_tell_counts_as_r4_until_something_tells() {
    let dir = Dir::new();
    assert_eq!(imported(&dir, ANY, &[]), "");
    assert_eq!(info(&dir)["fhirVersion"], Value::Null);
    assert!(dir.run(["info", "s.db"]).stdout.contains("FHIR version: not known yet, counts as R4"));
    let served = dir.serve(&["s.db"]);
    assert_eq!(served.get("/bulk-data/r4/$export").status, 200);
    assert_eq!(served.get("/fhir/metadata").json()["fhirVersion"], "4.0.1");
    // In R4 who gives information about medication is not its patient, in DSTU2 it is.
    assert_eq!(exported(&dir, "s.db", "r4", &["--patient", "b"]), words("Patient/b"));
    assert!(imported(&dir, ONLY_DSTU2, &[]).contains("the content is of FHIR DSTU2"));
    assert_eq!(info(&dir)["fhirVersion"], "DSTU2");
    let of_b = words("Patient/b MedicationStatement/m MedicationOrder/m");
    assert_eq!(exported(&dir, "s.db", "dstu2", &["--patient", "b"]), of_b);
    // The running server serves it so from then on.
    served.get("/bulk-data/r4/$export").assert_outcome(404, "served as dstu2, not r4");
    assert_eq!(served.get("/bulk-data/dstu2/$export").status, 200);
}

#[test]
fn a_wrong_guess_loses_nothing_and_can_be_corrected() {
    let dir = Dir::new();
    imported(&dir, &format!("{ANY}{ONLY_R5}\n"), &[]);
    assert_eq!(info(&dir)["fhirVersion"], "R5");
    let of_b = words("Patient/b GenomicStudy/g");
    assert_eq!(exported(&dir, "s.db", "r5", &["--patient", "b"]), of_b);
    // Somebody knows better than the content.
    let said = imported(&dir, ANY, &["--fhir-version", "DSTU2"]);
    assert_eq!((info(&dir)["fhirVersion"].clone(), said), ("DSTU2".into(), String::new()));
    let of_b = words("Patient/b GenomicStudy/g MedicationStatement/m");
    assert_eq!(exported(&dir, "s.db", "dstu2", &["--patient", "b"]), of_b);
}

#[test]
fn a_mixture_is_said_and_exported_whole() {
    let dir = Dir::new();
    let said = imported(&dir, &format!("{ANY}{ONLY_DSTU2}\n{ONLY_R5}\n"), &[]);
    let mixed = "warning: s.db: 2 resources are not of FHIR R4, which the store counts as, first \
                 in.ndjson:5 MedicationOrder/m; all are kept";
    assert!(said.contains(mixed), "{said}");
    assert_eq!(info(&dir)["fhirVersion"], Value::Null);
    let of_b = words("Patient/b MedicationOrder/m GenomicStudy/g");
    assert_eq!(exported(&dir, "s.db", "out", &["--patient", "b"]), of_b);
}

/// What another version leaves without a patient is not left out in silence.
#[test]
fn types_that_nothing_links_to_a_patient_are_named() {
    let dir = Dir::new();
    let others = r#"{"resourceType":"OrderResponse","id":"r","request":{"reference":"Order/o"}}
{"resourceType":"Conformance","id":"c"}
{"resourceType":"Location","id":"l"}
"#;
    imported(&dir, &format!("{ANY}{others}"), &["--fhir-version", "R4"]);
    let notices = |out: &str, args: &[&str]| -> Option<String> {
        exported(&dir, "s.db", out, args);
        let path = dir.path(&format!("{out}/error.ndjson"));
        path.exists().then(|| dir.text(&format!("{out}/error.ndjson")))
    };
    let said = notices("patients", &["--all-patients"]).expect("a notice");
    assert!(said.contains("about: Conformance, OrderResponse\""), "{said}");
    assert_eq!(notices("everything", &[]), None);
    assert_eq!(notices("observations", &["--all-patients", "--type", "Observation"]), None);
}

/// With `--strict` a rejected item undoes the version too.
#[test]
fn an_import_that_is_undone_leaves_no_version() {
    let dir = Dir::new();
    // A first import that takes nothing leaves no store behind.
    dir.write("in.ndjson", ANY);
    dir.import(0, &["s.db", "in.ndjson"]);
    dir.write("in.ndjson", format!("{ONLY_DSTU2}\nnothing\n"));
    dir.import(1, &["s.db", "in.ndjson", "--strict"]);
    dir.import(1, &["s.db", "in.ndjson", "--strict", "--fhir-version", "STU3"]);
    assert_eq!(info(&dir)["fhirVersion"], Value::Null);
}

/// A store of an older format is of R4, as it was served.
#[test]
fn an_older_store_stays_r4() {
    for format in [1, 2, 3] {
        let dir = Dir::new();
        dir.fixture(format, "s.db");
        assert_eq!(info(&dir)["fhirVersion"], "R4", "format {format}");
        let said = imported(&dir, ONLY_DSTU2, &[]);
        assert!(said.contains("1 resource is not of FHIR R4, which the store is"), "{said}");
        assert_eq!(info(&dir)["fhirVersion"], "R4");
    }
}

#[test]
fn check_knows_the_names_of_versions() {
    let dir = Dir::new();
    imported(&dir, ONLY_DSTU2, &[]);
    for wrong in ["'R6'", "7"] {
        let sql = format!("UPDATE setting SET value = {wrong} WHERE name = 'fhir_version'");
        dir.open("s.db").execute_batch(&sql).unwrap();
        let ran = dir.run(["check", "s.db"]);
        assert!(
            ran.stderr.contains("the setting fhir_version has a wrong value"),
            "{}",
            ran.stderr
        );
    }
}
