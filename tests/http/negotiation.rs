//! Content negotiation: `Accept`, `_format`, `Accept-Encoding`.

use super::{lines, patients, two_types};
use crate::rest::filled;
use crate::support::client::Answer;
use crate::support::gunzip;

#[test]
fn a_request_for_another_format_than_json_is_406() {
    let (_dir, served) = filled();
    let json = [
        "/fhir/metadata",
        "/fhir/Patient/a",
        "/fhir/Patient/a/_history/1",
        "/fhir/Patient",
        "/fhir/$export",
        "/fhir/Binary/broken",
    ];
    let done = |answer: Answer| matches!(answer.status, 200 | 202);
    for target in json {
        for accept in ["application/fhir+xml", "text/html", "text/turtle, application/xml"] {
            let answer = served.get_with(target, &format!("Accept: {accept}\r\n"));
            answer.assert_outcome(406, "application/fhir+json");
        }
        served.get_with(&format!("{target}?_format=xml"), "").assert_outcome(406, "json");
        let over = format!("{target}?_format=json");
        assert!(done(served.get_with(&over, "Accept: application/fhir+xml\r\n")), "{target}");
        for accept in [
            "*/*",
            "application/*",
            "text/html, */*;q=0.1",
            "application/json;charset=utf-8",
            "application/fhir+xml\r\nAccept: application/fhir+json",
        ] {
            assert!(done(served.get_with(target, &format!("Accept: {accept}\r\n"))), "{accept}");
        }
    }
}

/// export, `Accept`: a client may name the format of the files, which is not that of the answer.
#[test]
fn a_kick_off_takes_the_format_of_the_files_in_accept() {
    let (_dir, served) = filled();
    for target in ["/fhir/$export", "/fhir/Patient/$export", "/fhir/Group/g/$export"] {
        for ndjson in
            ["application/fhir+ndjson", "application/ndjson", "text/html, application/x-ndjson"]
        {
            let answer = served.get_with(target, &format!("Accept: {ndjson}\r\n"));
            assert_eq!(answer.status, 202, "{target} {ndjson}: {}", answer.text());
            assert_eq!(answer.header("content-type"), Some("application/fhir+json"));
        }
        let refused = served.get_with(target, "Accept: application/fhir+ndjson;q=0\r\n");
        refused.assert_outcome(406, "application/fhir+json");
    }
    // Elsewhere the answer itself is meant.
    let answer = served.get_with("/fhir/Patient/a", "Accept: application/fhir+ndjson\r\n");
    answer.assert_outcome(406, "application/fhir+json");
}

#[test]
fn files_are_compressed_only_for_clients_that_prefer_gzip() {
    let (_dir, served) = two_types();
    let file = patients(&served);
    for accepted in ["gzip", "deflate, GZIP;q=0.5", "br, gzip"] {
        let answer = served.get_with(&file, &format!("Accept-Encoding: {accepted}\r\n"));
        assert_eq!(answer.header("content-encoding"), Some("gzip"), "{accepted}");
        assert_eq!(answer.header("vary"), Some("Accept-Encoding, Origin"));
        assert_eq!(gunzip(&answer.body), lines("Patient"));
    }
    for accepted in ["identity", "gzip;q=0", "gzip;Q=0.0", "br", "identity;q=1, gzip;q=0.1"] {
        let answer = served.get_with(&file, &format!("Accept-Encoding: {accepted}\r\n"));
        assert_eq!(
            (answer.header("content-encoding"), answer.body.clone()),
            (None, lines("Patient")),
            "{accepted}"
        );
    }
}
