//! `$bulk-publish`: the manifest that anybody can get, and its files.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use super::client::{PUBLISH, assert_outcome_body, download, files, ids, lines, list, pages, text};
use super::data::{all_ids, filled, filled_dir};
use crate::support::client::send;

fn instant(value: &Value) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(&text(value)).expect("an instant")
}

/// publish: A Data Provider SHALL support retrieval of a Bulk Publish manifest through an HTTP GET
/// request to an endpoint that terminates with a `$bulk-publish` segment.
///
/// publish: The Data Provider SHALL return a manifest response with: HTTP status `200 OK`;
/// `Content-Type` header of `application/json`; Body of a root manifest page (see [Manifest
/// Elements](#manifest-elements))
#[test]
fn a_get_returns_the_published_manifest() {
    let (_dir, served) = filled();
    for path in [PUBLISH, "/fhir/%24bulk-publish"] {
        let answer = served.get(path);
        assert!(answer.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", answer.head);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let manifest = answer.json();
        assert!(manifest["transactionTime"].is_string(), "{manifest}");
        assert_eq!(manifest["requiresAccessToken"], false);
        assert_eq!(ids(&served, &pages(&served, path)), all_ids());
    }
}

/// publish: The Data Provider SHOULD populate the `updateCadence` element to indicate the frequency
/// with which the Data Provider expects to update the manifest.
#[test]
fn the_published_manifest_tells_its_cadence() {
    let (_dir, served) = filled();
    assert_eq!(served.get(PUBLISH).json()["updateCadence"], "P1D");
    let dir = filled_dir();
    let served = dir.serve(&["s.db", "--update-cadence", "PT15M"]);
    assert_eq!(served.get(PUBLISH).json()["updateCadence"], "PT15M");
    let ran = dir.run(["serve", "s.db", "--update-cadence", "15m"]);
    assert!(ran.code == 2 && ran.stderr.contains("PT15M"), "{}", ran.stderr);
}

/// publish: When included, the `ETag` value SHALL change when the manifest body changes.
#[test]
fn a_changed_published_manifest_has_another_etag() {
    let (dir, served) = filled();
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for round in 0..4 {
        if round > 0 {
            let more =
                format!("{{\"resourceType\":\"Patient\",\"id\":\"more\",\"round\":{round}}}\n");
            dir.write("more.ndjson", more);
            dir.import(0, &["s.db", "more.ndjson"]);
        }
        let answer = served.get(PUBLISH);
        assert_eq!(answer.status, 200);
        let etag = answer.header("etag").expect("an ETag").to_owned();
        for (old_etag, old_body) in &seen {
            assert_ne!(*old_body, answer.body, "an import changes the manifest");
            assert_ne!(*old_etag, etag);
        }
        seen.push((etag, answer.body));
    }
}

/// publish: The Data Provider MAY update the manifest at any time and SHALL use the
/// `transactionTime` element to indicate when the files were generated.
///
/// publish: The files referenced by the manifest SHOULD NOT include any FHIR resources modified
/// after this instant, and SHALL include any matching resources modified up to and including this
/// instant.
///
/// publish, manifest field `transactionTime`: The published files referenced in this manifest
/// SHOULD NOT include any resources modified after this instant, and SHALL include any matching
/// resources modified up to and including this instant.
#[test]
fn the_published_files_hold_everything_up_to_the_transaction_time() {
    let (dir, served) = filled();
    let mut expected = all_ids();
    let mut last = None;
    for id in ["n1", "n2", "n3"] {
        dir.write("more.ndjson", format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\"}}\n"));
        dir.import(0, &["s.db", "more.ndjson", "--stamp"]);
        expected.push(format!("Patient/{id}"));
        expected.sort();
        let pages = pages(&served, PUBLISH);
        assert_eq!(ids(&served, &pages), expected);
        for page in &pages {
            let time = instant(&page["transactionTime"]);
            assert!(last.is_none_or(|last| last < time), "{last:?} is not before {time}");
            for line in list(&page["output"]).iter().flat_map(|file| lines(&served, file)) {
                assert!(instant(&line["meta"]["lastUpdated"]) <= time, "{time}: {line}");
            }
        }
        last = Some(instant(&pages[0]["transactionTime"]));
    }
}

/// publish: File URLs SHALL NOT be reused between updates unless their contents have remained the
/// same, and files that no longer appear in a manifest SHOULD remain available for a grace period
/// following an update to avoid interrupting downloads that are in progress.
///
/// publish: For a given file URL, file contents are immutable: if the content changes, the Data
/// Provider SHALL publish it at a new URL.
#[test]
fn a_published_url_always_returns_the_same_bytes() {
    let (dir, served) = filled();
    let mut published: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut urls_of_patients = BTreeSet::new();
    for round in 0..4 {
        match round {
            1 => {
                let changed = r#"{"resourceType":"Patient","id":"a","active":true}"#;
                dir.write("change.ndjson", changed);
                assert_eq!(dir.import(0, &["s.db", "change.ndjson"])["updated"], 1);
            }
            2 => {
                let added = r#"{"resourceType":"Patient","id":"d"}"#;
                dir.write("add.ndjson", added);
                assert_eq!(dir.import(0, &["s.db", "add.ndjson"])["created"], 1);
            }
            3 => assert_eq!(dir.run(["delete", "s.db", "Patient/b"]).code, 0),
            _ => {}
        }
        for page in pages(&served, PUBLISH) {
            for file in files(&page) {
                let bytes = download(&served, file);
                let url = text(&file["url"]);
                if file["type"] == "Patient" {
                    assert!(urls_of_patients.insert(url.clone()), "{url} again");
                }
                published.entry(url).or_insert(bytes);
            }
        }
        // Files that the manifest no longer lists are still available: only a moment has passed.
        for (url, bytes) in &published {
            let answer = served.get(url);
            assert_eq!(answer.status, 200, "{url}");
            assert!(answer.body == *bytes, "{url} has changed");
        }
    }
    assert_eq!(urls_of_patients.len(), 4);
}

/// publish: The `link` element in the manifest page returned at `[base]/$bulk-publish` SHALL NOT
/// include a `url` with a value of `#pending`.
#[test]
fn the_published_manifest_is_one_page_and_not_pending() {
    let (_dir, served) = filled();
    let root = served.get(PUBLISH).json();
    assert_eq!(root.get("link"), None, "{root}");
    assert_eq!(ids(&served, [&root]), all_ids());
}

/// publish: When the body is a FHIR `OperationOutcome` resource, the response SHALL include a
/// `Content-Type` header of `application/fhir+json`.
///
/// publish: The Data Provider SHALL return an error response with HTTP status `4XX` or `5XX`.
#[test]
fn other_requests_for_the_published_manifest_are_errors() {
    let (_dir, served) = filled();
    assert_eq!(served.get(PUBLISH).status, 200);
    for (method, path) in [
        ("POST", PUBLISH.to_owned()),
        ("PUT", PUBLISH.to_owned()),
        ("GET", format!("{PUBLISH}/nothing")),
        ("GET", "/fhir/Patient/$bulk-publish".to_owned()),
    ] {
        let answer = send(served.authority(), method, &path, "Content-Length: 0\r\n", b"");
        assert!((400..600).contains(&answer.status), "{method} {path}: {}", answer.status);
        assert_outcome_body(&answer);
    }
}
