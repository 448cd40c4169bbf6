//! A store is served by the version of FHIR that it holds.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::bulk::ended;
use crate::support::{Dir, Served};

/// DSTU2, as its types and elements tell.
const DSTU2: &str = r#"{"resourceType":"Patient","id":"a","careProvider":[{"reference":"Practitioner/p"}]}
{"resourceType":"Practitioner","id":"p","name":{"family":["P"]}}
{"resourceType":"Condition","id":"c","patient":{"reference":"Patient/a"},"code":{"text":"x"},"verificationStatus":"confirmed","notes":"n"}
{"resourceType":"MedicationOrder","id":"m","patient":{"reference":"Patient/a"},"medicationCodeableConcept":{"text":"x"},"note":"n"}
{"resourceType":"Binary","id":"b","contentType":"text/plain","content":"aGVsbG8="}
{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}}]}
"#;
/// STU3, as its elements tell.
const STU3: &str = r#"{"resourceType":"Patient","id":"a"}
{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/a"},"assertedDate":"2017","note":[{"text":"n"}]}
{"resourceType":"ProcedureRequest","id":"p","subject":{"reference":"Patient/a"},"status":"active","intent":"order","code":{"text":"x"},"note":[{"text":"n"}]}
"#;

fn filled(lines: &str, args: &[&str]) -> Dir {
    let dir = Dir::new();
    dir.write("in.ndjson", lines);
    dir.import(0, &[&["s.db", "in.ndjson"], args].concat());
    dir
}

fn version(dir: &Dir) -> Value {
    let ran = dir.run(["info", "s.db", "--json"]);
    serde_json::from_str::<Value>(&ran.stdout).expect("JSON")["fhirVersion"].clone()
}

/// The `Type/id` of the files that a manifest lists.
fn ids(served: &Served, manifest: &Value) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for file in manifest["output"].as_array().expect("a list") {
        for line in served.get(file["url"].as_str().expect("a url")).text().lines() {
            let resource: Value = serde_json::from_str(line).expect("JSON");
            let text = |name: &str| resource[name].as_str().expect("a string").to_owned();
            ids.insert(format!("{}/{}", text("resourceType"), text("id")));
        }
    }
    ids
}

/// What is served of `count` resources at the path of one version, and that the others say which it is.
fn is_served_as(dir: &Dir, segment: &str, number: &str, count: usize) -> Served {
    let served = dir.serve(&["s.db"]);
    let base = format!("/bulk-data/{segment}/$export");
    let manifest = served.get(&base).json();
    for file in manifest["output"].as_array().expect("a list") {
        assert!(file["url"].as_str().expect("a url").contains(&format!("{base}/")), "{file}");
    }
    assert_eq!(ids(&served, &manifest).len(), count);
    let later = served.get_with(&base, "Prefer: respond-async\r\n");
    assert!(later.header("content-location").expect("a location").contains(&base));
    assert_eq!(ids(&served, &ended(served.authority(), &later).json()).len(), count);
    for other in ["dstu2", "stu3", "r4", "r4b", "r5"].iter().filter(|other| **other != segment) {
        for path in [
            "$export",
            "$export?_type=Patient",
            "Group/g/$export",
            "$export/Patient/x.ndjson",
            "$export/job/x",
        ] {
            let answer = served.get(&format!("/bulk-data/{other}/{path}"));
            answer.assert_outcome(404, &format!("served as {segment}, not {other}"));
        }
    }
    let nothing = served.get(&format!("/bulk-data/{segment}/x"));
    nothing.assert_outcome(404, &base);
    assert_eq!(served.get("/fhir/metadata").json()["fhirVersion"], number);
    served
}

#[test]
fn dstu2_is_told_from_its_content() {
    let dir = Dir::new();
    dir.write("in.ndjson", DSTU2);
    let ran = dir.run(["import", "s.db", "in.ndjson"]);
    assert_eq!(ran.code, 0);
    let said = "warning: s.db: the content is of FHIR DSTU2, so the store is of DSTU2 from now on";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert_eq!(version(&dir), "DSTU2");
    assert!(dir.run(["info", "s.db"]).stdout.contains("FHIR version: DSTU2"));
    let served = is_served_as(&dir, "dstu2", "1.0.2", 6);
    let group = served.get("/bulk-data/dstu2/Group/g/$export").json();
    assert_eq!(ids(&served, &group).len(), 5);
    // What is `data` in R4 is `content` here.
    assert_eq!(served.get_with("/fhir/Binary/b", "Accept: text/plain\r\n").text(), "hello");
    // Types and searches go by the version.
    let statement = served.get("/fhir/metadata").json();
    let resources = statement["rest"][0]["resource"].as_array().expect("a list");
    assert!(resources.iter().any(|resource| resource["type"] == "MedicationOrder"));
    assert_eq!(served.get("/fhir/DiagnosticOrder").json()["total"], 0);
    served.get("/fhir/ServiceRequest").assert_outcome(404, "/bulk-data/dstu2/$export");
    let kick_off = |query: &str| {
        served.get_with(&format!("/fhir/Patient/$export?{query}"), "Prefer: respond-async\r\n")
    };
    kick_off("_type=ServiceRequest").assert_outcome(400, "ServiceRequest");
    let manifest =
        ended(served.authority(), &kick_off("_type=MedicationOrder,DiagnosticOrder")).json();
    assert_eq!(ids(&served, &manifest), BTreeSet::from(["MedicationOrder/m".to_owned()]));
    // So do mandatory elements: R4's Condition has a subject.
    let manifest = ended(served.authority(), &kick_off("_type=Condition&_elements=id")).json();
    let url = manifest["output"][0]["url"].as_str().expect("a url");
    let condition = served.get(url).json();
    let names: Vec<&String> = condition.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["code", "id", "meta", "patient", "resourceType", "verificationStatus"]);
    dir.check("s.db");
}

#[test]
fn stu3_is_told_from_its_content() {
    let dir = filled(STU3, &[]);
    assert_eq!(version(&dir), "STU3");
    let served = is_served_as(&dir, "stu3", "3.0.2", 3);
    assert_eq!(served.get("/fhir/ReferralRequest").json()["total"], 0);
    dir.check("s.db");
}

#[test]
fn the_version_can_be_given() {
    const PATIENT: &str = "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n";
    for (given, name, segment, number) in [
        ("DSTU2", "DSTU2", "dstu2", "1.0.2"),
        ("3.0", "STU3", "stu3", "3.0.2"),
        ("r4", "R4", "r4", "4.0.1"),
        ("4.3.0", "R4B", "r4b", "4.3.0"),
        ("R5", "R5", "r5", "5.0.0"),
    ] {
        let dir = filled(PATIENT, &["--fhir-version", given]);
        assert_eq!(version(&dir), name);
        is_served_as(&dir, segment, number, 1);
        dir.check("s.db");
        // What somebody gave is not given up for another one, nor for what the content says.
        dir.import(0, &["s.db", "in.ndjson", "--fhir-version", given]);
        let other = if name == "R5" { "R4" } else { "R5" };
        let ran = dir.run(["import", "s.db", "in.ndjson", "--fhir-version", other]);
        assert!(
            ran.code == 2 && ran.stderr.contains("import into another store"),
            "{}",
            ran.stderr
        );
        dir.write("dstu2.ndjson", DSTU2);
        let ran = dir.run(["import", "s.db", "dstu2.ndjson"]);
        assert_eq!((ran.code, version(&dir)), (0, name.into()), "{}", ran.stderr);
        assert_eq!(ran.stderr.contains("not of FHIR"), name != "DSTU2", "{name}: {}", ran.stderr);
    }
    let ran = Dir::new().run(["import", "s.db", "in.ndjson", "--fhir-version", "R6"]);
    assert!(ran.code == 2 && ran.stderr.contains("DSTU2, STU3, R4, R4B or R5"), "{}", ran.stderr);
}

#[test]
fn what_the_sample_data_and_hl7s_examples_are_is_told() {
    let dir = Dir::new();
    let sample = crate::support::project().join("sample-data");
    let ran = dir.run(["import".as_ref(), "s.db".as_ref(), sample.as_os_str()]);
    assert!(ran.code == 0 && !ran.stderr.contains("warning"), "{}", ran.stderr);
    assert_eq!(version(&dir), "R4");
}
