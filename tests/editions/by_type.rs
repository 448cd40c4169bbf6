//! Manifests whose files each hold one type.

use super::{DATA, check_files, manifest, serve, without_tokens};
use crate::support::bulk::{kick_off, location, path};
use crate::support::client::get;

#[test]
fn the_manifest_of_a_system_export_in_stu2_and_3() {
    let (_store, server) = serve(DATA);
    let started = get(&server.address().to_string(), "/fhir/$export", "");
    assert_eq!(
        manifest(&server, &started),
        r#"{
  "transactionTime": "2026-01-02T12:00:00.001Z",
  "request": "https://demo.example.org/fhir/$export",
  "requiresAccessToken": false,
  "output": [
    {
      "type": "Group",
      "url": "https://demo.example.org/fhir/jobs/JOB/Group.ndjson",
      "count": 1
    },
    {
      "type": "Observation",
      "url": "https://demo.example.org/fhir/jobs/JOB/Observation.ndjson",
      "count": 3
    },
    {
      "type": "Organization",
      "url": "https://demo.example.org/fhir/jobs/JOB/Organization.ndjson",
      "count": 1
    },
    {
      "type": "Patient",
      "url": "https://demo.example.org/fhir/jobs/JOB/Patient.ndjson",
      "count": 2
    }
  ],
  "error": []
}
"#
    );
}

#[test]
fn deletions_and_errors_in_stu2_and_3() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let target = "/fhir/Group/g/$export?_since=2025-03-01T00:00:00Z";
    let started = get(&authority, target, "");
    assert_eq!(
        manifest(&server, &started),
        r#"{
  "transactionTime": "2026-01-02T12:00:00.001Z",
  "request": "https://demo.example.org/fhir/Group/g/$export?_since=2025-03-01T00:00:00Z",
  "requiresAccessToken": false,
  "output": [
    {
      "type": "Observation",
      "url": "https://demo.example.org/fhir/jobs/JOB/Observation.ndjson",
      "count": 2
    }
  ],
  "deleted": [
    {
      "type": "Bundle",
      "url": "https://demo.example.org/fhir/jobs/JOB/deleted.ndjson",
      "count": 1
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
    let file = |name: &str| get(&authority, &format!("{}/{name}", path(&location(&started))), "");
    assert_eq!(
        file("deleted.ndjson").text(),
        r#"{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Observation/wrong"}}]}
"#
    );
    assert_eq!(
        file("error.ndjson").text(),
        r#"{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"not-found","diagnostics":"a member of Group/g cannot be exported: Patient/gone is not in the store"}]}
"#
    );
}

#[test]
fn the_manifest_of_an_export_with_since_in_stu4() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let since = [("_since", "2025-03-01T00:00:00Z"), ("allergies", "please")];
    let headers = "Prefer: handling=lenient\r\n";
    let started = kick_off(&authority, "/fhir/Group/g/$export-v4", &since, headers);
    assert_eq!(
        manifest(&server, &started),
        r#"{
  "manifestType": "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest",
  "transactionTime": "2026-01-02T12:00:00.001Z",
  "requiresAccessToken": false,
  "outputFormat": "application/fhir+ndjson",
  "output": [
    {
      "type": "Observation",
      "url": "https://demo.example.org/fhir/jobs/JOB/Observation.ndjson",
      "count": 2,
      "fileSize": 278
    }
  ],
  "deleted": [
    {
      "url": "https://demo.example.org/fhir/jobs/JOB/deleted.ndjson",
      "count": 1,
      "fileSize": 115
    }
  ],
  "outcome": [
    {
      "url": "https://demo.example.org/fhir/jobs/JOB/error.ndjson",
      "count": 2,
      "fileSize": 499,
      "countSeverity": [
        {
          "code": "warning",
          "count": 2
        }
      ]
    }
  ]
}
"#
    );
}

#[test]
fn the_manifest_of_an_export_without_since_in_stu4() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let started = kick_off(&authority, "/fhir/$export-v4", &[("_type", "Organization")], "");
    assert_eq!(
        manifest(&server, &started),
        r#"{
  "manifestType": "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest",
  "transactionTime": "2026-01-02T12:00:00.001Z",
  "requiresAccessToken": false,
  "outputFormat": "application/fhir+ndjson",
  "output": [
    {
      "type": "Organization",
      "url": "https://demo.example.org/fhir/jobs/JOB/Organization.ndjson",
      "count": 1,
      "fileSize": 105
    }
  ],
  "outcome": []
}
"#
    );
}

#[test]
fn the_manifest_of_the_1uphealth_dialect() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let target = "/bulk-data/r4/$export?_type=Patient,Organization&_since=2024-12-31";
    let answer = get(&authority, target, "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    check_files(&authority, &answer.json());
    assert_eq!(
        without_tokens(&answer),
        r#"{
  "transactionTime": "2026-01-02T12:00:00.001Z",
  "request": "https://demo.example.org/bulk-data/r4/$export?_type=Patient,Organization&_since=2024-12-31",
  "requiresAccessToken": false,
  "output": [
    {
      "type": "Organization",
      "url": "https://demo.example.org/bulk-data/r4/$export/Organization/TOKEN.ndjson"
    },
    {
      "type": "Patient",
      "url": "https://demo.example.org/bulk-data/r4/$export/Patient/TOKEN.ndjson"
    }
  ]
}
"#
    );
}

#[test]
fn the_manifest_of_an_asynchronous_export_in_the_1uphealth_dialect() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let target = "/bulk-data/r4/$export?_type=Observation,Patient&_since=2025-03-01";
    let started = get(&authority, target, "Prefer: respond-async\r\n");
    assert_eq!(started.header("preference-applied"), Some("respond-async"));
    let prefix = "https://demo.example.org/bulk-data/r4/$export/job/";
    assert!(location(&started).starts_with(prefix), "{}", location(&started));
    assert_eq!(
        manifest(&server, &started),
        r#"{
  "transactionTime": "2026-01-02T12:00:00.001Z",
  "request": "https://demo.example.org/bulk-data/r4/$export?_type=Observation,Patient&_since=2025-03-01",
  "requiresAccessToken": false,
  "output": [
    {
      "type": "Observation",
      "url": "https://demo.example.org/bulk-data/r4/$export/file/JOB/Observation.ndjson",
      "count": 3
    }
  ],
  "deleted": [
    {
      "type": "Bundle",
      "url": "https://demo.example.org/bulk-data/r4/$export/file/JOB/deleted.ndjson",
      "count": 1
    }
  ],
  "error": []
}
"#
    );
}
