//! The life of an export as a job: polled, cancelled, interrupted, expired. Its files never change.

mod bounds;
mod busy_store;
mod cancellation;
mod expiry;
mod file_bytes;
mod interruption;
mod kinds;
mod old_formats;
mod read_only;
mod several_servers;
mod status;
mod turns;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::bulk::{self, ended_at};
use crate::support::client::{self, Answer};
use crate::support::{Dir, Served};

/// Before everything in the store.
const LONG_AGO: &str = "2000-01-01T00:00:00Z";

/// Resources for each kind of file: attachments with relative URLs, Provenance, related resources, a group with a
/// missing member, and two resources to be deleted.
const DATA: &str = r#"{"resourceType":"Organization","id":"org"}
{"resourceType":"Patient","id":"a","managingOrganization":{"reference":"Organization/org"}}
{"resourceType":"Patient","id":"b","gender":"female"}
{"resourceType":"Patient","id":"gone"}
{"resourceType":"Observation","id":"a1","status":"final","subject":{"reference":"Patient/a"},"valueString":"Übelkeit 王"}
{"resourceType":"Observation","id":"a2","status":"final","subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"b1","status":"final","subject":{"reference":"Patient/b"}}
{"resourceType":"Observation","id":"gone1","status":"final","subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"nobody","status":"final"}
{"resourceType":"Binary","id":"note","contentType":"text/plain","data":"aGVsbG8="}
{"resourceType":"DocumentReference","id":"d","subject":{"reference":"Patient/a"},"content":[{"attachment":{"contentType":"text/plain","url":"Binary/note"}}]}
{"resourceType":"Provenance","id":"v","target":[{"reference":"Observation/a1"}],"recorded":"2020-01-01T00:00:00Z"}
{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/b"}},{"entity":{"reference":"Patient/nowhere"}}]}
"#;

/// A folder with a store `s.db` of [`DATA`], of which two resources were deleted.
fn filled() -> Dir {
    let dir = Dir::new();
    dir.write("in.ndjson", DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    delete_from(&dir, &["Patient/gone", "Observation/gone1"]);
    dir
}

/// A folder with a store `s.db` of 100 patients, each with 100 Observations: work for a while.
fn large() -> Dir {
    let mut data = String::new();
    for patient in 0..100 {
        let subject = json!({"reference": format!("Patient/p{patient}")});
        data += &format!("{{\"resourceType\":\"Patient\",\"id\":\"p{patient}\"}}\n");
        for n in 0..100 {
            let observation = json!({
                "resourceType": "Observation", "id": format!("o{patient}-{n}"), "status": "final",
                "subject": subject, "note": [{"text": "x".repeat(200)}],
            });
            data += &format!("{observation}\n");
        }
    }
    let dir = Dir::new();
    dir.write("in.ndjson", data);
    dir.import(0, &["s.db", "in.ndjson"]);
    dir
}

fn delete_from(dir: &Dir, resources: &[&str]) {
    let ran = dir.run(["delete", "s.db"].iter().chain(resources));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// Imports these lines into the store; the report.
fn import(dir: &Dir, lines: &str) -> Value {
    dir.write("more.ndjson", lines);
    dir.import(0, &["s.db", "more.ndjson"])
}

/// [`DATA`] with `language` set to `mark` in every resource.
fn changed(mark: &str) -> String {
    DATA.replace("{\"resourceType\"", &format!("{{\"language\":\"{mark}\",\"resourceType\""))
}

/// A kick-off request.
struct Kickoff {
    target: String,
    headers: &'static str,
    /// Parameters to post; `None` for GET.
    body: Option<Value>,
}

fn by_get(target: impl Into<String>) -> Kickoff {
    Kickoff { target: target.into(), headers: "", body: None }
}

fn by_post(target: &str, parameters: &[(&str, &str)]) -> Kickoff {
    let entries: Vec<Value> = parameters
        .iter()
        .map(|(name, value)| json!({"name": name, "valueString": value}))
        .collect();
    let body = Some(json!({"resourceType": "Parameters", "parameter": entries}));
    Kickoff { target: target.to_owned(), headers: "", body }
}

/// The export of [`large`] that takes longest.
fn long() -> Kickoff {
    by_get("/fhir/Patient/$export?organizeOutputBy=Patient&_elements=Observation.subject")
}

/// Sends a kick-off; the answer.
fn ask(served: &Served, kickoff: &Kickoff) -> Answer {
    let Kickoff { target, headers, body } = kickoff;
    match body {
        None => served.get_with(target, headers),
        Some(body) => {
            let body = body.to_string();
            let headers = format!(
                "Content-Type: application/fhir+json\r\nContent-Length: {}\r\n{headers}",
                body.len()
            );
            client::send(served.authority(), "POST", target, &headers, body.as_bytes())
        }
    }
}

/// The path of a URL. After a restart the server has another port.
fn path_of(url: &str) -> String {
    bulk::path(url).to_owned()
}

/// Sends a kick-off, which must be accepted; the path of the polling location.
fn start(served: &Served, kickoff: &Kickoff) -> String {
    let answer = ask(served, kickoff);
    assert_eq!(answer.status, 202, "{}: {}", kickoff.target, answer.text());
    path_of(answer.header("content-location").expect("a Content-Location"))
}

/// Polls until the export has ended; the last answer.
fn ended(served: &Served, status: &str) -> Answer {
    ended_at(served.authority(), status, "")
}

/// The manifest of an export, which must complete.
fn manifest(served: &Served, status: &str) -> Value {
    let answer = ended(served, status);
    assert_eq!(answer.status, 200, "{status}: {}", answer.text());
    answer.json()
}

/// The entries of a manifest's files.
fn entries(manifest: &Value) -> Vec<&Value> {
    ["output", "deleted", "error"]
        .into_iter()
        .flat_map(|key| manifest[key].as_array().map_or(&[][..], Vec::as_slice))
        .collect()
}

fn path_in(entry: &Value) -> String {
    path_of(entry["url"].as_str().expect("a url"))
}

/// Downloads every file of a manifest; the bytes by path.
fn download(served: &Served, manifest: &Value) -> BTreeMap<String, Vec<u8>> {
    let file = |entry: &&Value| {
        let path = path_in(entry);
        let answer = served.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()));
        let header = b"{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"header\"";
        let lines = answer.body.split_inclusive(|byte| *byte == b'\n');
        let resources = lines.filter(|line| !line.starts_with(header)).count();
        assert_eq!(entry["count"], resources, "{path}");
        (path, answer.body)
    };
    entries(manifest).iter().map(file).collect()
}

/// Files by the last segment of the path, which is the same for two exports of the same store.
fn by_name(files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let name = |path: String| path.rsplit_once('/').expect("a segment").1.to_owned();
    files.into_iter().map(|(path, bytes)| (name(path), bytes)).collect()
}

fn cancel(served: &Served, status: &str) -> Answer {
    client::send(served.authority(), "DELETE", status, "", b"")
}

/// The id of a job, from the path of its polling location.
fn id_of(status: &str) -> &str {
    status.rsplit_once('/').expect("a segment").1
}

/// How many rows a job has in the tables `job` and `job_file`.
fn rows_of(dir: &Dir, status: &str) -> (i64, i64) {
    let id = id_of(status);
    (
        dir.count("s.db", &format!("SELECT count(*) FROM job WHERE id = '{id}'")),
        dir.count("s.db", &format!("SELECT count(*) FROM job_file WHERE job = '{id}'")),
    )
}

fn assert_gone(served: &Served, paths: &[String]) {
    for path in paths {
        served.get(path).assert_outcome(404, "");
    }
}

/// How many replaced or deleted versions match a condition.
fn versions(dir: &Dir, condition: &str) -> i64 {
    dir.count("s.db", &format!("SELECT count(*) FROM history WHERE {condition}"))
}

/// The URLs of the deletions that an export since [`LONG_AGO`] lists.
fn deletions(served: &Served, path: &str) -> Vec<String> {
    let manifest = manifest(served, &start(served, &by_get(format!("{path}?_since={LONG_AGO}"))));
    let mut urls = Vec::new();
    for file in manifest["deleted"].as_array().expect("deleted") {
        for line in served.get(&path_in(file)).text().lines() {
            let bundle: Value = serde_json::from_str(line).expect("JSON");
            urls.push(bundle["entry"][0]["request"]["url"].as_str().expect("a url").to_owned());
        }
    }
    urls
}
