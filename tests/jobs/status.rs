//! The status of a job, from the first poll to completion or failure.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{
    Kickoff, ask, assert_gone, by_get, by_name, cancel, download, ended, entries, filled, id_of,
    large, long, manifest, path_of, rows_of, start,
};
use crate::support::Held;
use crate::support::bulk::ended_at;

#[test]
fn a_system_export_is_complete_at_the_first_poll() {
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
fn a_status_shows_progress_until_the_export_is_complete() {
    let dir = large();
    let served = dir.serve_with_log(&["s.db"]);
    let held = Held::new(&dir);
    // Two jobs are worked on at once, so the last one waits.
    let started: Vec<String> = (0..5).map(|_| start(&served, &long())).collect();
    let last = started.last().expect("several");
    for status in &started {
        let answer = served.get(status);
        assert_eq!(answer.status, 202, "{}", answer.text());
        let progress = answer.header("x-progress").expect("an X-Progress");
        assert!((1..100).contains(&progress.len()), "{progress:?}");
        let wait = answer.header("retry-after").expect("a Retry-After");
        assert!(wait.parse::<u32>().is_ok_and(|seconds| seconds > 0), "{wait:?}");
        assert_eq!(answer.header("expires"), None);
        // None of its files is there before all of them are.
        served.get(&format!("{status}/blocks.ndjson")).assert_outcome(404, "");
    }
    held.release();
    let done = ended(&served, last);
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(done.header("content-type"), Some("application/json"));
    assert_eq!(done.header("x-progress"), None);
    let manifests: Vec<Value> = started.iter().map(|status| manifest(&served, status)).collect();
    let first = by_name(download(&served, &manifests[0]));
    let sql = format!("SELECT sum(bytes) FROM job_file WHERE job = '{}'", id_of(last));
    assert_eq!(first.values().map(Vec::len).sum::<usize>() as i64, dir.count("s.db", &sql));
    for manifest in &manifests {
        assert_eq!(manifest["output"][0]["count"], 10_100, "without the headers");
        assert!(by_name(download(&served, manifest)) == first);
    }
}

#[test]
fn a_manifest_says_when_it_expires() {
    let dir = filled();
    let served = dir.serve(&["s.db", "--job-ttl", "2h"]);
    for kickoff in [by_get("/fhir/$export"), by_get("/fhir/Patient/$export")] {
        let before = Utc::now();
        let status = start(&served, &kickoff);
        let answer = ended(&served, &status);
        let after = Utc::now();
        assert_eq!(answer.status, 200);
        let said = answer.header("expires").expect("an Expires").to_owned();
        assert!(said.ends_with(" GMT"), "{said}");
        let expires = DateTime::parse_from_rfc2822(&said).expect("an HTTP-date");
        // An HTTP-date has whole seconds.
        let two_hours = TimeDelta::hours(2);
        assert!(expires > before + two_hours - TimeDelta::seconds(1), "{said}");
        assert!(expires <= after + two_hours, "{said}");
        assert_eq!(served.get(&status).header("expires"), Some(&*said), "polling changes nothing");
    }
}

#[test]
fn unknown_jobs_files_and_pages_are_404() {
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

#[test]
fn an_export_that_cannot_be_made_fails_with_a_reason_in_the_log_alone() {
    let dir = filled();
    let served = dir.serve_with_log(&["s.db"]);
    dir.open("s.db").execute_batch("DROP TABLE compartment").expect("dropped");
    let path = "/fhir/Patient/$export";
    let status = start(&served, &by_get(path));
    for _ in 0..2 {
        let answer = ended(&served, &status);
        answer.assert_outcome(500, "failed");
        assert!(!answer.text().contains("compartment"), "clients need not know");
    }
    let prefer = "Prefer: respond-async, separate-export-status\r\n";
    let separate = Kickoff { headers: prefer, ..by_get(path) };
    let accepted = ask(&served, &separate);
    assert_eq!(
        accepted.header("preference-applied"),
        Some("respond-async, separate-export-status")
    );
    let location = path_of(accepted.header("content-location").expect("a Content-Location"));
    let answer = ended_at(served.authority(), &location, "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-export-status"), Some("500 Internal Server Error"));
    assert_eq!(answer.json()["resourceType"], "OperationOutcome");
    assert_eq!(answer.json()["issue"][0]["severity"], "error");
    assert_gone(&served, &[format!("{status}/Patient.ndjson"), format!("{status}/manifest/2")]);
    assert_eq!(served.end("-TERM"), 0);
    assert!(dir.text("stderr").contains("compartment"), "the log should give the reason");
    // It stays failed for the next server, and can be deleted.
    let again = dir.serve(&["s.db"]);
    again.get(&status).assert_outcome(500, "failed");
    assert_eq!(cancel(&again, &status).status, 202);
    assert_gone(&again, std::slice::from_ref(&status));
    assert_eq!(rows_of(&dir, &status), (0, 0));
    // An export that does not need the missing table completes.
    manifest(&again, &start(&again, &by_get("/fhir/$export?_type=Binary,Patient")));
}
