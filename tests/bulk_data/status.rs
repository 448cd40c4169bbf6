//! The status of an export: under way, complete, failed, deleted.

use super::client::{EDITIONS, assert_outcome_body, delete, ended, kick_off, list, string};
use super::data::{filled, filled_dir};
use crate::support::bulk::{is_under_way, location};
use crate::support::{Dir, Held, Served};

/// Serves the usual store, with the server's log in a file.
fn logged() -> (Dir, Served) {
    let dir = filled_dir();
    let served = dir.serve_with_log(&["s.db"]);
    (dir, served)
}

/// Serves a store that accepts kick-offs by patient and then lacks a table that these exports need.
fn failing() -> (Dir, Served) {
    let (dir, served) = logged();
    dir.open("s.db").execute_batch("DROP TABLE compartment").expect("dropped");
    (dir, served)
}

/// export: The Data Provider SHALL indicate an in-progress export job as follows:
///
/// async: The server SHALL indicate an in-progress asynchronous job with the following response
/// status and headers:
///
/// export: When a Prefer header value of `separate-export-status` is provided in the kickoff
/// request and supported by the Data Provider, the HTTP status code in the response to a Bulk Data
/// Status request SHALL reflect the status request itself, and not the export job.
///
/// export: In this case, when the HTTP status code of the Bulk Data Status request is `200 OK`, the
/// response SHALL also include an `X-Export-Status` header with an HTTP status code that reflects
/// the status of the export job.
///
/// async: When a Prefer header value of `separate-export-status` is provided in the kick-off
/// request and supported by the server, the HTTP status code in the response to a Bulk Data Status
/// Request SHALL reflect the status request itself, and not the asynchronous job.
///
/// async: In this case, when the HTTP status code of the Bulk Data Status Request is `200 OK`, the
/// response SHALL also include an `X-Export-Status` header with an HTTP status code that reflects
/// the status of the asynchronous job.
///
/// async: When a Prefer header value of `separate-export-status` was provided in the kick-off
/// request and is supported by the server, the HTTP status code in the response to this request
/// SHALL reflect the status request itself, and not the asynchronous job.
///
/// async: In this case, when the HTTP status code of this request is `200 OK`, the response SHALL
/// also include an `X-Export-Status` header with an HTTP status code that reflects the status of
/// the asynchronous job.
#[test]
fn an_export_under_way_is_202_in_the_status_or_in_x_export_status() {
    let (dir, served) = logged();
    let held = Held::new(&dir);
    let mut started = Vec::new();
    for (prefer, under_way, done) in [
        ("respond-async", (202, None), (200, None)),
        (
            "respond-async,separate-export-status",
            (200, Some("202 Accepted")),
            (200, Some("200 OK")),
        ),
    ] {
        for edition in EDITIONS {
            let path = format!("/fhir/Patient/{edition}");
            let headers = format!("Prefer: {prefer}\r\n");
            let by_patient = [string("organizeOutputBy", "Patient")];
            let location = location(&kick_off(&served, &path, &headers, &by_patient));
            let first = served.get(&location);
            assert_eq!(
                (first.status, first.header("x-export-status")),
                under_way,
                "{path} {prefer}"
            );
            let progress = first.header("x-progress").expect("an X-Progress");
            assert!(progress.len() < 100, "{progress}");
            let wait = first.header("retry-after").expect("a Retry-After");
            assert!(wait.parse::<u32>().is_ok(), "{wait}");
            started.push((location, done));
        }
    }
    held.release();
    for (location, done) in started {
        let last = ended(&served, &location);
        assert_eq!((last.status, last.header("x-export-status")), done, "{location}");
    }
}

/// export: The Data Provider SHALL indicate a completed export job as follows:
///
/// async: The server SHALL indicate a completed asynchronous job with the following response status
/// and headers:
///
/// export: The response SHALL include a `Content-Type` header of `application/json` and a body
/// containing the output manifest described below.
///
/// async: The response SHALL include a `Content-Type` header of `application/json` and a body
/// containing the operation-specific manifest described below.
#[test]
fn a_completed_export_is_200_with_its_manifest() {
    let (_dir, served) = filled();
    for (edition, members) in [
        ("$export", &["error", "output", "request", "requiresAccessToken", "transactionTime"][..]),
        (
            "$export-v4",
            &[
                "manifestType",
                "outcome",
                "output",
                "outputFormat",
                "requiresAccessToken",
                "transactionTime",
            ],
        ),
    ] {
        for (prefer, export_status) in
            [("respond-async", None), ("respond-async, separate-export-status", Some("200 OK"))]
        {
            for level in ["", "Patient/"] {
                let path = format!("/fhir/{level}{edition}");
                let headers = format!("Prefer: {prefer}\r\n");
                let done = ended(&served, &location(&kick_off(&served, &path, &headers, &[])));
                assert!(done.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", done.head);
                assert_eq!(done.header("x-export-status"), export_status, "{path}");
                assert_eq!(done.header("content-type"), Some("application/json"));
                assert!(done.header("expires").is_some_and(|date| date.ends_with(" GMT")));
                let manifest = done.json();
                let object = manifest.as_object().expect("an object");
                let mut found: Vec<&str> = object.keys().map(String::as_str).collect();
                found.sort_unstable();
                assert_eq!(found, members, "{path}");
                for file in list(&manifest["output"]) {
                    let mut keys: Vec<&str> =
                        file.as_object().unwrap().keys().map(String::as_str).collect();
                    keys.sort_unstable();
                    let v4 = &["count", "fileSize", "type", "url"][..];
                    let v3 = &["count", "type", "url"][..];
                    assert_eq!(keys, if edition == "$export" { v3 } else { v4 }, "{file}");
                }
            }
        }
    }
}

/// export: The Data Provider SHALL indicate an export job failure as follows:
///
/// async: The server SHALL indicate an asynchronous job failure with the following response status
/// and headers:
#[test]
fn a_failed_export_is_an_error_in_the_status_or_in_x_export_status() {
    let (_dir, served) = failing();
    for edition in EDITIONS {
        for (prefer, status, export_status) in [
            ("respond-async", 500, None),
            ("respond-async, separate-export-status", 200, Some("500")),
        ] {
            let path = format!("/fhir/Patient/{edition}");
            let headers = format!("Prefer: {prefer}\r\n");
            let location = location(&kick_off(&served, &path, &headers, &[]));
            // It stays failed.
            for _ in 0..2 {
                let failed = ended(&served, &location);
                assert_eq!(failed.status, status, "{path} {prefer}: {}", failed.text());
                let said = failed.header("x-export-status").map(|value| &value[..3]);
                assert_eq!(said, export_status, "{path} {prefer}");
                assert_outcome_body(&failed);
                assert_eq!(failed.json()["issue"][0]["severity"], "error");
            }
        }
    }
}

/// export, async: When the body is a FHIR `OperationOutcome` resource, the response SHALL include a
/// `Content-Type` header of `application/fhir+json`.
#[test]
fn an_operation_outcome_is_fhir_json() {
    let (_dir, served) = failing();
    let started = kick_off(&served, "/fhir/Patient/$export-v4", "", &[]);
    let location = location(&started);
    let unknown = format!("{}/fhir/jobs/{}", served.url, "0".repeat(32));
    for (answer, status) in [
        (started, 202),
        (ended(&served, &location), 500),
        (served.get(&unknown), 404),
        (delete(&served, &unknown), 404),
        (delete(&served, &location), 202),
        (served.get(&location), 404),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_outcome_body(&answer);
    }
}

/// export, async: The Data Provider SHALL return a successful delete response with HTTP status `202
/// Accepted`.
///
/// export, async: Following the delete request, when subsequent requests are made to the polling
/// location, the Data Provider SHALL return a `404 Not Found` error and an associated FHIR
/// `OperationOutcome` resource in JSON format.
#[test]
fn a_deleted_export_is_gone() {
    let (dir, served) = logged();
    let start = |level: &str| -> Vec<String> {
        let of = |edition: &str, prefer: &str| {
            location(&kick_off(&served, &format!("/fhir/{level}{edition}"), prefer, &[]))
        };
        let separate = "Prefer: respond-async, separate-export-status\r\n";
        EDITIONS
            .iter()
            .flat_map(|edition| ["", separate].map(|prefer| of(edition, prefer)))
            .collect()
    };
    let held = Held::new(&dir);
    let under_way = start("Patient/");
    for location in &under_way {
        assert!(is_under_way(&served.get(location)), "{location}");
        assert_deletable(&served, location);
    }
    held.release();
    let complete = [start("Patient/"), start("")].concat();
    for location in &complete {
        assert_eq!(ended(&served, location).status, 200);
        assert_deletable(&served, location);
    }
    // Nor does the work on the first ones bring them back.
    for location in under_way {
        served.get(&location).assert_outcome(404, "");
    }
}

fn assert_deletable(served: &Served, location: &str) {
    let deleted = delete(served, location);
    assert!(deleted.head.starts_with("HTTP/1.1 202 Accepted\r\n"), "{}", deleted.head);
    for _ in 0..3 {
        served.get(location).assert_outcome(404, "");
        delete(served, location).assert_outcome(404, "");
    }
}

/// export, async: The Data Provider SHALL return an error response with: HTTP status `4XX` or
/// `5XX`; FHIR `OperationOutcome` resource in the body in JSON format
#[test]
fn deleting_an_unknown_export_is_an_error() {
    let (_dir, served) = filled();
    let location = location(&kick_off(&served, "/fhir/$export", "", &[]));
    for id in ["0".repeat(32), "0".repeat(31), "x".repeat(32)] {
        delete(&served, &format!("{}/fhir/jobs/{id}", served.url)).assert_outcome(404, "");
    }
    // The other export is still there, until it is deleted itself.
    assert_eq!(ended(&served, &location).status, 200);
    assert_eq!(delete(&served, &location).status, 202);
    delete(&served, &location).assert_outcome(404, "");
}
