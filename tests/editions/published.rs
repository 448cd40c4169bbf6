//! The published manifest.

use super::{DATA, check_files, serve, without_tokens};
use crate::support::client::get;

#[test]
fn the_published_manifest() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let answer = get(&authority, "/fhir/$bulk-publish", "");
    check_files(&authority, &answer.json());
    assert_eq!(
        without_tokens(&answer),
        r#"{
  "manifestType": "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkPublishManifest",
  "updateCadence": "P1D",
  "transactionTime": "2026-01-02T12:00:00.001Z",
  "requiresAccessToken": false,
  "outputFormat": "application/fhir+ndjson",
  "output": [
    {
      "type": "Group",
      "url": "https://demo.example.org/fhir/$bulk-publish/Group/TOKEN.ndjson",
      "count": 1,
      "fileSize": 214
    },
    {
      "type": "Observation",
      "url": "https://demo.example.org/fhir/$bulk-publish/Observation/TOKEN.ndjson",
      "count": 3,
      "fileSize": 417
    },
    {
      "type": "Organization",
      "url": "https://demo.example.org/fhir/$bulk-publish/Organization/TOKEN.ndjson",
      "count": 1,
      "fileSize": 105
    },
    {
      "type": "Patient",
      "url": "https://demo.example.org/fhir/$bulk-publish/Patient/TOKEN.ndjson",
      "count": 2,
      "fileSize": 196
    }
  ]
}
"#
    );
}
