//! The files of an export: versions, compression, media types.

use std::collections::BTreeSet;

use super::client::{
    EDITIONS, FILE_LISTS, PUBLISH, delete, download, ended, kick_off, lines, list, manifest,
    manifests, pages, since, string, text,
};
use super::data::{DATA, filled};
use crate::support::bulk::location;
use crate::support::gunzip;

/// export, async: Returned content SHALL include only the most recent version of any returned
/// resources unless the Data Consumer explicitly requests different behavior in a fashion supported
/// by the Data Provider.
///
/// publish: A single data file SHALL include only the most recent version of any resource, though
/// manifests that are updated incrementally MAY include an updated version of the resource in a
/// subsequent file.
#[test]
fn only_the_latest_version_is_returned() {
    let (dir, served) = filled();
    for version in ["2", "3"] {
        let changed = DATA
            .lines()
            .filter(|line| line.contains("Observation\",") || line.contains("Patient\","))
            .map(|line| line.replace(r#""versionId":"1""#, &format!("\"versionId\":\"{version}\"")))
            .collect::<Vec<_>>();
        dir.write("change.ndjson", changed.join("\n"));
        assert_eq!(dir.import(0, &["s.db", "change.ndjson"])["updated"], 7);
    }
    for manifest in manifests(&served).iter().chain([
        &manifest(&served, "/fhir/Patient/$export", &[]),
        &manifest(&served, "/fhir/Group/g/$export-v4", &[since("2019-01-01T00:00:00Z")]),
    ]) {
        let mut seen = BTreeSet::new();
        for line in list(&manifest["output"]).iter().flat_map(|file| lines(&served, file)) {
            let kind = text(&line["resourceType"]);
            let latest = if kind == "Observation" || kind == "Patient" { "3" } else { "1" };
            assert_eq!(line["meta"]["versionId"], latest, "{line}");
            assert!(seen.insert(format!("{kind}/{}", line["id"])), "{line} comes twice");
        }
        assert!(seen.contains("Observation/\"oa1\""), "{seen:?}");
    }
}

/// export, async: A Data Provider SHALL provide files as uncompressed, with `gzip` compression, or
/// with another compression format from the `Accept-Encoding` header.
///
/// export, async: When compression is used, a Data Provider SHALL communicate this to the Data
/// Consumer by including a `Content-Encoding` header in the response.
///
/// publish: A Data Provider SHALL provide output files as uncompressed, with `gzip` compression, or
/// with another compression format from the `Accept-Encoding` header.
///
/// publish: When compression is used, a Data Provider SHALL communicate this to the Data Consumer
/// by including a `Content-Encoding` header in the response.
#[test]
fn files_are_plain_or_gzip_and_say_so() {
    let (_dir, served) = filled();
    for manifest in manifests(&served) {
        for file in list(&manifest["output"]) {
            let url = text(&file["url"]);
            let plain = download(&served, file);
            for (accepted, encoding) in [
                ("", None),
                ("Accept-Encoding: identity\r\n", None),
                ("Accept-Encoding: br\r\n", None),
                ("Accept-Encoding: gzip;q=0\r\n", None),
                ("Accept-Encoding: gzip\r\n", Some("gzip")),
                ("Accept-Encoding: br, gzip\r\n", Some("gzip")),
            ] {
                let answer = served.get_with(&url, accepted);
                assert_eq!(answer.status, 200);
                assert_eq!(answer.header("content-encoding"), encoding, "{accepted} {url}");
                let body = if encoding.is_some() { gunzip(&answer.body) } else { answer.body };
                assert!(body == plain, "{accepted} {url}");
            }
        }
    }
}

/// export, async: The Data Provider SHALL return a successful file response with: HTTP status `200
/// OK`; `Content-Type` header that matches the file format being delivered; Body of FHIR resources
/// in newline delimited JSON, [NDJSON](https://github.com/ndjson/ndjson-spec), or another requested
/// format
///
/// publish: The Data Provider SHALL return a successful file response with: HTTP status `200 OK`;
/// `Content-Type` header that matches the file format being delivered; Body of FHIR resources in
/// [NDJSON](https://github.com/ndjson/ndjson-spec) - Newline-Delimited JSON, or other requested
/// format
///
/// export, async, publish: For files in NDJSON format, the `Content-Type` header SHALL be
/// `application/fhir+ndjson`.
#[test]
fn files_are_ndjson_and_say_so() {
    let (dir, served) = filled();
    assert_eq!(dir.run(["delete", "s.db", "Observation/ob"]).code, 0);
    let mut all = manifests(&served);
    for edition in EDITIONS {
        // One file of each kind, and one of blocks.
        let asked = [since("2019-01-01T00:00:00Z")];
        all.push(manifest(&served, &format!("/fhir/Group/lost/{edition}"), &asked));
        all.push(manifest(&served, &format!("/fhir/Patient/{edition}"), &asked));
        let asked = [string("organizeOutputBy", "Patient")];
        all.push(manifest(&served, &format!("/fhir/Group/g/{edition}"), &asked));
    }
    let mut kinds = BTreeSet::new();
    for manifest in &all {
        for key in FILE_LISTS {
            for file in list(&manifest[key]) {
                kinds.insert(key);
                for accept in ["", "Accept: application/fhir+ndjson\r\n", "Accept: */*\r\n"] {
                    let answer = served.get_with(&text(&file["url"]), accept);
                    assert!(answer.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", answer.head);
                    assert_eq!(answer.header("content-type"), Some("application/fhir+ndjson"));
                    assert!(answer.body.ends_with(b"}\n"), "{file}");
                }
                for line in lines(&served, file) {
                    assert!(line["resourceType"].is_string(), "{file}: {line}");
                }
            }
        }
    }
    assert_eq!(kinds, FILE_LISTS.into_iter().collect());
}

/// export, async, publish: The Data Provider SHALL return an error response with HTTP status `4XX`
/// or `5XX`.
#[test]
fn a_missing_file_is_an_error() {
    let (_dir, served) = filled();
    for edition in EDITIONS {
        let location = location(&kick_off(&served, &format!("/fhir/{edition}"), "", &[]));
        let manifest = ended(&served, &location).json();
        let url = text(&manifest["output"][0]["url"]);
        assert_eq!(served.get(&url).status, 200);
        for name in ["Unicorn.ndjson", "Patient.999.ndjson", "Patient", "..%2F..%2Fs.db"] {
            served.get(&format!("{location}/{name}")).assert_outcome(404, "");
        }
        assert_eq!(delete(&served, &location).status, 202);
        served.get(&url).assert_outcome(404, "");
    }
    for page in pages(&served, PUBLISH) {
        for file in list(&page["output"]) {
            // Nothing was ever published under this name.
            let url = text(&file["url"]);
            let (folder, _) = url.rsplit_once('/').expect("a path");
            let answer = served.get(&format!("{folder}/never.ndjson"));
            assert!((400..600).contains(&answer.status), "{}", answer.status);
        }
    }
}
