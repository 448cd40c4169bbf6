//! HTTP itself: methods, bodies, content negotiation, ranges, connections, and the URLs in answers.

mod base_url;
mod bodies;
mod chunked_bodies;
mod connections;
mod cross_origin;
mod crowds;
mod headers;
mod health;
mod hosts;
mod large_bodies;
mod limits;
mod listening;
mod logs;
mod methods;
mod metrics;
mod negotiation;
mod proxies;
mod ranges;
mod request_ids;
mod tls;
mod wire;

use serde_json::Value;

use crate::rest::{link, list, text};
use crate::support::bulk::{ended, kick_off, location, path};
use crate::support::client::{Answer, send};
use crate::support::{Dir, Served, served};

/// The export of the 1upHealth dialect.
const EXPORT: &str = "/bulk-data/r4/$export";

/// Resources of two types; one is not ASCII.
const TWO_TYPES: &str = r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2020-06-15T10:00:00.000Z"}}
{"resourceType":"Patient","id":"b","meta":{"versionId":"1","lastUpdated":"2020-06-15T12:00:00+02:00"}}
{"resourceType":"Patient","id":"c","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"name":[{"family":"Nguyễn 王 😀"}]}
{"resourceType":"Observation","id":"o","meta":{"versionId":"1","lastUpdated":"2020-06-15T10:00:00.001Z"}}
"#;

/// The lines of [`TWO_TYPES`] with this type, as a file of an export holds them.
fn lines(resource_type: &str) -> Vec<u8> {
    let kept = |line: &&str| line.contains(&format!(r#""resourceType":"{resource_type}""#));
    TWO_TYPES.lines().filter(kept).map(|line| format!("{line}\n")).collect::<String>().into_bytes()
}

/// A folder with a store `s.db`, whose one file is longer than what sockets hold.
fn much_to_download() -> Dir {
    let dir = Dir::new();
    let text = "t".repeat(100_000);
    let line =
        |id| format!("{{\"resourceType\":\"Basic\",\"id\":\"{id}\",\"language\":\"{text}\"}}\n");
    dir.write("in.ndjson", (0..300).map(line).collect::<String>());
    dir.import(0, &["s.db", "in.ndjson"]);
    dir
}

/// Serves a store of [`TWO_TYPES`].
fn two_types() -> (Dir, Served) {
    served(TWO_TYPES)
}

/// The URL of the file with this type in a manifest.
fn url(manifest: &Value, resource_type: &str) -> String {
    let output = list(&manifest["output"]).iter();
    let mut files = output.filter(|file| file["type"] == resource_type);
    text(&files.next().expect("a file of that type")["url"]).to_owned()
}

/// The path of the file of Patients.
fn patients(served: &Served) -> String {
    path(&url(&served.manifest(""), "Patient")).to_owned()
}

/// Posts `body` with this Content-Type, or with none if it is empty.
fn post(served: &Served, target: &str, kind: &str, body: &[u8]) -> Answer {
    let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
    let headers = format!("{kind}Content-Length: {}\r\n", body.len());
    send(served.authority(), "POST", target, &headers, body)
}

const ONLY_PATIENTS: &str =
    r#"{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient"}]}"#;
/// The most bytes that a request body may have.
const MOST: usize = 16 << 20;

/// The types in the output of an accepted export.
fn types(served: &Served, started: &Answer) -> Vec<String> {
    let manifest = ended(served.authority(), started).json();
    list(&manifest["output"]).iter().map(|file| text(&file["type"]).to_owned()).collect()
}

/// A path of every kind, with the methods that it allows.
fn every_path(served: &Served) -> Vec<(String, &'static str)> {
    let reading = "GET, HEAD, OPTIONS";
    let authority = served.authority();
    let paged = [("allowPartialManifests", "true"), ("_maximumFileSize", "1")];
    let started = kick_off(authority, "/fhir/$export", &paged, "");
    assert!(link(&ended(authority, &started).json(), "next").is_some(), "two pages");
    let job = path(&location(&started)).to_owned();
    let oneup = served.get_with(EXPORT, "Prefer: respond-async\r\n");
    let oneup_manifest = ended(authority, &oneup).json();
    let published = served.get("/fhir/$bulk-publish").json();
    let signed = served.manifest("");
    let file = |manifest: &Value| path(text(&manifest["output"][0]["url"])).to_owned();
    let mut paths: Vec<(String, &str)> = [
        "/health",
        "/health/ready",
        "/metrics",
        "/fhir/metadata",
        "/fhir/$bulk-publish",
        "/fhir/OperationDefinition/export",
        "/fhir/Patient",
        "/fhir/Patient/a",
        "/fhir/Patient/a/_history/1",
        "/fhir/Binary/text",
        EXPORT,
    ]
    .iter()
    .map(|path| (path.to_string(), reading))
    .collect();
    paths.push((format!("{job}/manifest/2"), reading));
    paths.push((format!("{job}/Patient.001.ndjson"), reading));
    paths.push((file(&oneup_manifest), reading));
    paths.push((file(&published), reading));
    paths.push((file(&signed), reading));
    paths.push((job, "GET, HEAD, DELETE, OPTIONS"));
    paths.push((path(&location(&oneup)).to_owned(), "GET, HEAD, DELETE, OPTIONS"));
    // Its GET starts a job, so HEAD is not allowed.
    paths.push(("/bulk-data/r4/Group/g/$export".to_owned(), "GET, OPTIONS"));
    for level in ["", "Patient/", "Patient/a/", "Group/g/"] {
        paths.push((format!("/fhir/{level}$export"), "GET, POST, OPTIONS"));
        paths.push((format!("/fhir/{level}$export-v4"), "POST, OPTIONS"));
    }
    paths
}
