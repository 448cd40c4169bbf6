//! The exact text of the answers in each edition and dialect: manifests, kick-offs, errors.
//!
//! The clock stands still, and `JOB` stands for the random id of a job. The sizes and counts in a manifest are compared
//! with the files.

mod by_patient;
mod by_type;
mod errors;
mod kick_off;
mod pages;
mod published;

use fhirlite::{Clock, Import, Instant, Options, Server, Store};
use serde_json::Value;

use crate::support::bulk::{ended, location, path};
use crate::support::client::{Answer, get};

const DATA: &str = r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2025-01-01T00:00:00Z"}}
{"resourceType":"Patient","id":"b","meta":{"versionId":"1","lastUpdated":"2025-01-01T00:00:00Z"}}
{"resourceType":"Observation","id":"o1","meta":{"versionId":"1","lastUpdated":"2025-06-01T00:00:00Z"},"subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"o2","meta":{"versionId":"1","lastUpdated":"2025-06-01T00:00:00Z"},"subject":{"reference":"Patient/b"}}
{"resourceType":"Observation","id":"o3","meta":{"versionId":"1","lastUpdated":"2025-06-01T00:00:00Z"},"subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"wrong","meta":{"versionId":"1","lastUpdated":"2025-06-01T00:00:00Z"},"subject":{"reference":"Patient/a"}}
{"resourceType":"Organization","id":"org","meta":{"versionId":"1","lastUpdated":"2025-06-01T00:00:00Z"}}
{"resourceType":"Group","id":"g","meta":{"versionId":"1","lastUpdated":"2025-01-01T00:00:00Z"},"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/gone"}}]}
"#;

/// Serves a store of `data`, imported at noon, behind a proxy. Observation/wrong is deleted a millisecond later.
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

/// The text of an answer, with `JOB` for the id of the job that `started` accepted.
fn text(started: &Answer, answer: &Answer) -> String {
    answer.text().replace(location(started).rsplit('/').next().unwrap(), "JOB")
}

/// Runs a whole export; the text of its manifest, whose sizes and counts must be right.
fn manifest(server: &Server, started: &Answer) -> String {
    let authority = server.address().to_string();
    let answer = ended(&authority, started);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("expires"), Some("Sat, 03 Jan 2026 12:00:00 GMT"));
    check_files(&authority, &answer.json());
    text(started, &answer)
}

/// Fails unless every file has as many resources and bytes as the manifest says.
fn check_files(authority: &str, manifest: &Value) {
    for key in ["output", "deleted", "error", "outcome"] {
        for file in manifest[key].as_array().into_iter().flatten() {
            let found = get(authority, path(file["url"].as_str().unwrap()), "");
            assert_eq!(found.status, 200, "{file}");
            assert_eq!(found.header("content-type"), Some("application/fhir+ndjson"));
            if let Some(count) = file["count"].as_u64() {
                let lines = found.text();
                let headers = r#"{"resourceType":"Parameters","parameter":[{"name":"header""#;
                let resources = lines.lines().filter(|line| !line.starts_with(headers));
                assert_eq!(resources.count() as u64, count, "{file}");
            }
            if let Some(size) = file["fileSize"].as_u64() {
                assert_eq!(found.body.len() as u64, size, "{file}");
            }
        }
    }
}

/// The text of a manifest, with `TOKEN` for the signed names of its files.
fn without_tokens(answer: &Answer) -> String {
    let mut text = answer.text();
    for file in answer.json()["output"].as_array().unwrap() {
        let url = file["url"].as_str().unwrap();
        let token = url.rsplit('/').next().unwrap().strip_suffix(".ndjson").unwrap();
        text = text.replace(token, "TOKEN");
    }
    text
}
