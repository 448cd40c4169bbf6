//! Manifests of several pages.

use super::{check_files, manifest, serve, text};
use crate::support::bulk::{kick_off, location, path};
use crate::support::client::get;

#[test]
fn the_pages_of_a_manifest_in_both_editions() {
    let line = |n| {
        format!(
            "{{\"resourceType\":\"Basic\",\"id\":\"{n:02}\",\"meta\":{{\"versionId\":\"1\",\"lastUpdated\":\"2025-06-01T00:00:00Z\"}}}}\n"
        )
    };
    let data: String = (1..=11).map(line).collect();
    let (_store, server) = serve(&data);
    let authority = server.address().to_string();
    let pages = [("allowPartialManifests", "true"), ("_maximumFileSize", "1")];
    let since = ("_since", "2020-01-01T00:00:00Z");
    for (edition, head, size, problems) in [
        (
            "$export",
            r#"{
  "transactionTime": "2026-01-02T12:00:00.000Z",
  "request": "https://demo.example.org/fhir/$export",
  "requiresAccessToken": false,
  "output": [
"#,
            "",
            "error",
        ),
        (
            "$export-v4",
            r#"{
  "manifestType": "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest",
  "transactionTime": "2026-01-02T12:00:00.000Z",
  "requiresAccessToken": false,
  "outputFormat": "application/fhir+ndjson",
  "output": [
"#,
            ",\n      \"fileSize\": 97",
            "outcome",
        ),
    ] {
        let parameters = [pages[0], pages[1], since];
        let started = kick_off(&authority, &format!("/fhir/{edition}"), &parameters, "");
        let file = |n| {
            format!(
                r#"    {{
      "type": "Basic",
      "url": "https://demo.example.org/fhir/jobs/JOB/Basic.{n:03}.ndjson",
      "count": 1{size}
    }}"#
            )
        };
        let ten = (1..=10).map(file).collect::<Vec<_>>().join(",\n");
        assert_eq!(
            manifest(&server, &started),
            format!(
                r#"{head}{ten}
  ],
  "deleted": [],
  "{problems}": [],
  "link": [
    {{
      "relation": "next",
      "url": "https://demo.example.org/fhir/jobs/JOB/manifest/2"
    }}
  ]
}}
"#
            )
        );
        let status = path(&location(&started)).to_owned();
        let second = get(&authority, &format!("{status}/manifest/2"), "");
        assert_eq!(second.status, 200, "{}", second.text());
        assert_eq!(second.header("expires"), Some("Sat, 03 Jan 2026 12:00:00 GMT"));
        check_files(&authority, &second.json());
        let eleventh = file(11);
        assert_eq!(
            text(&started, &second),
            format!(
                r#"{head}{eleventh}
  ],
  "deleted": [],
  "{problems}": []
}}
"#
            )
        );
        for page in ["0", "1", "3", "x", "-1", "99999999999999999999"] {
            get(&authority, &format!("{status}/manifest/{page}"), "")
                .assert_outcome(404, "no such page");
        }
    }
}
