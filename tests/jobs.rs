//! The life of an export as a job: polled, cancelled, interrupted, expired, and all the while made
//! of the same bytes.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::{self, Answer};
use crate::support::{Dir, Served};

/// Before everything.
const LONG_AGO: &str = "2000-01-01T00:00:00Z";

/// A little of everything that files are made of: attachments with relative URLs, Provenance, what
/// comes along, a group with a member that is not there, and somebody to be deleted.
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

/// A store with [`DATA`], of which two resources were deleted.
fn filled() -> Dir {
    let dir = Dir::new();
    dir.write("in.ndjson", DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    delete_from(&dir, &["Patient/gone", "Observation/gone1"]);
    dir
}

/// A store whose exports by patient take long enough to be interrupted.
fn slow() -> Dir {
    let mut data = String::new();
    for patient in 0..100 {
        let subject = json!({"reference": format!("Patient/p{patient}")});
        data += &format!("{{\"resourceType\":\"Patient\",\"id\":\"p{patient}\"}}\n");
        for n in 0..300 {
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

/// Imports some lines into the store.
fn import(dir: &Dir, lines: &str) -> Value {
    dir.write("more.ndjson", lines);
    dir.import(0, &["s.db", "more.ndjson"])
}

/// [`DATA`] with something else in every resource.
fn changed(mark: &str) -> String {
    DATA.replace("{\"resourceType\"", &format!("{{\"language\":\"{mark}\",\"resourceType\""))
}

// Kick-offs, and what becomes of them.

/// An export to be asked for.
struct Kickoff {
    target: String,
    headers: &'static str,
    /// Parameters to be posted; `None` for a GET.
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

/// One that takes its time.
fn long() -> Kickoff {
    by_get("/fhir/Patient/$export?organizeOutputBy=Patient&_elements=Observation.subject")
}

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

/// The path of a URL: after a restart the port is another one.
fn path_of(url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("{url} is absolute"));
    rest[rest.find('/').expect("a path")..].to_owned()
}

/// Has an export accepted; the path of its status.
fn start(served: &Served, kickoff: &Kickoff) -> String {
    let answer = ask(served, kickoff);
    assert_eq!(answer.status, 202, "{}: {}", kickoff.target, answer.text());
    path_of(answer.header("content-location").expect("a Content-Location"))
}

/// Asks again and again, for as long as it takes but not for ever.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..3000 {
        if let Some(answer) = ask() {
            return answer;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("waited in vain until {what}");
}

/// The answer that ends the polling.
fn ended(served: &Served, status: &str) -> Answer {
    until("an export has ended", || Some(served.get(status)).filter(|answer| answer.status != 202))
}

/// The manifest of an export that ends well.
fn manifest(served: &Served, status: &str) -> Value {
    let answer = ended(served, status);
    assert_eq!(answer.status, 200, "{status}: {}", answer.text());
    answer.json()
}

fn entries(manifest: &Value) -> Vec<&Value> {
    ["output", "deleted", "error"]
        .into_iter()
        .flat_map(|key| manifest[key].as_array().map_or(&[][..], Vec::as_slice))
        .collect()
}

fn path_in(entry: &Value) -> String {
    path_of(entry["url"].as_str().expect("a url"))
}

/// Every file of a manifest by its path, as it is downloaded.
fn download(served: &Served, manifest: &Value) -> BTreeMap<String, Vec<u8>> {
    let file = |entry: &&Value| {
        let path = path_in(entry);
        let answer = served.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()));
        let lines = answer.body.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(entry["count"], lines, "{path}");
        (path, answer.body)
    };
    entries(manifest).iter().map(file).collect()
}

/// The same by the last segments of the paths: two exports of the same store agree in these.
fn by_name(files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let name = |path: String| path.rsplit_once('/').expect("a segment").1.to_owned();
    files.into_iter().map(|(path, bytes)| (name(path), bytes)).collect()
}

fn cancel(served: &Served, status: &str) -> Answer {
    client::send(served.authority(), "DELETE", status, "", b"")
}

fn id_of(status: &str) -> &str {
    status.rsplit_once('/').expect("a segment").1
}

/// How many rows of a table are of a job.
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

// The status.

#[test]
fn an_export_of_everything_is_complete_at_the_first_poll() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    for target in [
        "/fhir/$export",
        "/fhir/$export?_type=Patient",
        "/fhir/$export?_since=2001-01-01T00:00:00Z",
    ] {
        let answer = served.get(&start(&served, &by_get(target)));
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        assert!(!entries(&answer.json()).is_empty(), "{target}");
    }
}

#[test]
fn a_long_export_tells_how_far_it_is_until_it_is_complete() {
    let dir = slow();
    let served = dir.serve(&["s.db"]);
    // Two are worked on at once, so the last of these has to wait.
    let started: Vec<String> = (0..5).map(|_| start(&served, &long())).collect();
    let last = started.last().expect("several");
    let mut said = Vec::new();
    let done = until("the last export has ended", || {
        let file = served.get(&format!("{last}/blocks.ndjson"));
        let answer = served.get(last);
        if answer.status == 200 {
            return Some(answer);
        }
        assert_eq!(answer.status, 202, "{}", answer.text());
        let progress = answer.header("x-progress").expect("an X-Progress");
        assert!((1..100).contains(&progress.len()), "{progress:?}");
        let wait = answer.header("retry-after").expect("a Retry-After");
        assert!(wait.parse::<u32>().is_ok_and(|seconds| seconds > 0), "{wait:?}");
        assert_eq!(answer.header("expires"), None);
        // None of its files was there before all of them are.
        file.assert_outcome(404, "");
        said.push(progress.to_owned());
        None
    });
    assert!(!said.is_empty(), "it was complete at once");
    assert_eq!(done.header("content-type"), Some("application/json"));
    assert_eq!(done.header("x-progress"), None);
    let manifests: Vec<Value> = started.iter().map(|status| manifest(&served, status)).collect();
    let first = by_name(download(&served, &manifests[0]));
    assert_eq!(first.values().map(Vec::len).sum::<usize>() as i64, bytes_of(&dir, last));
    for manifest in &manifests {
        assert_eq!(manifest["output"][0]["count"], 30_200);
        assert!(by_name(download(&served, manifest)) == first);
    }
}

/// What the store says of the size of a job's files.
fn bytes_of(dir: &Dir, status: &str) -> i64 {
    dir.count("s.db", &format!("SELECT sum(bytes) FROM job_file WHERE job = '{}'", id_of(status)))
}

#[test]
fn a_manifest_says_when_it_expires() {
    let dir = filled();
    let served = dir.serve(&["s.db", "--job-ttl", "2h"]);
    for kickoff in [by_get("/fhir/$export"), by_get("/fhir/Patient/$export")] {
        let before = chrono::Utc::now();
        let status = start(&served, &kickoff);
        let answer = ended(&served, &status);
        let after = chrono::Utc::now();
        assert_eq!(answer.status, 200);
        let said = answer.header("expires").expect("an Expires").to_owned();
        assert!(said.ends_with(" GMT"), "{said}");
        let expires = chrono::DateTime::parse_from_rfc2822(&said).expect("an HTTP-date");
        // Whole seconds are said of it.
        let two_hours = chrono::TimeDelta::hours(2);
        assert!(expires > before + two_hours - chrono::TimeDelta::seconds(1), "{said}");
        assert!(expires <= after + two_hours, "{said}");
        assert_eq!(served.get(&status).header("expires"), Some(&*said), "polling changes nothing");
    }
}

#[test]
fn what_cannot_be_a_job_is_none() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let status = start(&served, &by_get("/fhir/$export"));
    let id = id_of(&status);
    assert_eq!(id.len(), 32);
    assert!(id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{id}");
    for other in ["0".repeat(32), id.to_uppercase() + "0", id[..31].to_owned(), "%27".to_owned()] {
        let path = format!("/fhir/jobs/{other}");
        assert_gone(&served, &[path.clone(), format!("{path}/Patient.ndjson")]);
        cancel(&served, &path).assert_outcome(404, "");
    }
    assert_gone(
        &served,
        &[
            format!("{status}/Nothing.ndjson"),
            format!("{status}/manifest/1"),
            format!("{status}/manifest/2"),
            format!("{status}/manifest/x"),
        ],
    );
    assert_eq!(served.get(&status).status, 200);
}

// Cancelling.

#[test]
fn a_finished_export_that_is_deleted_is_gone_with_its_files() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    for kickoff in [
        by_get("/fhir/$export?allowPartialManifests=true&_maximumFileSize=90"),
        by_get("/fhir/Patient/$export"),
        by_get("/fhir/Group/g/$export?organizeOutputBy=Patient"),
        Kickoff { headers: "Prefer: respond-async\r\n", ..by_get("/bulk-data/r4/$export") },
    ] {
        let other = start(&served, &kickoff);
        let status = start(&served, &kickoff);
        let whole = manifest(&served, &status);
        let mut paths: Vec<String> = entries(&whole).into_iter().map(path_in).collect();
        if let Some(next) = whole["link"][0]["url"].as_str() {
            paths.push(path_of(next));
        }
        for path in &paths {
            assert_eq!(served.get(path).status, 200, "{path}");
        }
        assert!(rows_of(&dir, &status).1 > 0);
        let answer = cancel(&served, &status);
        assert_eq!(answer.status, 202, "{}", answer.text());
        assert_eq!(answer.json()["resourceType"], "OperationOutcome");
        paths.push(status.clone());
        assert_gone(&served, &paths);
        cancel(&served, &status).assert_outcome(404, "");
        assert_eq!(rows_of(&dir, &status), (0, 0));
        // Nobody else's is touched.
        download(&served, &manifest(&served, &other));
    }
}

#[test]
fn a_running_export_that_is_deleted_never_comes_to_an_end() {
    let dir = slow();
    let served = dir.serve(&["s.db"]);
    let started: Vec<String> = (0..6).map(|_| start(&served, &long())).collect();
    // One that is being worked on, and one that waits for that.
    for (cancelled, at_least) in [(&started[5], true), (&started[1], false), (&started[4], true)] {
        let before = served.get(cancelled).status;
        assert!(before == 202 || !at_least, "it was too fast");
        assert_eq!(cancel(&served, cancelled).status, 202);
        assert_gone(&served, &[cancelled.clone(), format!("{cancelled}/blocks.ndjson")]);
        cancel(&served, cancelled).assert_outcome(404, "");
        assert_eq!(rows_of(&dir, cancelled), (0, 0));
    }
    for other in [&started[0], &started[2], &started[3]] {
        manifest(&served, other);
    }
    // Those who worked on them have gone on to others, and later ones.
    manifest(&served, &start(&served, &long()));
    for cancelled in [1, 4, 5] {
        assert_gone(&served, &[started[cancelled].clone()]);
        assert_eq!(rows_of(&dir, &started[cancelled]), (0, 0));
    }
}

// Interruptions.

/// Ends a server by `signal` while it works on exports; the next one must end them as if nothing
/// had happened.
#[cfg(unix)]
fn interrupted_by(signal: &str, code: i32) {
    let dir = slow();
    let path = "/fhir/Patient/$export";
    let kickoffs = [
        long(),
        by_get(format!("{path}?organizeOutputBy=Patient&_maximumFileSize=100000")),
        by_get(format!("{path}?_elements=status")),
        by_post(path, &[("_elements", "Observation.note"), ("patient", "Patient/p7")]),
        by_get(format!("{path}?_type=Observation&_maximumFileSize=500000")),
        by_get("/fhir/$export?_elements=note"),
        by_get("/fhir/$export"),
        by_get(format!("{path}?_since={LONG_AGO}")),
        long(),
    ];
    let args = ["s.db", "--base-url", "http://here.example"];
    let served = dir.serve(&args);
    let uninterrupted: Vec<_> = kickoffs
        .iter()
        .map(|kickoff| by_name(download(&served, &manifest(&served, &start(&served, kickoff)))))
        .collect();
    let started: Vec<String> = kickoffs.iter().map(|kickoff| start(&served, kickoff)).collect();
    assert_eq!(served.end(signal), code);
    let running = "SELECT count(*) FROM job WHERE state = 'running'";
    assert!(dir.count("s.db", running) > 0, "all were complete");
    let time_of = |status| {
        let id = id_of(status);
        dir.count("s.db", &format!("SELECT transaction_time FROM job WHERE id = '{id}'"))
    };
    let times: Vec<i64> = started.iter().map(|status| time_of(status)).collect();
    // The store goes on, and they do not see it.
    let lines = r#"{"resourceType":"Patient","id":"p7","language":"x"}
{"resourceType":"Patient","id":"new"}
{"resourceType":"Observation","id":"new","status":"final","subject":{"reference":"Patient/p7"}}
"#;
    assert_eq!(import(&dir, lines)["updated"], 1);
    delete_from(&dir, &["Patient/p8", "Observation/o9-9"]);
    let again = dir.serve(&["s.db"]);
    for (number, status) in started.iter().enumerate() {
        let manifest = manifest(&again, status);
        let time = manifest["transactionTime"].as_str().expect("a transactionTime");
        let time = chrono::DateTime::parse_from_rfc3339(time).expect("an instant");
        assert_eq!(time.timestamp_micros(), times[number], "{number}");
        for entry in entries(&manifest) {
            let url = entry["url"].as_str().expect("a url");
            assert!(url.starts_with(&format!("http://here.example{status}/")), "{url}");
        }
        let files = by_name(download(&again, &manifest));
        assert!(files == uninterrupted[number], "{number}: {:?}", files.keys());
    }
    assert_eq!(dir.count("s.db", running), 0);
    drop(again);
    dir.check("s.db");
}

#[cfg(unix)]
#[test]
fn exports_that_a_killed_server_was_working_on_are_completed_by_the_next_one() {
    interrupted_by("-KILL", -1);
}

#[cfg(unix)]
#[test]
fn exports_that_a_server_was_working_on_when_it_was_ended_are_completed_by_the_next_one() {
    interrupted_by("-TERM", 0);
}

// The same bytes for ever.

/// Every kind of file that there is.
fn all_kinds() -> Vec<Kickoff> {
    let strange = "_typeFilter=Patient%3Factive%3Dtrue&nonsense=1";
    let lenient = "Prefer: handling=lenient\r\n";
    let path = "/fhir/Patient/$export";
    vec![
        by_get("/fhir/$export"),
        by_get("/fhir/$export?_maximumFileSize=250"),
        by_get(format!("/fhir/$export?_since={LONG_AGO}")),
        by_get("/fhir/$export?_elements=Observation.status,Patient.id"),
        by_get("/fhir/$export?organizeOutputBy=Patient"),
        by_get(path),
        by_get(format!("{path}?_since={LONG_AGO}&_maximumFileSize=300")),
        by_get(format!(
            "{path}?includeAssociatedData=RelevantProvenanceResources&_type=Observation"
        )),
        by_get(format!("{path}?organizeOutputBy=Patient&_maximumFileSize=400")),
        by_get(format!("{path}?organizeOutputBy=Patient&_elements=status&_since={LONG_AGO}")),
        by_get("/fhir/Group/g/$export"),
        by_get(format!("/fhir/Patient/a/$export?_since={LONG_AGO}")),
        by_post("/fhir/Group/g/$export-v4", &[("organizeOutputBy", "Patient")]),
        Kickoff { headers: lenient, ..by_get(format!("/fhir/$export?{strange}")) },
        Kickoff { headers: "Prefer: respond-async\r\n", ..by_get("/bulk-data/r4/$export") },
    ]
}

/// Holds every way to get a file to its bytes.
fn assert_all_ways(served: &Served, path: &str, bytes: &[u8]) {
    let whole = served.get(path);
    assert_eq!(whole.status, 200, "{path}: {}", whole.text());
    assert!(
        whole.body == bytes,
        "{path}: {} is not {}",
        whole.text(),
        String::from_utf8_lossy(bytes)
    );
    assert_eq!(whole.header("content-type"), Some("application/fhir+ndjson"));
    assert_eq!(whole.header("content-length"), Some(&*bytes.len().to_string()));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let head = client::send(served.authority(), "HEAD", path, "", b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(&*bytes.len().to_string()));

    let length = bytes.len();
    let first_line = bytes.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    for (from, to) in [
        (0, 1),
        (0, length),
        (1, length - 1),
        (first_line - 1, first_line),
        (first_line.min(length - 1), length),
        (length / 3, length / 3 * 2 + 1),
        (length - 1, length),
    ] {
        let part = served.get_with(path, &format!("Range: bytes={from}-{}\r\n", to - 1));
        assert_eq!(part.status, 206, "{path} {from}..{to}");
        assert!(part.body == bytes[from..to], "{path} {from}..{to}: {}", part.text());
        let said = format!("bytes {from}-{}/{length}", to - 1);
        assert_eq!(part.header("content-range"), Some(&*said));
        assert_eq!(part.header("content-length"), Some(&*(to - from).to_string()));
    }
    let end = served.get_with(path, "Range: bytes=-5\r\n");
    assert_eq!((end.status, &end.body[..]), (206, &bytes[length - 5..]));
    let after = served.get_with(path, &format!("Range: bytes={length}-\r\n"));
    after.assert_outcome(416, "range");
    assert_eq!(after.header("content-range"), Some(&*format!("bytes */{length}")));

    let packed = served.get_with(path, "Accept-Encoding: gzip\r\n");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).expect("gzip");
    assert!(unpacked == bytes, "{path}: packed it is something else");

    let etag = whole.header("etag").expect("an ETag");
    let packed_etag = packed.header("etag").expect("an ETag");
    assert_ne!(etag, packed_etag);
    let known = served.get_with(path, &format!("If-None-Match: {etag}\r\n"));
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(known.header("etag"), Some(etag));
    let known = served
        .get_with(path, &format!("If-None-Match: {packed_etag}\r\nAccept-Encoding: gzip\r\n"));
    assert_eq!((known.status, known.body.len()), (304, 0));
    let other = served.get_with(path, "If-None-Match: \"other\"\r\n");
    assert!(other.status == 200 && other.body == bytes);
}

#[test]
fn files_are_the_same_bytes_whatever_becomes_of_the_store_and_the_server() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let manifests: Vec<Value> =
        all_kinds().iter().map(|kickoff| manifest(&served, &start(&served, kickoff))).collect();
    let mut files = BTreeMap::new();
    let mut kinds = BTreeMap::new();
    for manifest in &manifests {
        let manifest = as_stu3(manifest);
        for key in ["output", "deleted", "error"] {
            *kinds.entry(key).or_insert(0) += manifest[key].as_array().map_or(0, Vec::len);
        }
        files.extend(download(&served, &manifest));
    }
    let stored = "SELECT count(DISTINCT kind || (first IS NULL) || (rows IS NULL)) FROM job_file";
    assert_eq!(dir.count("s.db", stored), 4, "ranges, lists of two kinds, texts");
    assert!(kinds.values().all(|count| *count > 1), "{kinds:?}");
    let etag = |served: &Served, path: &str| served.get(path).header("etag").map(str::to_owned);
    let etags: Vec<_> = files.keys().map(|path| etag(&served, path)).collect();
    let assert_same = |served: &Served| {
        for ((path, bytes), known) in files.iter().zip(&etags) {
            assert_all_ways(served, path, bytes);
            assert_eq!(etag(served, path), *known, "{path}");
        }
    };
    assert_same(&served);
    // Everything is replaced, two that were deleted are there again.
    let report = import(&dir, &changed("de"));
    assert_eq!((&report["updated"], &report["created"]), (&json!(11), &json!(2)));
    assert_same(&served);
    delete_from(
        &dir,
        &[
            "Patient/a",
            "Observation/a1",
            "Patient/gone",
            "Organization/org",
            "Group/g",
            "Binary/note",
        ],
    );
    assert_same(&served);
    assert_eq!(import(&dir, &changed("fr"))["updated"], 7);
    drop(served);
    let again = dir.serve(&["s.db"]);
    assert_same(&again);
    // An export of now is another one.
    let now = manifest(&again, &start(&again, &by_get("/fhir/$export")));
    let now = download(&again, &now);
    assert!(now.iter().all(|(path, bytes)| {
        files
            .iter()
            .all(|(other, before)| !other.ends_with(&path[path.len() - 8..]) || before != bytes)
    }));
    drop(again);
    dir.check("s.db");
}

/// A manifest of the STU4 edition calls what goes wrong another name.
fn as_stu3(manifest: &Value) -> Value {
    let mut manifest = manifest.clone();
    if let Some(outcome) = manifest.get("outcome").cloned() {
        manifest["error"] = outcome;
    }
    manifest
}

// The end.

fn versions(dir: &Dir, condition: &str) -> i64 {
    dir.count("s.db", &format!("SELECT count(*) FROM history WHERE {condition}"))
}

/// The `url`s of the deletions that an export since long ago lists.
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

#[test]
fn an_export_that_is_over_takes_its_rows_and_the_versions_kept_for_it_along() {
    let dir = filled();
    import(&dir, &changed("de"));
    delete_from(&dir, &["Patient/gone", "Provenance/v", "Observation/b1", "Observation/a2"]);
    // One that is there again, one that was deleted twice.
    let again = r#"{"resourceType":"Observation","id":"b1","status":"final"}
{"resourceType":"Observation","id":"a2","status":"amended","subject":{"reference":"Patient/b"}}
"#;
    assert_eq!(import(&dir, again)["created"], 2);
    delete_from(&dir, &["Observation/a2"]);
    let served = dir.serve(&["s.db", "--job-ttl", "1s"]);
    let kickoffs = [by_get("/fhir/$export"), by_get("/fhir/Patient/$export")];
    let started: Vec<String> = kickoffs.iter().map(|kickoff| start(&served, kickoff)).collect();
    for status in &started {
        until("an export is over", || {
            let answer = served.get(status);
            match answer.status {
                200 | 202 => None,
                _ => {
                    answer.assert_outcome(404, "over");
                    Some(())
                }
            }
        });
        assert_gone(&served, &[format!("{status}/Patient.ndjson")]);
        cancel(&served, status).assert_outcome(404, "");
        until("its rows are gone", || (rows_of(&dir, status) == (0, 0)).then_some(()));
    }
    until("replaced versions are gone", || (versions(&dir, "deleted = 0") == 0).then_some(()));
    let left = "deleted = 1 AND (size > 0 OR body <> '') AND type <> 'Provenance'";
    until("the bodies of deleted ones are gone", || (versions(&dir, left) == 0).then_some(()));
    // Of each that is not there any more the last deletion is known, of others none.
    until("deletions that say nothing are gone", || (versions(&dir, "1") == 3).then_some(()));
    assert_eq!(versions(&dir, "type || id IN ('Patientgone', 'Observationa2', 'Provenancev')"), 3);
    // What a Provenance was about stands nowhere else.
    assert_eq!(versions(&dir, "type = 'Provenance' AND body LIKE '%Observation/a1%'"), 1);
    for table in ["compartment", "attachment", "identifier"] {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE seq NOT IN (SELECT seq FROM resource)
                AND seq NOT IN (SELECT seq FROM history)"
        );
        assert_eq!(dir.count("s.db", &sql), 0, "{table}");
    }
    let expected = ["Patient/gone", "Provenance/v", "Observation/a2"];
    assert_eq!(deletions(&served, "/fhir/$export"), expected);
    assert_eq!(deletions(&served, "/fhir/Patient/$export"), expected);
    assert_eq!(deletions(&served, "/fhir/Patient/b/$export"), ["Observation/a2"]);
    assert_eq!(deletions(&served, "/fhir/Patient/a/$export"), ["Provenance/v"]);
    drop(served);
    dir.check("s.db");
    // They can be there again.
    assert_eq!(import(&dir, DATA)["created"], 3);
    dir.check("s.db");
    let served = dir.serve(&["s.db"]);
    assert_eq!(deletions(&served, "/fhir/$export"), [""; 0]);
}

#[test]
fn what_a_live_export_sees_is_kept_for_it_and_no_more() {
    let dir = filled();
    import(&dir, &changed("before"));
    let served = dir.serve(&["s.db", "--job-ttl", "2h"]);
    let mut started = Vec::new();
    let mut files = BTreeMap::new();
    for kickoff in all_kinds() {
        let status = start(&served, &kickoff);
        files.extend(download(&served, &as_stu3(&manifest(&served, &status))));
        started.push(status);
    }
    import(&dir, &changed("after"));
    delete_from(&dir, &["Patient/a", "Observation/a1", "Provenance/v", "DocumentReference/d"]);
    import(&dir, &changed("last"));
    delete_from(&dir, &["Patient/b"]);
    // All of that is older than the time that another server keeps replaced versions for.
    let newest = "SELECT (unixepoch('subsec') * 1000000 - max(ended_at)) > 1100000 FROM history";
    until("it is old", || (dir.count("s.db", newest) == 1).then_some(()));
    let other = dir.serve(&["s.db", "--job-ttl", "1s"]);
    let of = |mark: &str| versions(&dir, &format!("body LIKE '%\"language\":\"{mark}\"%'"));
    until("what nobody sees is gone", || {
        (versions(&dir, "body NOT LIKE '%\"language\"%' AND deleted = 0") == 0).then_some(())
    });
    assert_eq!((of("before"), of("after")), (13, 13));
    for server in [&served, &other] {
        for (path, bytes) in &files {
            assert!(server.get(path).body == *bytes, "{path}");
        }
    }
    // The last of them to go lets everything go.
    for status in &started {
        assert_eq!(versions(&dir, "deleted = 0 AND body LIKE '%\"before\"%'"), 13);
        assert_eq!(cancel(&served, status).status, 202);
    }
    until("what they saw is gone", || (of("before") + of("after") == 0).then_some(()));
    assert_eq!(versions(&dir, "deleted = 1"), 1);
    assert_eq!(deletions(&served, "/fhir/$export"), ["Patient/b"]);
    drop((served, other));
    dir.check("s.db");
}

// Stores that cannot be written, stores of other formats, stores that are busy.

/// Serves a store that cannot be written; what it says on stderr goes to a file.
#[cfg(unix)]
fn served_read_only(dir: &Dir, store: &str) -> Option<Served> {
    let mut command = dir.without_rights(&["serve", store])?;
    command.stderr(std::fs::File::create(dir.path("stderr")).expect("a file"));
    Some(Served::of(command))
}

#[cfg(unix)]
fn writable_again(dir: &Dir) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(dir.path("ro"), mode).expect("a mode");
}

#[cfg(unix)]
#[test]
fn exports_of_a_store_that_cannot_be_written_live_as_long_as_the_server() {
    let dir = filled();
    let served = dir.serve(&["s.db", "--base-url", "http://here.example"]);
    let expected: Vec<_> = all_kinds()
        .iter()
        .map(|kickoff| as_stu3(&manifest(&served, &start(&served, kickoff))))
        .map(|manifest| by_name(download(&served, &manifest)))
        .collect();
    assert_eq!(served.end("-TERM"), 0);
    dir.open("s.db").execute_batch("DELETE FROM job; DELETE FROM job_file").expect("deleted");
    std::fs::create_dir(dir.path("ro")).expect("a folder");
    std::fs::copy(dir.path("s.db"), dir.path("ro/s.db")).expect("a copy");
    let before = dir.read("ro/s.db");
    let Some(served) = served_read_only(&dir, "ro/s.db") else { return };
    let said = dir.text("stderr");
    assert!(said.contains("read-only") && said.contains("forgotten"), "{said:?}");
    let mut started = Vec::new();
    for (kickoff, expected) in all_kinds().iter().zip(&expected) {
        let status = start(&served, kickoff);
        let manifest = as_stu3(&manifest(&served, &status));
        let files = download(&served, &manifest);
        for (path, bytes) in &files {
            assert_all_ways(&served, path, bytes);
        }
        // Their attachments are at another server.
        let host = format!("http://{}", served.authority());
        for (name, bytes) in by_name(files) {
            let bytes = String::from_utf8(bytes).expect("UTF-8");
            let bytes = bytes.replace(&host, "http://here.example");
            assert_eq!(bytes.as_bytes(), expected[&name], "{} {name}", kickoff.target);
        }
        assert_eq!(entries(&manifest).len(), expected.len());
        started.push(status);
    }
    let cancelled = started.pop().expect("several");
    assert_eq!(cancel(&served, &cancelled).status, 202);
    assert_gone(&served, &[cancelled]);
    assert_eq!(served.end("-TERM"), 0);
    let again = served_read_only(&dir, "ro/s.db").expect("again");
    assert_gone(&again, &started);
    drop(again);
    assert!(dir.read("ro/s.db") == before, "the file was changed");
    writable_again(&dir);
}

/// A store of format 1 with more in it than the fixture has. That format is the present one without
/// what came with the second and third.
fn format_1(dir: &Dir, name: &str) {
    dir.fixture(1, "1.db");
    let old = dir.open("1.db");
    old.execute("ATTACH ?1 AS s", [dir.path("s.db").to_str()]).expect("attached");
    old.execute_batch(
        "DELETE FROM resource; DELETE FROM history;
         INSERT INTO resource
           SELECT seq, type, id, version_id, last_updated, assigned, size, hash, body FROM s.resource;
         INSERT INTO history
           SELECT seq, type, id, version_id, last_updated, assigned, size, hash, ended, ended_at,
                  deleted, body FROM s.history;
         INSERT INTO identifier SELECT * FROM s.identifier;
         INSERT OR REPLACE INTO setting SELECT * FROM s.setting WHERE name <> 'store_id';
         DETACH s",
    )
    .expect("filled");
    drop(old);
    std::fs::copy(dir.path("1.db"), dir.path(name)).expect("a copy");
}

/// What SQLite knows of the tables, indexes and views of a store, comments left out.
fn schema(dir: &Dir, store: &str) -> Vec<(String, String)> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    let db = dir.open(store);
    let mut statement = db.prepare(sql).expect("a schema");
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    let parts: Vec<(String, String)> = rows.collect::<Result<_, _>>().expect("texts");
    let code = |line: &str| {
        line.split("--").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let plain = |sql: String| sql.lines().map(code).collect::<Vec<_>>().join("\n");
    parts.into_iter().map(|(name, sql)| (name, plain(sql))).collect()
}

/// Who each current resource, and each version that was replaced, is about.
fn compartments(dir: &Dir, store: &str, table: &str) -> Vec<(String, String)> {
    let sql = format!(
        "SELECT type || '/' || id || ' ' || version_id, patient
           FROM {table} JOIN compartment USING (seq) ORDER BY 1, 2"
    );
    let db = dir.open(store);
    let mut statement = db.prepare(&sql).expect("a statement");
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

#[test]
fn a_store_of_format_1_that_is_served_becomes_one_of_the_present_format() {
    let dir = filled();
    import(&dir, &changed("de"));
    delete_from(&dir, &["Observation/a2"]);
    format_1(&dir, "old.db");
    assert_eq!(dir.count("old.db", "SELECT user_version FROM pragma_user_version"), 1);
    assert!(!schema(&dir, "old.db").iter().any(|(name, _)| name == "compartment"));
    let served = dir.serve(&["old.db"]);
    assert_eq!(dir.count("old.db", "SELECT user_version FROM pragma_user_version"), 3);
    assert_eq!(schema(&dir, "old.db"), schema(&dir, "s.db"));
    // What it holds, imported anew, is about the same patients.
    let bodies: String = dir.bodies("s.db").into_iter().map(|(_, body)| body + "\n").collect();
    dir.write("bodies.ndjson", bodies);
    dir.import(0, &["new.db", "bodies.ndjson"]);
    let about = compartments(&dir, "new.db", "resource");
    assert_eq!(about.len(), 7);
    assert_eq!(compartments(&dir, "old.db", "resource"), about);
    let superseded = compartments(&dir, "s.db", "history");
    assert!(superseded.len() > 5);
    assert_eq!(compartments(&dir, "old.db", "history"), superseded);
    for column in ["count(*)", "sum(relative_urls)"] {
        let sql = format!("SELECT {column} FROM attachment");
        assert_eq!(dir.count("old.db", &sql), dir.count("s.db", &sql), "{column}");
    }
    assert_same_exports(&dir, &served);
    drop(served);
    dir.check("old.db");
}

/// The server must answer every kick-off as one of `s.db` does.
fn assert_same_exports(dir: &Dir, served: &Served) {
    let other = dir.serve(&["s.db"]);
    let files = |served: &Served, kickoff: &Kickoff| {
        let manifest = as_stu3(&manifest(served, &start(served, kickoff)));
        let host = format!("http://{}", served.authority());
        let plain = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8").replace(&host, "");
        let files = by_name(download(served, &manifest)).into_iter();
        files.map(|(name, bytes)| (name, plain(bytes))).collect::<Vec<_>>()
    };
    for kickoff in all_kinds() {
        let got = files(served, &kickoff);
        // Which files there are may depend on the length of the host's name.
        let joined = |files: &[(String, String)]| -> String {
            files.iter().map(|(_, text)| &**text).collect()
        };
        assert_eq!(joined(&got), joined(&files(&other, &kickoff)), "{}", kickoff.target);
        assert!(!got.is_empty());
    }
}

#[cfg(unix)]
#[test]
fn a_store_of_format_1_that_cannot_be_written_is_served_and_left_as_it_is() {
    // Also one that was not closed well, which is in WAL mode still.
    for mode in ["DELETE", "WAL"] {
        let dir = filled();
        import(&dir, &changed("de"));
        delete_from(&dir, &["Observation/a2"]);
        std::fs::create_dir(dir.path("ro")).expect("a folder");
        format_1(&dir, "ro/old.db");
        let db = dir.open("ro/old.db");
        let set: String = db
            .query_row(&format!("PRAGMA journal_mode = {mode}"), (), |row| row.get(0))
            .expect("a mode");
        assert!(set.eq_ignore_ascii_case(mode), "{set}");
        drop(db);
        let before = dir.read("ro/old.db");
        let Some(served) = served_read_only(&dir, "ro/old.db") else { return };
        assert_same_exports(&dir, &served);
        assert_eq!(served.manifest("")["output"].as_array().map(Vec::len), Some(7));
        assert_eq!(served.end("-TERM"), 0);
        assert!(dir.read("ro/old.db") == before, "the file was changed");
        let files: Vec<_> = std::fs::read_dir(dir.path("ro")).expect("a folder").collect();
        assert_eq!(files.len(), 1, "{files:?}");
        writable_again(&dir);
    }
}

/// `tests/formats/2.db.gz` was made like this, with files of the lines in [`FORMAT_2`]:
///
/// ```sh
/// fhirlite import 2.db 1.ndjson && fhirlite delete 2.db Patient/c
/// fhirlite serve 2.db --base-url http://fixture.example --job-ttl 300000d
/// curl 'HOST/fhir/Patient/$export?_since=2000-01-01T00:00:00Z'
/// curl 'HOST/fhir/Group/g/$export?organizeOutputBy=Patient&_elements=status'
/// curl 'HOST/fhir/$export'
/// fhirlite import 2.db 2.ndjson && fhirlite delete 2.db Observation/b1
/// ```
#[test]
fn a_store_of_format_2_is_read_with_its_exports() {
    let dir = Dir::new();
    dir.fixture(2, "s.db");
    dir.check("s.db");
    let served = dir.serve(&["s.db"]);
    let db = dir.open("s.db");
    let mut statement = db.prepare("SELECT id FROM job ORDER BY created_at").expect("jobs");
    let ids: Vec<String> = statement
        .query_map((), |row| row.get(0))
        .expect("rows")
        .collect::<Result<_, _>>()
        .expect("ids");
    let files: Vec<BTreeMap<String, Vec<u8>>> = ids
        .iter()
        .map(|id| {
            let manifest = served.get(&format!("/fhir/jobs/{id}")).json();
            assert!(manifest["request"].as_str().unwrap().starts_with("http://fixture.example/"));
            let files = download(&served, &manifest);
            for (path, bytes) in &files {
                assert_all_ways(&served, path, bytes);
            }
            by_name(files)
        })
        .collect();
    let line = |start: &str| {
        let found = FORMAT_2[0].lines().find(|line| line.starts_with(start)).expect("a line");
        format!("{found}\n")
    };
    let patient = |id: &str| line(&format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\""));
    let observation =
        |id: &str| line(&format!("{{\"resourceType\":\"Observation\",\"id\":\"{id}\""));
    let group = line("{\"resourceType\":\"Group\"");
    let patients = patient("a") + &patient("b");
    let observations = observation("a1") + &observation("b1");
    let deleted = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/c"}}]}"#;
    let text = |files: &BTreeMap<String, Vec<u8>>| -> Vec<(String, String)> {
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).expect("UTF-8");
        files.iter().map(|(name, bytes)| (name.clone(), text(bytes))).collect()
    };
    let named = |files: &[(&str, &str)]| -> Vec<(String, String)> {
        files.iter().map(|(name, text)| (format!("{name}.ndjson"), (*text).to_owned())).collect()
    };
    assert_eq!(files.len(), 3);
    assert_eq!(
        text(&files[0]),
        named(&[
            ("Group", &group),
            ("Observation", &observations),
            ("Patient", &patients),
            ("deleted", &format!("{deleted}\n")),
        ])
    );
    assert_eq!(
        text(&files[2]),
        named(&[("Group", &group), ("Observation", &observations), ("Patient", &patients)])
    );
    let blocks = text(&files[1]);
    let [(name, blocks), (error, missing)] = &blocks[..] else { panic!("{blocks:?}") };
    assert_eq!((&**name, &**error), ("blocks.ndjson", "error.ndjson"));
    assert!(missing.contains("Patient/nowhere"), "{missing}");
    let lines: Vec<Value> =
        blocks.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let seen = |line: &Value| match line["resourceType"].as_str() {
        Some("Parameters") => line["parameter"][0]["valueReference"]["reference"].to_string(),
        _ => format!("{} {} {}", line["id"], line["status"], line["gender"]),
    };
    assert_eq!(
        lines.iter().map(seen).collect::<Vec<_>>(),
        [
            "\"Patient/a\"",
            "\"a\" null null",
            "\"a1\" \"final\" null",
            "\"g\" null null",
            "\"Patient/b\"",
            "\"b\" null null",
            "\"b1\" \"final\" null",
            "\"g\" null null",
            "\"Patient/nowhere\"",
            "\"g\" null null",
        ]
    );
    // And it goes on from there.
    assert_eq!(deletions(&served, "/fhir/Patient/$export"), ["Patient/c", "Observation/b1"]);
    let now =
        manifest(&served, &start(&served, &by_get("/fhir/Patient/$export?_type=Observation")));
    assert_eq!(text(&by_name(download(&served, &now)))[0].1, FORMAT_2[1]);
    let status = format!("/fhir/jobs/{}", ids[0]);
    assert_eq!(cancel(&served, &status).status, 202);
    assert_gone(&served, &[status]);
    assert_eq!(import(&dir, FORMAT_2[0])["created"], 2);
    drop(served);
    dir.check("s.db");
}

/// What was imported into the fixture of format 2, first and in the end.
const FORMAT_2: [&str; 2] = [
    r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"gender":"male"}
{"resourceType":"Patient","id":"b","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"gender":"female"}
{"resourceType":"Patient","id":"c","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"}}
{"resourceType":"Observation","id":"a1","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"status":"final","subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"b1","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"status":"final","subject":{"reference":"Patient/b"}}
{"resourceType":"Group","id":"g","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/b"}},{"entity":{"reference":"Patient/nowhere"}}]}
"#,
    r#"{"resourceType":"Observation","id":"a1","meta":{"versionId":"2","lastUpdated":"2022-01-01T00:00:00Z"},"status":"amended","subject":{"reference":"Patient/a"}}
"#,
];

/// An import whose input has not come to its end keeps the store to itself.
#[test]
fn while_an_import_goes_on_kickoffs_are_told_to_come_again_and_all_else_is_as_always() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let status = start(&served, &by_get("/fhir/Patient/$export"));
    let before = manifest(&served, &status);
    let files = download(&served, &before);
    let mut import = dir
        .command(["import", "s.db", "-", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = import.stdin.take().expect("its standard input");
    input.write_all(changed("de").as_bytes()).expect("written");
    let probe = dir.open("s.db");
    // The server itself writes now and then, but never for so long.
    probe.busy_timeout(Duration::from_secs(1)).expect("set");
    until("the import has the store", || {
        probe.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err().then_some(())
    });
    thread::scope(|scope| {
        let kickoff = scope.spawn(|| ask(&served, &by_get("/fhir/Patient/$export")));
        // All of this before that one is answered.
        for _ in 0..3 {
            assert_eq!(served.get(&status).json(), before);
            assert_eq!(download(&served, &before), files);
            assert_eq!(served.manifest("")["output"].as_array().map(Vec::len), Some(7));
            let patient = served.get("/fhir/Patient/a");
            assert_eq!(patient.status, 200);
            assert!(!patient.text().contains("\"de\""));
            assert_eq!(served.get("/fhir/$bulk-publish").status, 200);
            assert_eq!(served.get("/health").status, 200);
        }
        assert!(!kickoff.is_finished(), "it did not wait for the import");
        let answer = kickoff.join().expect("an answer");
        assert_eq!(answer.status, 503, "{}", answer.text());
        let wait = answer.header("retry-after").expect("a Retry-After");
        assert!(wait.parse::<u32>().is_ok_and(|seconds| seconds > 0), "{wait:?}");
        assert_eq!(answer.header("content-location"), None);
        let outcome = answer.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        assert_eq!(outcome["issue"][0]["code"], "transient");
    });
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 1);
    assert_eq!(served.get(&status).json(), before);
    drop(input);
    assert!(import.wait().expect("it ends").success());
    let after = manifest(&served, &start(&served, &by_get("/fhir/Patient/$export")));
    let text: String = download(&served, &after)
        .values()
        .map(|bytes| String::from_utf8(bytes.clone()).expect("UTF-8"))
        .collect();
    assert_eq!(text.lines().count(), text.matches("\"language\":\"de\"").count());
    assert!(text.contains("\"gone1\""));
    assert!(before["transactionTime"].as_str() < after["transactionTime"].as_str());
    assert_eq!(download(&served, &before), files);
}

#[test]
fn a_kickoff_waits_for_a_short_import_and_so_does_the_end_of_an_export() {
    let dir = slow();
    let served = dir.serve(&["s.db"]);
    let other = dir.open("s.db");
    for kickoff in [by_get("/fhir/$export"), long()] {
        other.execute_batch("BEGIN IMMEDIATE").expect("begun");
        let status = thread::scope(|scope| {
            let status = scope.spawn(|| start(&served, &kickoff));
            // Others are answered, and in the meantime it is on its way.
            assert_eq!(served.manifest("")["output"].as_array().map(Vec::len), Some(2));
            other.execute_batch("ROLLBACK").expect("ended");
            status.join().expect("accepted")
        });
        let running = served.get(&status).status == 202;
        assert_eq!(running, kickoff.target == long().target);
        if running {
            other.execute_batch("BEGIN IMMEDIATE").expect("begun");
            until("the work is done", || {
                let answer = served.get(&status);
                assert_eq!(answer.status, 202, "it was too fast: {}", answer.text());
                answer
                    .header("x-progress")
                    .expect("an X-Progress")
                    .starts_with("100%")
                    .then_some(())
            });
            other.execute_batch("ROLLBACK").expect("ended");
        }
        assert_eq!(manifest(&served, &status)["error"], json!([]));
    }
}

/// Between a kick-off's snapshot and its row in `job` nothing keeps the versions that it sees.
///
/// A transaction that began before the oldest time that replaced versions are kept from is acted
/// out by hand: a real import must take longer than `--job-ttl` for that.
#[test]
fn an_export_accepted_while_a_long_import_ends_misses_nothing() {
    let dir = filled();
    let everything = dir.count("s.db", "SELECT count(*) FROM resource");
    let served = dir.serve(&["s.db", "--job-ttl", "1s"]);
    let other = dir.open("s.db");
    other
        .execute_batch(
            "BEGIN IMMEDIATE;
             INSERT INTO history SELECT seq, type, id, version_id, last_updated, owner, assigned, size,
                                        hash, seq + 1000, 1, 0, body FROM resource;
             UPDATE resource SET seq = seq + 1000;
             UPDATE setting SET value = value + 1000 WHERE name = 'last_seq'",
        )
        .expect("changed");
    // By then those who let versions go are waiting for the import, too.
    let began = chrono::Utc::now();
    until("more than a round has passed", || {
        (chrono::Utc::now() > began + chrono::TimeDelta::milliseconds(2500)).then_some(())
    });
    let answer = thread::scope(|scope| {
        let kickoff = scope.spawn(|| {
            let status = start(&served, &by_get("/fhir/$export"));
            let manifest = manifest(&served, &status);
            download(&served, &manifest)
        });
        for _ in 0..20 {
            assert_eq!(served.get("/health").status, 200);
        }
        other.execute_batch("COMMIT").expect("ended");
        kickoff.join().expect("files")
    });
    let lines = answer.values().flatten().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines as i64, everything);
}

/// That a job is complete is written down apart from that there is one.
#[test]
fn a_kickoff_is_answered_although_an_import_begins_at_that_moment() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let other = dir.open("s.db");
    let newest = "SELECT state FROM job ORDER BY created_at DESC, rowid DESC LIMIT 1";
    for round in 0..50 {
        thread::scope(|scope| {
            let kickoff = scope.spawn(|| ask(&served, &by_get("/fhir/$export")));
            let is_there = || dir.count("s.db", "SELECT count(*) FROM job") > round;
            while !is_there() && !kickoff.is_finished() {
                thread::yield_now();
            }
            other.execute_batch("BEGIN IMMEDIATE").expect("begun");
            let state: String = other.query_row(newest, (), |row| row.get(0)).expect("a job");
            let in_time = (0..1000).any(|_| {
                thread::sleep(Duration::from_millis(20));
                kickoff.is_finished()
            });
            other.execute_batch("ROLLBACK").expect("ended");
            assert!(in_time, "round {round}: {state}, and its client hears nothing");
            assert_eq!(kickoff.join().expect("an answer").status, 202);
        });
    }
}

#[test]
fn an_export_that_cannot_be_made_fails_and_says_so() {
    let dir = filled();
    let mut command = dir.command(["serve", "s.db"]);
    command.stderr(std::fs::File::create(dir.path("stderr")).expect("a file"));
    let served = Served::of(command);
    dir.open("s.db").execute_batch("DROP TABLE compartment").expect("dropped");
    let path = "/fhir/Patient/$export";
    let status = start(&served, &by_get(path));
    for _ in 0..2 {
        let answer = ended(&served, &status);
        answer.assert_outcome(500, "failed");
        assert!(!answer.text().contains("compartment"), "clients need not know");
    }
    assert!(dir.text("stderr").contains("compartment"), "its log should say more");
    let prefer = "Prefer: respond-async, separate-export-status\r\n";
    let apart = Kickoff { headers: prefer, ..by_get(path) };
    let accepted = ask(&served, &apart);
    assert_eq!(
        accepted.header("preference-applied"),
        Some("respond-async, separate-export-status")
    );
    let location = path_of(accepted.header("content-location").expect("a Content-Location"));
    let answer = until("it has failed", || {
        let answer = served.get(&location);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let said = answer.header("x-export-status").expect("an X-Export-Status");
        (said != "202 Accepted").then_some(answer)
    });
    assert_eq!(answer.header("x-export-status"), Some("500 Internal Server Error"));
    assert_eq!(answer.json()["resourceType"], "OperationOutcome");
    assert_eq!(answer.json()["issue"][0]["severity"], "error");
    assert_gone(&served, &[format!("{status}/Patient.ndjson"), format!("{status}/manifest/2")]);
    // It stays failed for the next server, and can be given up.
    drop(served);
    let again = dir.serve(&["s.db"]);
    again.get(&status).assert_outcome(500, "failed");
    assert_eq!(cancel(&again, &status).status, 202);
    assert_gone(&again, std::slice::from_ref(&status));
    assert_eq!(rows_of(&dir, &status), (0, 0));
    // What needs nothing of that goes well.
    manifest(&again, &start(&again, &by_get("/fhir/$export")));
}

#[test]
fn an_export_that_one_server_accepted_can_be_had_from_another_at_the_same_store() {
    let dir = slow();
    let [one, two] = [(); 2].map(|()| dir.serve(&["s.db"]));
    let started: Vec<String> = (0..5).map(|_| start(&one, &long())).collect();
    let last = &started[4];
    let answer = two.get(last);
    assert_eq!(answer.status, 202, "{}", answer.text());
    let progress = answer.header("x-progress").expect("an X-Progress");
    assert!((1..100).contains(&progress.len()), "{progress:?}");
    assert!(answer.header("retry-after").is_some());
    // What is cancelled at one is not completed by the other.
    assert_eq!(cancel(&two, &started[3]).status, 202);
    let at_two = manifest(&two, last);
    let at_one = manifest(&one, last);
    assert_eq!(at_two, at_one);
    assert!(at_two["output"][0]["url"].as_str().unwrap().starts_with(&one.url));
    let files = download(&two, &at_two);
    assert!(files == download(&one, &at_one));
    let (path, bytes) = files.first_key_value().expect("a file");
    assert_all_ways(&two, path, bytes);
    assert_gone(&one, &[started[3].clone()]);
    assert_eq!(rows_of(&dir, &started[3]), (0, 0));
    assert_eq!(cancel(&two, last).status, 202);
    for served in [&one, &two] {
        assert_gone(served, &[last.clone(), path.clone()]);
    }
}
