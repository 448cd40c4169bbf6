//! What stands beside data and is none: answers, requests, logs, manifests. And the folders of Bulk Data clients.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use super::{A, B, C};
use crate::support::{Dir, gzip};

fn lines(text: &str, times: usize) -> String {
    format!("{text}\n").repeat(times)
}

const OUTCOME: &str =
    r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}"#;
const STORED_OUTCOME: &str = r#"{"resourceType":"OperationOutcome","id":"o","issue":[]}"#;
const LOG: &str =
    r#"{"exportId":"e","timestamp":"2024-08-06T14:11:57Z","eventId":"kickoff","eventDetail":{}}"#;
const MANIFEST: &str = r#"{"transactionTime":"2020-01-01T00:00:00Z","request":"x","requiresAccessToken":false,"output":[],"error":[]}"#;

/// A Bundle as a Bulk Data server writes it, which deletes a patient.
fn deletion(id: &str) -> String {
    let request = json!({"method": "DELETE", "url": format!("Patient/{id}")});
    json!({"resourceType": "Bundle", "type": "transaction", "entry": [{"request": request}]})
        .to_string()
}

#[test]
fn what_is_no_data_is_left_out_with_a_line_for_each_file() {
    let parameters = r#"{"resourceType":"Parameters","id":"p","parameter":[{"name":"inputSource","valueUri":"x"}]}"#;
    let import_request =
        r#"{"inputFormat":"application/fhir+ndjson","inputSource":"x","input":[]}"#;
    let package = r#"{"name":"hl7.fhir.us.core","version":"6.1.0","fhirVersions":["4.0.1"]}"#;
    for (file, text, told) in [
        ("log.ndjson", lines(LOG, 27), "27 records in the log of a Bulk Data client"),
        ("parameters.json", lines(parameters, 1), "1 Parameters of an operation"),
        ("import.json", lines(import_request, 1), "1 request for a Bulk Data import"),
        ("manifest.json", lines(MANIFEST, 1), "1 manifest of a Bulk Data export"),
        ("package.json", lines(package, 1), "1 package.json of a FHIR package"),
        ("o.ndjson", lines(OUTCOME, 3), "3 OperationOutcomes of others' answers"),
        ("error/1.ndjson", lines(STORED_OUTCOME, 2), "2 OperationOutcomes of others' answers"),
        ("error.ndjson", lines(STORED_OUTCOME, 1), "1 OperationOutcome of others' answers"),
    ] {
        let dir = Dir::new();
        dir.write(&format!("in/{file}"), &text);
        dir.write("in/a.json", A);
        let ran = dir.run(["import", "s.db", "in", "--strict", "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(ran.stderr, format!("warning: in/{file}: left out, no data: {told}\n"));
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(
            (&report["created"], &report["left_out"], &report["warnings"]),
            (&json!(1), &json!(text.lines().count()), &json!(1))
        );
        assert_eq!(dir.bodies("s.db").len(), 1);
    }
}

#[test]
fn an_operation_outcome_with_an_id_is_data_where_it_is_no_answer() {
    let dir = Dir::new();
    dir.write("in.ndjson", STORED_OUTCOME);
    let put = json!({"resourceType": "Bundle", "type": "batch", "entry": [{
        "resource": {"resourceType": "OperationOutcome", "issue": []},
        "request": {"method": "PUT", "url": "OperationOutcome/q"}}]});
    dir.write("put.json", put.to_string());
    assert_eq!(dir.import(0, &["s.db", "in.ndjson", "put.json"])["created"], 2);
}

#[test]
fn the_outcome_of_a_search_is_no_match() {
    let outcome = |id: &str| json!({"resourceType": "OperationOutcome", "id": id, "issue": []});
    let patient = json!({"resourceType": "Patient", "id": "a"});
    let bundle = |kind: &str, entries: Value| json!({"resourceType": "Bundle", "type": kind, "entry": entries});
    let search = bundle(
        "searchset",
        json!([
            {"resource": patient, "search": {"mode": "match"}},
            {"resource": outcome("x"), "search": {"mode": "outcome"}},
            {"resource": bundle("batch-response", json!([
                {"resource": outcome("y"), "response": {"status": "400"}},
                {"resource": {"resourceType": "Parameters", "parameter": []}},
            ]))},
        ]),
    );
    let dir = Dir::new();
    dir.write("in.json", search.to_string());
    let ran = dir.run(["import", "s.db", "in.json", "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&report["created"], &report["left_out"], &report["rejected"]),
        (&json!(1), &json!(3), &json!(0))
    );
    assert!(ran.stderr.contains("1 outcome of a search\n"), "{}", ran.stderr);
    assert_eq!(dir.bodies("s.db").len(), 1);
}

/// <https://github.com/smart-on-fhir/bulk-data-client>: names by number or by the server, a log, a manifest.
#[test]
fn the_folder_of_bulk_data_client_imports_as_what_it_means() {
    let dir = Dir::new();
    for (file, text) in [
        ("1.Patient.ndjson", lines(A, 1)),
        // The name that a server gave, without an ending; read before the deletions all the same.
        ("zz-7f31", lines(B, 1)),
        ("2.Observation.ndjson", String::new()),
        ("deleted/1.Bundle.ndjson", lines(&deletion("b"), 1)),
        ("error/1.OperationOutcome.ndjson", lines(OUTCOME, 4)),
        ("attachments/report.pdf", "%PDF-1.7".to_owned()),
        ("attachments/questions.json", "{}".to_owned()),
        ("attachments/Binary.ndjson", lines(C, 1)),
        ("manifest.json", MANIFEST.to_owned()),
        ("log.ndjson", lines(LOG, 5)),
    ] {
        dir.write(&format!("in/{file}"), text);
    }
    let ran = dir.run(["import", "s.db", "in", "--strict", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&report["created"], &report["deleted"], &report["left_out"], &report["warnings"]),
        (&json!(3), &json!(1), &json!(12), &json!(4)),
        "{}",
        ran.stderr
    );
    assert_eq!(dir.bodies("s.db"), super::all()[..2]);
    assert!(
        ran.stderr.contains("in/attachments: left out, no data: 2 attachments"),
        "{}",
        ran.stderr
    );
}

/// <https://github.com/smart-on-fhir/smart-fetch>: a folder for each export, links to their files above them.
#[test]
fn the_folder_of_smart_fetch_imports_each_export_after_the_one_before() {
    let dir = Dir::new();
    for (file, bytes) in [
        (".metadata", b"{}".to_vec()),
        ("001.full/.metadata", b"{}".to_vec()),
        ("001.full/Patient.001.ndjson", lines(A, 1).into_bytes()),
        ("001.full/log.ndjson", lines(LOG, 2).into_bytes()),
        ("002.since/Patient.001.ndjson.gz", gzip(lines(B, 1).as_bytes())),
        ("002.since/deleted/Bundle.Patient.ndjson", lines(&deletion("a"), 1).into_bytes()),
        ("002.since/error/OperationOutcome.001.ndjson", lines(OUTCOME, 1).into_bytes()),
    ] {
        dir.write(&format!("in/{file}"), bytes);
    }
    // Read last, this link would bring the deleted patient back.
    symlink("001.full/Patient.001.ndjson", dir.path("in/Patient.001.ndjson")).unwrap();
    symlink("001.full", dir.path("in/zz-first")).unwrap();
    let report = dir.import(0, &["s.db", "in", "--strict"]);
    assert_eq!(
        (&report["created"], &report["deleted"], &report["left_out"]),
        (&json!(2), &json!(1), &json!(3))
    );
    assert_eq!(dir.bodies("s.db"), super::all()[2..]);
}

#[test]
fn links_to_hidden_folders_are_followed() {
    let dir = Dir::new();
    dir.write("in/..2024/a.json", A);
    symlink("..2024", dir.path("in/..data")).unwrap();
    symlink("..data/a.json", dir.path("in/a.json")).unwrap();
    assert_eq!(dir.import(0, &["s.db", "in"])["created"], 1);
}
