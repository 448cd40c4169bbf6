//! What each edition and dialect answers with, letter by letter: manifests, kick-offs, errors.
//!
//! The clock stands still; only a job's id is random, and `JOB` stands for it. Sizes and counts that
//! a manifest tells are held against the files.

use fhirlite::{Clock, Import, Instant, Options, Server, Store};
use serde_json::Value;

use crate::support::bulk::{ended, kick_off, location, path};
use crate::support::client::{Answer, get, send};

const DATA: &str = r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2025-01-01T00:00:00Z"}}
{"resourceType":"Patient","id":"b","meta":{"versionId":"1","lastUpdated":"2025-01-01T00:00:00Z"}}
{"resourceType":"Observation","id":"o1","meta":{"versionId":"1","lastUpdated":"2025-06-01T00:00:00Z"},"subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"o2","meta":{"versionId":"1","lastUpdated":"2025-06-01T00:00:00Z"},"subject":{"reference":"Patient/b"}}
{"resourceType":"Observation","id":"o3","meta":{"versionId":"1","lastUpdated":"2025-06-01T00:00:00Z"},"subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"wrong","meta":{"versionId":"1","lastUpdated":"2025-06-01T00:00:00Z"},"subject":{"reference":"Patient/a"}}
{"resourceType":"Organization","id":"org","meta":{"versionId":"1","lastUpdated":"2025-06-01T00:00:00Z"}}
{"resourceType":"Group","id":"g","meta":{"versionId":"1","lastUpdated":"2025-01-01T00:00:00Z"},"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/gone"}}]}
"#;

/// A store of `data` at noon, without `Observation/wrong` a millisecond later, and its server behind
/// a proxy.
fn serve(data: &str) -> (Store, Server) {
    let (noon, _) = Instant::parse("2026-01-02T12:00:00.000Z").unwrap();
    let store = Store::in_memory().unwrap().with_clock(Clock::from_fn(move || noon));
    let report = Import::new().text(&store, "in.ndjson", data).unwrap();
    assert_eq!((report.created, report.rejected), (data.lines().count() as u64, 0));
    store.delete(&[("Observation".into(), "wrong".into())]).unwrap();
    let options = Options::new().base_url("https://demo.example.org");
    let server = Server::start(&store, &options).unwrap();
    (store, server)
}

/// The text of an answer about the job that `started` accepted.
fn text(started: &Answer, answer: &Answer) -> String {
    answer.text().replace(location(started).rsplit('/').next().unwrap(), "JOB")
}

/// The text of a whole export's manifest. What it says of its files must be true.
fn manifest(server: &Server, started: &Answer) -> String {
    let authority = server.address().to_string();
    let answer = ended(&authority, started);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("expires"), Some("Sat, 03 Jan 2026 12:00:00 GMT"));
    hold_to_its_word(&authority, &answer.json());
    text(started, &answer)
}

/// Every file is as long as the manifest has it, in lines and in bytes.
fn hold_to_its_word(authority: &str, manifest: &Value) {
    for key in ["output", "deleted", "error", "outcome"] {
        for file in manifest[key].as_array().into_iter().flatten() {
            let found = get(authority, path(file["url"].as_str().unwrap()), "");
            assert_eq!(found.status, 200, "{file}");
            assert_eq!(found.header("content-type"), Some("application/fhir+ndjson"));
            if let Some(count) = file["count"].as_u64() {
                assert_eq!(found.text().lines().count() as u64, count, "{file}");
            }
            if let Some(size) = file["fileSize"].as_u64() {
                assert_eq!(found.body.len() as u64, size, "{file}");
            }
        }
    }
}

#[test]
fn a_kick_off_is_answered_with_an_outcome_that_says_where_to_ask() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let headers = "Prefer: respond-async, handling=lenient, separate-export-status\r\n";
    for (edition, path) in [("$export", "/fhir/$export"), ("$export-v4", "/fhir/$export-v4")] {
        let started = kick_off(&authority, path, &[], headers);
        assert!(started.head.starts_with("HTTP/1.1 202 Accepted\r\n"), "{}", started.head);
        assert_eq!(started.header("content-type"), Some("application/fhir+json"));
        assert_eq!(
            started.header("preference-applied"),
            Some("respond-async, separate-export-status, handling=lenient")
        );
        assert_eq!(
            text(&started, &started),
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational","diagnostics":"accepted; its status is at https://demo.example.org/fhir/jobs/JOB"}]}
"#,
            "{edition}"
        );
        let location = location(&started);
        let id = location.strip_prefix("https://demo.example.org/fhir/jobs/").expect("its place");
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    }
}

#[test]
fn stu_2_and_3_answer_a_system_export_like_this() {
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
fn stu_2_and_3_tell_deletions_and_errors_like_this() {
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
fn stu_4_answers_like_this() {
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
      "fileSize": 486,
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
fn stu_4_answers_an_export_without_since_like_this() {
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
fn the_1uphealth_dialect_answers_at_once_like_this() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let target = "/bulk-data/r4/$export?_type=Patient,Organization&_since=2024-12-31";
    let answer = get(&authority, target, "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    hold_to_its_word(&authority, &answer.json());
    let mut text = answer.text();
    for file in answer.json()["output"].as_array().unwrap() {
        let url = file["url"].as_str().unwrap();
        let token = url.rsplit('/').next().unwrap().strip_suffix(".ndjson").unwrap();
        text = text.replace(token, "TOKEN");
    }
    assert_eq!(
        text,
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
fn the_1uphealth_dialect_answers_later_like_this() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let target = "/bulk-data/r4/$export?_type=Observation,Patient&_since=2025-03-01";
    let started = get(&authority, target, "Prefer: respond-async\r\n");
    assert_eq!(started.header("preference-applied"), Some("respond-async"));
    let place = "https://demo.example.org/bulk-data/r4/$export/job/";
    assert!(location(&started).starts_with(place), "{}", location(&started));
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

/// A header has 105 bytes with its line break, a Patient 98, an Observation 139, the Group 214: of
/// these a header and two, or one.
const THREE_LINES: (&str, &str) = ("_maximumFileSize", "360");
const BY_PATIENT: (&str, &str) = ("organizeOutputBy", "Patient");

#[test]
fn stu_2_and_3_answer_by_patient_like_this() {
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
      "count": 3
    },
    {
      "url": "https://demo.example.org/fhir/jobs/JOB/blocks.002.ndjson",
      "count": 2
    },
    {
      "url": "https://demo.example.org/fhir/jobs/JOB/blocks.003.ndjson",
      "count": 3
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
fn stu_4_answers_by_patient_like_this() {
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
      "count": 7,
      "fileSize": 823
    }
  ],
  "outcome": []
}
"#
    );
}

#[test]
fn pages_follow_each_other_like_this() {
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
    for (edition, head, size, said) in [
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
  "{said}": [],
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
        let place = path(&location(&started)).to_owned();
        let second = get(&authority, &format!("{place}/manifest/2"), "");
        assert_eq!(second.status, 200, "{}", second.text());
        assert_eq!(second.header("expires"), Some("Sat, 03 Jan 2026 12:00:00 GMT"));
        hold_to_its_word(&authority, &second.json());
        let eleventh = file(11);
        assert_eq!(
            text(&started, &second),
            format!(
                r#"{head}{eleventh}
  ],
  "deleted": [],
  "{said}": []
}}
"#
            )
        );
        for page in ["0", "1", "3", "x", "-1", "99999999999999999999"] {
            get(&authority, &format!("{place}/manifest/{page}"), "")
                .assert_outcome(404, "no such page");
        }
    }
}

#[test]
fn the_published_manifest_is_this() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let answer = get(&authority, "/fhir/$bulk-publish", "");
    hold_to_its_word(&authority, &answer.json());
    let mut text = answer.text();
    for file in answer.json()["output"].as_array().unwrap() {
        let url = file["url"].as_str().unwrap();
        let token = url.rsplit('/').next().unwrap().strip_suffix(".ndjson").unwrap();
        text = text.replace(token, "TOKEN");
    }
    assert_eq!(
        text,
        r#"{
  "manifestType": "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkPublishManifest",
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

#[test]
fn errors_say_what_is_wrong_like_this() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let never = "/fhir/jobs/0123456789abcdef0123456789abcdef";
    let outcome = |code: &str, text: &str| {
        let text = serde_json::to_string(text).unwrap();
        format!(
            "{{\"resourceType\":\"OperationOutcome\",\"issue\":[{{\"severity\":\"error\",\"code\":\"{code}\",\"diagnostics\":{text}}}]}}\n"
        )
    };
    for (method, target, headers, status, code, text) in [
        (
            "GET",
            "/fhir/$export?_since=yesterday",
            "",
            400,
            "invalid",
            "_since \"yesterday\" should be an instant such as 2021-01-01T12:30:00Z or 2021-01-01T12:30:00.000+02:00",
        ),
        (
            "GET",
            "/fhir/$export?_type=Patient,Martian",
            "",
            400,
            "invalid",
            "_type \"Martian\" is no resource type of R4, and the store has none such",
        ),
        (
            "GET",
            "/fhir/$export?_outputFormat=text/csv&allergies=1",
            "",
            400,
            "invalid",
            "_outputFormat \"text/csv\" is not supported; application/fhir+ndjson is; parameter \"allergies\" is not known here; _outputFormat, _since, _until, _type, _elements, patient, includeAssociatedData, organizeOutputBy, allowPartialManifests, _minimumFileSize and _maximumFileSize are",
        ),
        (
            "GET",
            "/fhir/Patient/$export?patient=Patient/a",
            "",
            400,
            "invalid",
            "patient \"Patient/a\" can only be given by POST, in a Parameters resource",
        ),
        (
            "GET",
            "/fhir/Patient/$export?_type=Organization",
            "",
            400,
            "invalid",
            "_type names only types outside of the Patient compartment; name one inside, or export at the system level",
        ),
        ("GET", "/fhir/Group/no/$export", "", 404, "not-found", "Group/no is not here"),
        ("GET", "/fhir/Patient/no/$export", "", 404, "not-found", "Patient/no is not here"),
        (
            "GET",
            "/fhir/$export-v4",
            "",
            405,
            "not-supported",
            "GET is not supported here; POST, OPTIONS are",
        ),
        (
            "GET",
            "/fhir/$export",
            "Accept: application/fhir+xml\r\n",
            406,
            "not-supported",
            "only JSON is spoken here; ask for application/fhir+json",
        ),
        (
            "POST",
            "/fhir/$export",
            "Content-Type: text/csv\r\nContent-Length: 1\r\n",
            415,
            "not-supported",
            "a body of \"text/csv\" is not read; send a Parameters resource as application/fhir+json",
        ),
        (
            "POST",
            "/fhir/$export",
            "Content-Type: application/json\r\nContent-Length: 1\r\n",
            400,
            "invalid",
            "the body is no Parameters resource: it is no JSON object",
        ),
        (
            "POST",
            "/fhir/$export",
            "Content-Type: application/json\r\nContent-Length: 16777217\r\n",
            413,
            "too-costly",
            "a request body may have 16777216 bytes",
        ),
        (
            "GET",
            never,
            "",
            404,
            "not-found",
            "there is no such export: it is over, was cancelled, or never was",
        ),
        (
            "DELETE",
            never,
            "",
            404,
            "not-found",
            "there is no such export: it is over, was cancelled, or never was",
        ),
        (
            "GET",
            "/fhir/jobs/0123456789abcdef0123456789abcdef/Patient.ndjson",
            "",
            404,
            "not-found",
            "there is no such file, or its export is over",
        ),
        ("GET", "/fhir/Patient/no", "", 404, "not-found", "Patient/no is not here"),
        ("GET", "/fhir/Observation/wrong", "", 410, "deleted", "Observation/wrong was deleted"),
        (
            "GET",
            "/fhir/Patient?name=a",
            "",
            400,
            "invalid",
            "parameter \"name\" cannot be searched for here; _id, identifier, _lastUpdated and _count can",
        ),
        (
            "GET",
            "/bulk-data/r4/$export?_elements=id",
            "",
            400,
            "invalid",
            "parameter \"_elements\" is not supported here; _type and _since are",
        ),
    ] {
        let answer = send(&authority, method, target, headers, b"1");
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/fhir+json"), "{target}");
        assert_eq!(answer.text(), outcome(code, text), "{method} {target}");
    }
}
