//! Manifests of exports that are organized by patient.

use super::{DATA, manifest, serve};
use crate::support::bulk::kick_off;

/// With their line breaks, a header has 105 bytes, a Patient 98, an Observation 139 and the Group 214. So a file has
/// room for a header and one or two resources.
const THREE_LINES: (&str, &str) = ("_maximumFileSize", "360");
const BY_PATIENT: (&str, &str) = ("organizeOutputBy", "Patient");

#[test]
fn the_manifest_by_patient_in_stu2_and_3() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let started = kick_off(&authority, "/fhir/$export", &[BY_PATIENT, THREE_LINES], "");
    assert_eq!(
        manifest(&server, &started),
        r#"{
  "transactionTime": "2026-01-02T12:00:00.001Z",
  "request": "https://demo.example.org/fhir/$export",
  "requiresAccessToken": false,
  "outputOrganizedBy": "Patient",
  "output": [
    {
      "url": "https://demo.example.org/fhir/jobs/JOB/blocks.001.ndjson",
      "continuesInFile": "https://demo.example.org/fhir/jobs/JOB/blocks.002.ndjson",
      "count": 2
    },
    {
      "url": "https://demo.example.org/fhir/jobs/JOB/blocks.002.ndjson",
      "count": 1
    },
    {
      "url": "https://demo.example.org/fhir/jobs/JOB/blocks.003.ndjson",
      "count": 2
    }
  ],
  "error": [
    {
      "type": "OperationOutcome",
      "url": "https://demo.example.org/fhir/jobs/JOB/error.ndjson",
      "count": 1
    }
  ]
}
"#
    );
}

#[test]
fn the_manifest_by_patient_in_stu4() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let parameters = [BY_PATIENT, ("_type", "Patient"), ("_type", "Observation")];
    let started = kick_off(&authority, "/fhir/Patient/$export-v4", &parameters, "");
    assert_eq!(
        manifest(&server, &started),
        r#"{
  "manifestType": "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest",
  "transactionTime": "2026-01-02T12:00:00.001Z",
  "requiresAccessToken": false,
  "outputFormat": "application/fhir+ndjson",
  "outputOrganizedBy": "Patient",
  "output": [
    {
      "url": "https://demo.example.org/fhir/jobs/JOB/blocks.ndjson",
      "count": 5,
      "fileSize": 823
    }
  ],
  "outcome": []
}
"#
    );
}
